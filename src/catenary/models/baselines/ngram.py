"""The control of every language model: an n-gram model with modified Kneser-Ney smoothing, interpolated.

For a context h and a token w, with h' the context without its first token (Chen & Goodman, "An empirical study of
smoothing techniques for language modeling", Computer Speech & Language 13, 1999, §3; Heafield et al., "Scalable
modified Kneser-Ney language model estimation", ACL 2013):

    p(w|h)  = (a(hw) - D(a(hw))) / Σ_v a(hv)  +  γ(h) p(w|h')
    γ(h)    = Σ_{j=1,2,3+} D_j N_j(h) / Σ_v a(hv)          N_j(h): how many tokens follow h with a(hv) = j
    a(g)    = how often g occurs,                          when g has the full order or starts a sentence
              how many different tokens precede g,         otherwise
    D_j     = j - (j+1) Y n_{j+1} / n_j,  Y = n_1 / (n_1 + 2 n_2)       one set for each order; D_3 for 3 and more

The unigrams rest on the uniform distribution over the vocabulary and the sentence's end, so no token is impossible. As
in KenLM, a sentence begins with one marker that is never predicted and ends with one that is.

    model = fit_ngram([[3, 1, 4], [1, 5]], order=3, vocab_size=8)
    model.log_prob([3, 1])              # natural logarithm, the end included
    model.totals(held_out).perplexity   # per token, the ends included

Counting keeps all tokens in memory: about 40 bytes for each.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from catenary.errors import Damaged, InvalidInput, NotFound
from catenary.files import make_folder, write_whole
from catenary.models.baselines.grams import (
    ABSENT,
    Keys,
    Places,
    children,
    depths,
    find_keys,
    lay_out,
    longer_keys,
)
from catenary.models.baselines.tensors import expect_tensors, map_tensors, write_tensors
from catenary.progress import SILENT, Progress

MAX_ORDER = 6  # KenLM's default limit; beyond it, counts of text are all but unique
FALLBACK_DISCOUNTS = (
    0.5,
    1.0,
    1.5,
)  # KenLM's `--discount_fallback`, for text too small to estimate them from

Logs = NDArray[np.float32]
Discounts = tuple[float, float, float]


class NgramConfig(BaseModel):
    """What `config.json` says of an n-gram model; the arrays lie beside it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    family: Literal["ngram"] = "ngram"
    format: Literal[1] = 1
    order: Annotated[int, Field(ge=1, le=MAX_ORDER)]
    vocab_size: Annotated[int, Field(ge=1, lt=1 << 31)]
    grams: tuple[int, ...]  # how many of each length; the first is vocab_size + 2
    discounts: tuple[
        Discounts, ...
    ] = ()  # D1, D2, D3+ of each order; none when the model was read from an ARPA file
    fallback: tuple[int, ...] = ()  # the orders whose discounts could not be estimated
    training_sequences: int = 0
    training_tokens: int = 0  # the ends not included


@dataclass(frozen=True, slots=True)
class Totals:
    """What a text cost a model: all that perplexity and bits per byte are made of."""

    log_prob: float  # natural logarithm, summed
    tokens: int  # as many as were predicted: each sequence's tokens and its end
    sequences: int

    @classmethod
    def of(cls, scored: Sequence[NDArray[np.float64]]) -> Totals:
        """Of what `log_probs_of_all` gave."""
        log_prob = math.fsum(float(array.sum()) for array in scored)
        return cls(log_prob, sum(len(array) for array in scored), len(scored))

    @property
    def perplexity(self) -> float:
        """exp of the mean negative log probability of a token, the ends included."""
        return math.exp(-self.log_prob / self.tokens) if self.tokens else math.nan

    def bits_per_byte(self, text_bytes: int) -> float:
        """Comparable between models with different tokenizers; `text_bytes` is the UTF-8 length of the text."""
        return -self.log_prob / math.log(2) / text_bytes


@dataclass(frozen=True, eq=False)
class NgramModel:
    """Log probabilities and back-off weights of all grams that occur, as a trie of sorted arrays (`grams.py`).

    `keys[k - 2]` are the keys of the grams of length k, sorted; `gram_log_probs[k - 1]` what they cost after their own
    context, all shorter orders mixed in; `gram_backoffs[k - 1]` the weight of the shorter order after them.
    """

    config: NgramConfig
    keys: tuple[Keys, ...]
    gram_log_probs: tuple[Logs, ...]
    gram_backoffs: tuple[Logs, ...]

    @property
    def end(self) -> int:
        """The id of the sentence's end, one past the vocabulary."""
        return self.config.vocab_size

    @property
    def begin(self) -> int:
        """The id of the sentence's beginning."""
        return self.config.vocab_size + 1

    @property
    def base(self) -> int:
        """The number that keys are made with: the vocabulary and both markers."""
        return self.config.vocab_size + 2

    def log_probs_of_all(self, sequences: Iterable[Sequence[int]]) -> list[NDArray[np.float64]]:
        """For each sequence the natural log probabilities of its tokens and of its end: (length + 1,).

        Raises InvalidInput for an id outside the vocabulary.
        """
        arrays = [self._checked(sequence) for sequence in sequences]
        if not arrays:
            return []
        token_T, depth_T = lay_out([self._marked(array) for array in arrays])
        log_prob_T = self._score(token_T, depth_T)[depth_T > 0]
        return np.split(log_prob_T, np.cumsum([len(array) + 1 for array in arrays])[:-1])

    def log_probs(self, sequence: Sequence[int]) -> NDArray[np.float64]:
        """The natural log probabilities of the tokens of one sequence and of its end: (length + 1,)."""
        return self.log_probs_of_all([sequence])[0]

    def log_prob(self, sequence: Sequence[int]) -> float:
        """The natural log probability of a whole sequence, its end included."""
        return float(self.log_probs(sequence).sum())

    def totals(self, sequences: Iterable[Sequence[int]]) -> Totals:
        """Log probability, tokens and sequences of a text."""
        return Totals.of(self.log_probs_of_all(sequences))

    def perplexity(self, sequences: Iterable[Sequence[int]]) -> float:
        """exp of the mean negative log probability of a token, the ends included."""
        return self.totals(sequences).perplexity

    def distribution(self, context: Sequence[int]) -> NDArray[np.float64]:
        """p(· | the sentence's beginning and `context`) over the vocabulary and, last, the end: (vocab_size + 1,)."""
        history = np.append(np.int64(self.begin), self._checked(context))
        p_V = np.exp(self.gram_log_probs[0][: self.end + 1].astype(np.float64))
        for length in range(1, min(self.config.order, len(history) + 1)):
            place = self._place(history[len(history) - length :])
            if place == ABSENT:
                break  # a context that does not occur is in no longer one that does
            p_V *= math.exp(self.gram_backoffs[length - 1][place])
            span, tokens = children(self.keys[length - 1], place, self.base)
            p_V[tokens] = np.exp(self.gram_log_probs[length][span].astype(np.float64))
        return p_V

    def sample(self, seed: int, *, max_tokens: int = 100, prompt: Sequence[int] = ()) -> list[int]:
        """`prompt` continued by drawing one token after another, up to the end or `max_tokens` new ones."""
        draws = np.random.default_rng(seed)
        tokens = list(prompt)
        for _ in range(max_tokens):
            cumulative_V = np.cumsum(self.distribution(tokens))
            token = int(np.searchsorted(cumulative_V, draws.random() * cumulative_V[-1], side="right"))
            if token == self.end:
                break
            tokens.append(token)
        return tokens

    def save(self, folder: Path) -> None:
        """Write `config.json` and `model.safetensors` into `folder`; equal models give equal bytes."""
        make_folder(folder)
        tensors: dict[str, NDArray[np.generic]] = {}
        for k, array in enumerate(self.gram_log_probs, 1):
            tensors[f"log_prob.{k}"] = array
        for k, array in enumerate(self.gram_backoffs, 1):
            tensors[f"backoff.{k}"] = array
        for k, keys in enumerate(self.keys, 2):
            tensors[f"keys.{k}"] = keys
        write_tensors(folder / "model.safetensors", tensors)
        write_whole(folder / "config.json", (self.config.model_dump_json(indent=2) + "\n").encode())

    @classmethod
    def load(cls, folder: Path) -> NgramModel:
        """The model that `save` wrote into `folder`, its arrays mapped, not read.

        Raises NotFound when a file is missing and Damaged when one is not what `save` writes.
        """
        config = _read_config(folder / "config.json")
        weights = folder / "model.safetensors"
        tensors = map_tensors(weights)
        orders = range(1, config.order + 1)
        expected: dict[str, tuple[str, tuple[int, ...]]] = {}
        for k in orders:
            expected[f"log_prob.{k}"] = ("float32", (config.grams[k - 1],))
            if k < config.order:
                expected[f"backoff.{k}"] = ("float32", (config.grams[k - 1],))
            if k > 1:
                expected[f"keys.{k}"] = ("uint64", (config.grams[k - 1],))
        expect_tensors(tensors, expected, weights)
        return cls(
            config,
            keys=tuple(tensors[f"keys.{k}"] for k in orders[1:]),
            gram_log_probs=tuple(tensors[f"log_prob.{k}"] for k in orders),
            gram_backoffs=tuple(tensors[f"backoff.{k}"] for k in orders[:-1]),
        )

    def _checked(self, sequence: Sequence[int]) -> Places:
        return checked_ids(sequence, self.config.vocab_size)

    def _marked(self, ids: Places) -> Places:
        return np.concatenate([[self.begin], ids, [self.end]])

    def _place(self, gram: Places) -> int:
        place = int(gram[0])
        for level, token in zip(self.keys, gram[1:], strict=False):
            place = int(find_keys(level, np.array([place * self.base + int(token)], np.uint64))[0])
            if place == ABSENT:
                break
        return place

    def _score(self, token_T: Places, depth_T: Places) -> NDArray[np.float64]:
        """log p of each position after up to order - 1 tokens of its own sequence.

        From short contexts to long: where the longer gram occurs its own figure holds, elsewhere the shorter one's,
        less the back-off weight of the context if that occurs.
        """
        place_T = token_T
        log_prob_T = self.gram_log_probs[0][token_T].astype(np.float64)
        for length in range(2, self.config.order + 1):
            at_P, keys_P = longer_keys(place_T, token_T, depth_T, length, self.base)
            log_prob_T[at_P] += self.gram_backoffs[length - 2][place_T[at_P - 1]]
            place_P = find_keys(self.keys[length - 2], keys_P)
            found_P = place_P != ABSENT
            log_prob_T[at_P[found_P]] = self.gram_log_probs[length - 1][place_P[found_P]]
            place_T = np.full(len(token_T), ABSENT, np.int64)
            place_T[at_P] = place_P
        return log_prob_T


def fit_ngram(
    sequences: Iterable[Sequence[int]], *, order: int, vocab_size: int, progress: Progress = SILENT
) -> NgramModel:
    """Estimate a model of `order` (1 to 6) from sequences of ids in 0 … vocab_size - 1, without begin or end markers.

    Raises InvalidInput for an order out of range, an id outside the vocabulary, and when there are no sequences.
    """
    if not 1 <= order <= MAX_ORDER:
        raise InvalidInput("This order of an n-gram model is out of range.", got=order, expected="1 to 6")
    end, begin, base = vocab_size, vocab_size + 1, vocab_size + 2
    arrays = [np.concatenate([[begin], checked_ids(ids, vocab_size), [end]]) for ids in sequences]
    if not arrays:
        raise InvalidInput("There is no text to count n-grams in.", got=0, expected="at least one sequence")
    token_T = np.concatenate(arrays)
    depth_T = depths(np.array([len(array) for array in arrays], np.int64))
    tokens = len(token_T) - 2 * len(arrays)
    del arrays

    progress.begin("counting n-grams", 2 * order, "passes")
    levels = _count(token_T, depth_T, order, base, progress)
    log_p_G = np.full(base, -math.log(vocab_size + 1))  # below the unigrams: the uniform distribution
    log_probs: list[Logs] = []
    backoffs: list[Logs] = []
    discounts: list[Discounts] = []
    fallback: list[int] = []
    for length, level in enumerate(levels, 1):
        estimated = _estimate_discounts(level.adjusted)
        if estimated is None:
            fallback.append(length)
        discount = estimated or FALLBACK_DISCOUNTS
        own_G, gamma_C = _discounted(level, discount)
        p_G = own_G + gamma_C[level.context] * np.exp(log_p_G[level.suffix])
        if length == 1:
            p_G[begin] = 0.0  # never predicted
        else:
            with np.errstate(divide="ignore"):
                # A gram that nothing follows (one with the end) is no context: it passes on all.
                backoffs.append(np.where(gamma_C > 0, np.log(gamma_C), 0.0).astype(np.float32))
        with np.errstate(divide="ignore"):
            log_p_G = np.log(p_G)
        log_probs.append(log_p_G.astype(np.float32))
        discounts.append(discount)
        progress.advance(1)
    config = NgramConfig(
        order=order,
        vocab_size=vocab_size,
        grams=tuple(len(level.adjusted) for level in levels),
        discounts=tuple(discounts),
        fallback=tuple(fallback),
        training_sequences=int((depth_T == 0).sum()),
        training_tokens=tokens,
    )
    return NgramModel(config, tuple(level.keys for level in levels[1:]), tuple(log_probs), tuple(backoffs))


def checked_ids(sequence: Sequence[int], vocab_size: int) -> Places:
    """`sequence` as an array; InvalidInput for an id outside 0 … vocab_size - 1."""
    ids = np.asarray(sequence, dtype=np.int64)
    if len(ids) and not (ids.min() >= 0 and ids.max() < vocab_size):
        wrong = ids[(ids < 0) | (ids >= vocab_size)][0]
        raise InvalidInput(
            "A token id is outside the vocabulary.",
            got=int(wrong),
            expected="0 to {last}; the tokenizer is the one that the model was made with",
            last=vocab_size - 1,
        )
    return ids


@dataclass(frozen=True, slots=True)
class _Level:
    """The grams (G) of one length, and the contexts (C): the grams one token shorter."""

    keys: Keys
    context: Places  # (G,) the place of a gram without its last token
    suffix: Places  # (G,) the place of a gram without its first token
    adjusted: Places  # (G,) a(g)
    contexts: int


def _count(token_T: Places, depth_T: Places, order: int, base: int, progress: Progress) -> list[_Level]:
    """The levels of all grams that occur, from short to long."""
    begin = base - 1
    unigram_G = np.arange(base)
    count_G = np.bincount(token_T, minlength=base)
    count_G[begin] = 0
    levels = [_Level(unigram_G.astype(np.uint64), np.zeros(base, np.int64), unigram_G, count_G, contexts=1)]
    place_T = token_T
    progress.advance(1)
    for length in range(2, order + 1):
        at_P, keys_P = longer_keys(place_T, token_T, depth_T, length, base)
        keys, first_G, place_P, count_G = np.unique(
            keys_P, return_index=True, return_inverse=True, return_counts=True
        )
        shorter = levels[-1]
        example_G = at_P[first_G]  # a position where each gram ends
        suffix_G = place_T[example_G]
        context_G = (keys // np.uint64(base)).astype(np.int64)
        levels.append(_Level(keys, context_G, suffix_G, count_G, contexts=len(shorter.adjusted)))
        levels[-2] = _with_adjusted_counts(shorter, suffix_G)
        place_T = np.full(len(token_T), ABSENT, np.int64)
        place_T[at_P] = place_P
        progress.advance(1)
    return levels


def _with_adjusted_counts(level: _Level, longer_suffix_G: Places) -> _Level:
    """`level` with occurrences replaced by how many tokens precede, save for grams that nothing precedes."""
    preceding_G = np.bincount(longer_suffix_G, minlength=len(level.adjusted))
    # Only a gram that starts a sentence is preceded by nothing: it keeps its occurrences.
    adjusted = np.where(preceding_G > 0, preceding_G, level.adjusted)
    return _Level(level.keys, level.context, level.suffix, adjusted, level.contexts)


def _estimate_discounts(adjusted_G: Places) -> Discounts | None:
    """D1, D2, D3+ from the counts of counts (Chen & Goodman, equation 26); None when the text is too small."""
    n = np.bincount(np.minimum(adjusted_G, 5), minlength=6)
    if not n[1:4].all():
        return None
    y = n[1] / (n[1] + 2 * n[2])
    one, two, more = (float(j - (j + 1) * y * n[j + 1] / n[j]) for j in (1, 2, 3))
    if not (0 < one <= 1 and 0 < two <= 2 and 0 < more <= 3):
        return None
    return one, two, more


def _discounted(level: _Level, discount: Discounts) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Each gram's own share (G,) and what is left of each context for the shorter order: γ (C,)."""
    taken_G = np.array([0.0, *discount])[np.minimum(level.adjusted, 3)]
    total_C = np.bincount(level.context, weights=level.adjusted, minlength=level.contexts)
    gamma_C = np.bincount(level.context, weights=taken_G, minlength=level.contexts) / np.maximum(total_C, 1)
    return (level.adjusted - taken_G) / total_C[level.context], gamma_C


def _read_config(path: Path) -> NgramConfig:
    if not path.is_file():
        raise NotFound("A model's configuration is missing.", where=str(path))
    try:
        config = NgramConfig.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise Damaged(
            "This is not the configuration of an n-gram model.", got=error, where=str(path)
        ) from error
    if len(config.grams) != config.order or config.grams[0] != config.vocab_size + 2:
        raise Damaged("This is not the configuration of an n-gram model.", got=config.grams, where=str(path))
    return config
