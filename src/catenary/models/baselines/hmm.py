"""The control of every tagger: a hidden Markov model of words and their tags, counted, not trained.

For words w_1 … w_T and tags t_1 … t_T, with t_0 and t_{T+1} the sentence's bounds (Rabiner, Proceedings of the IEEE
77(2), 1989; for parts of speech Church 1988, Brants 2000):

    p(w, t)   = Π_i p(t_i | t_{i-1}) p(w_i | t_i) · p(t_{T+1} | t_T)
    p(t | s)  = λ f(t | s) + (1 - λ) f(t)           f: shares in the training text; λ by deleted interpolation
    p(w | t)  = p(t | w) p(w) / p(t)                p(w) is the same for all tags, and left out
    p(t | w)  = (n(w, t) + μ p(t | c_k)) / (n(w) + μ)         c_1 … c_k: the word's clues, vague to close
    p(t | c_j) = (n(c_j, t) + μ p(t | c_{j-1})) / (n(c_j) + μ),   p(t | c_0) = f(t)

λ is chosen so that each bigram is predicted as well as may be by all the others (Jelinek and Mercer 1980; Brants 2000,
fig. 1). The clues (`word_shapes.py`) are counted on rare words only, for a word not seen before is a rare one; each
level is the prior of the next (MacKay and Peto, Natural Language Engineering 1, 1995), so known, rare and unknown words
go by one formula. The best tags are found by Viterbi's algorithm, many sentences at a time.

    model = fit_hmm([["我", "在", "北京"]], [["r", "p", "ns"]])
    model.tag([["你", "在", "上海"]])

A word is whatever the text is cut into: words, characters (with tags like B-ns), or tokens.

Legend: B sentences, T words of the longest, K tags, V words, C clues. Tag K is the bound of a sentence.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from catenary.errors import Damaged, InvalidInput, NotFound
from catenary.files import make_folder, write_whole
from catenary.models.baselines.hmm_settings import HmmSettings
from catenary.models.baselines.tensors import expect_tensors, map_tensors, write_tensors
from catenary.models.baselines.word_shapes import clues
from catenary.progress import SILENT, Progress

SENTENCES_AT_ONCE = 256  # bounds the memory of a call

Floats = NDArray[np.float64]
Logs = NDArray[np.float32]
Places = NDArray[np.int64]


class HmmConfig(BaseModel):
    """What `config.json` says of a tagger."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    family: Literal["hmm"] = "hmm"
    format: Literal[1] = 1
    tags: tuple[str, ...]
    words: int
    clues: int
    settings: HmmSettings
    interpolation: float  # λ
    training_sentences: int
    training_words: int


@dataclass(frozen=True, eq=False)
class HmmTagger:
    """`transitions` (K + 1, K + 1): log p(t | s), row s; `word_scores` (V, K) and `clue_scores` (C, K):
    log p(t | w) / p(t);
    `clue_scores[0]` is that of a word without any known clue."""

    config: HmmConfig
    words: tuple[str, ...]
    clues: tuple[str, ...]
    transitions: Logs
    word_scores: Logs
    clue_scores: Logs

    @property
    def tags(self) -> tuple[str, ...]:
        """All tags, sorted."""
        return self.config.tags

    @cached_property
    def _place_of(self) -> dict[str, int]:
        return {word: place for place, word in enumerate(self.words)}

    @cached_property
    def _clue_of(self) -> dict[str, int]:
        return {clue: place for place, clue in enumerate(self.clues)}

    def knows(self, word: str) -> bool:
        """Whether the word stood in the training text."""
        return word in self._place_of

    def tag(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """The likeliest tags of each sentence, one a word."""
        order = sorted(range(len(sentences)), key=lambda place: -len(sentences[place]))
        told: list[list[str]] = [[] for _ in sentences]
        for start in range(0, len(order), SENTENCES_AT_ONCE):
            some = order[start : start + SENTENCES_AT_ONCE]
            best = self._viterbi([sentences[place] for place in some])
            for place, path in zip(some, best, strict=True):
                told[place] = [self.tags[tag] for tag in path]
        return told

    def scores(self, words: Sequence[str]) -> Logs:
        """log p(t | w)/p(t) of each word and tag: (T, K)."""
        place_T = np.array([self._place_of.get(word, -1) for word in words], np.int64)
        score_TK = self.word_scores[np.maximum(place_T, 0)]
        for at in np.flatnonzero(place_T < 0).tolist():
            score_TK[at] = self.clue_scores[self._closest(words[at])]
        return score_TK

    def _closest(self, word: str) -> int:
        """The closest clue that is known, 0 where none is."""
        chain = clues(word, self.config.settings.suffix)
        return next((self._clue_of[clue] for clue in reversed(chain) if clue in self._clue_of), 0)

    def _viterbi(self, sentences: Sequence[Sequence[str]]) -> list[list[int]]:
        """The best path of each sentence; the longest stand first, so that those which go on are always the first rows.

        δ_i(t) = max_s [δ_{i-1}(s) + log p(t | s)] + log p(w_i | t)          (Viterbi 1967; Rabiner 1989, eq. 33)
        """
        lengths = [len(sentence) for sentence in sentences]
        score_NK = self.scores([word for sentence in sentences for word in sentence])
        start_B = np.cumsum(lengths) - lengths
        bound = len(self.tags)
        inner_KK = self.transitions[:bound, :bound]
        end_K = self.transitions[:bound, bound]
        going = sum(length > 0 for length in lengths)
        if not going:
            return [[] for _ in sentences]
        best_BK = self.transitions[bound, :bound] + score_NK[start_B[:going]]
        final_BK = best_BK.copy()
        came_from: list[NDArray[np.int64]] = []
        for at in range(1, lengths[0]):
            going = sum(length > at for length in lengths)
            reach_BKK = best_BK[:going, :, None] + inner_KK
            from_BK = reach_BKK.argmax(axis=1)
            best_BK = (
                np.take_along_axis(reach_BKK, from_BK[:, None], axis=1)[:, 0] + score_NK[start_B[:going] + at]
            )
            final_BK[:going] = best_BK
            came_from.append(from_BK)
        last_B = (final_BK + end_K).argmax(axis=1)
        paths: list[list[int]] = []
        for row, length in enumerate(lengths):
            path = [int(last_B[row])] if length else []
            for at in range(length - 2, -1, -1):
                path.append(int(came_from[at][row, path[-1]]))
            paths.append(path[::-1])
        return paths

    def save(self, folder: Path) -> None:
        """Write config.json, vocabulary.json and model.safetensors into `folder`; equal models give equal bytes."""
        make_folder(folder)
        vocabulary = json.dumps({"words": self.words, "clues": self.clues}, ensure_ascii=False, indent=0)
        write_whole(folder / "vocabulary.json", (vocabulary + "\n").encode("utf-8", "surrogatepass"))
        write_tensors(
            folder / "model.safetensors",
            {
                "transitions": self.transitions,
                "word_scores": self.word_scores,
                "clue_scores": self.clue_scores,
            },
        )
        write_whole(folder / "config.json", (self.config.model_dump_json(indent=2) + "\n").encode())

    @classmethod
    def load(cls, folder: Path) -> HmmTagger:
        """The tagger that `save` wrote into `folder`.

        Raises NotFound when a file is missing and Damaged when one is not what `save` writes.
        """
        config = _read_config(folder / "config.json")
        words, told = _read_vocabulary(folder / "vocabulary.json", config)
        weights = folder / "model.safetensors"
        tensors = map_tensors(weights)
        tags = len(config.tags)
        expected = {
            "transitions": ("float32", (tags + 1, tags + 1)),
            "word_scores": ("float32", (config.words, tags)),
            "clue_scores": ("float32", (config.clues, tags)),
        }
        expect_tensors(tensors, expected, weights)
        return cls(config, words, told, *(tensors[name] for name in expected))


def fit_hmm(
    sentences: Sequence[Sequence[str]],
    tags: Sequence[Sequence[str]],
    settings: HmmSettings | None = None,
    progress: Progress = SILENT,
) -> HmmTagger:
    """Count a tagger from sentences cut into words and their tags.

    Raises InvalidInput when there are no words, or words and tags do not pair.
    """
    settings = settings or HmmSettings()
    _check(sentences, tags)
    progress.begin("counting words and tags", 3, "passes")
    words, word_N = _numbered([word for sentence in sentences for word in sentence])
    names, tag_N = _numbered([tag for row in tags for tag in row])
    bound = len(names)
    share_K = np.bincount(tag_N, minlength=bound) / len(tag_N)
    pairs_KK = _bigrams(tag_N, np.array([len(row) for row in tags if len(row)]), bound)
    weight = _interpolation(pairs_KK)
    progress.advance(1)

    chains = [clues(word, settings.suffix) for word in words]
    told, counts_CK, prior_C = _clue_counts(chains, word_N, tag_N, bound, settings.rare)
    of_clue_CK = _smoothed(counts_CK, prior_C, share_K, settings.prior)
    progress.advance(1)

    number_of = {clue: place for place, clue in enumerate(told)}
    closest_V = np.array(
        [next((number_of[c] for c in reversed(chain) if c in number_of), 0) for chain in chains]
    )
    counts_VK = np.zeros((len(words), bound))
    np.add.at(counts_VK, (word_N, tag_N), 1)
    of_word_VK = (counts_VK + settings.prior * of_clue_CK[closest_V]) / (
        counts_VK.sum(axis=1, keepdims=True) + settings.prior
    )
    progress.advance(1)
    with np.errstate(divide="ignore"):
        tables = [
            np.log(_transitions(pairs_KK, weight)),
            np.log(of_word_VK / share_K),
            np.log(of_clue_CK / share_K),
        ]
    config = HmmConfig(
        tags=names,
        words=len(words),
        clues=len(told),
        settings=settings,
        interpolation=weight,
        training_sentences=len(sentences),
        training_words=len(word_N),
    )
    return HmmTagger(config, words, told, *(table.astype(np.float32) for table in tables))


def _numbered(items: Sequence[str]) -> tuple[tuple[str, ...], Places]:
    """The different ones, sorted, and the number of each item."""
    names = tuple(sorted(set(items)))
    number_of = {name: number for number, name in enumerate(names)}
    return names, np.array([number_of[item] for item in items], np.int64)


def _bigrams(tag_N: Places, lengths: Places, bound: int) -> Floats:
    """How often each tag follows each, the sentences' bounds included: (K + 1, K + 1)."""
    ends = np.cumsum(lengths)
    marked = np.insert(tag_N, np.concatenate([[0], ends]), bound)  # one bound between two sentences
    pairs = marked[:-1] * (bound + 1) + marked[1:]
    return np.bincount(pairs, minlength=(bound + 1) ** 2).reshape(bound + 1, bound + 1).astype(np.float64)


def _interpolation(pairs_KK: Floats) -> float:
    """λ by deleted interpolation: each pair, taken out, votes for the longer or the shorter context."""
    with np.errstate(divide="ignore", invalid="ignore"):
        long_KK = (pairs_KK - 1) / (pairs_KK.sum(axis=1, keepdims=True) - 1)
        short_1K = (pairs_KK.sum(axis=0, keepdims=True) - 1) / (pairs_KK.sum() - 1)
    for_long = pairs_KK[np.nan_to_num(long_KK) >= np.nan_to_num(short_1K)].sum()
    # Neither is ever given up: a pair that was never seen must stay possible.
    return float(np.clip(for_long / pairs_KK.sum(), 0.01, 0.99))


def _transitions(pairs_KK: Floats, weight: float) -> Floats:
    """p(t | s), rows sum to 1."""
    after_KK = pairs_KK / np.maximum(pairs_KK.sum(axis=1, keepdims=True), 1)
    mixed_KK: Floats = weight * after_KK + (1 - weight) * pairs_KK.sum(axis=0) / pairs_KK.sum()
    return mixed_KK


def _clue_counts(
    chains: Sequence[Sequence[str]], word_N: Places, tag_N: Places, tags: int, rare: int
) -> tuple[tuple[str, ...], Floats, Places]:
    """The clues of rare words from vague to close, how often each stood with each tag (C, K), and the next vaguer one.

    Clue 0 is the empty one: all rare words, or all words where none is rare.
    """
    times_V = np.bincount(word_N, minlength=len(chains))
    rare_V = times_V <= rare if (times_V <= rare).any() else np.ones(len(chains), bool)
    vaguer: dict[str, str] = {}
    for place in np.flatnonzero(rare_V).tolist():
        vaguer |= dict(zip(chains[place], ("", *chains[place]), strict=False))
    told = ("", *sorted(vaguer, key=lambda clue: (len(clue.partition("|")[2]), clue)))
    number_of = {clue: number for number, clue in enumerate(told)}
    prior_C = np.array([0, *(number_of[vaguer[clue]] for clue in told[1:])], np.int64)
    counts_CK = np.zeros((len(told), tags))
    counts_VK = np.zeros((len(chains), tags))
    np.add.at(counts_VK, (word_N, tag_N), 1)
    for place in np.flatnonzero(rare_V).tolist():
        counts_CK[[0, *(number_of[clue] for clue in chains[place])]] += counts_VK[place]
    return told, counts_CK, prior_C


def _smoothed(counts_CK: Floats, prior_C: Places, share_K: Floats, prior: float) -> Floats:
    """p(t | c), each clue's on top of the next vaguer one's, which stands before it."""
    of_clue_CK = np.empty_like(counts_CK)
    of_clue_CK[0] = (counts_CK[0] + prior * share_K) / (counts_CK[0].sum() + prior)
    total_C = counts_CK.sum(axis=1)
    for clue in range(1, len(counts_CK)):
        of_clue_CK[clue] = (counts_CK[clue] + prior * of_clue_CK[prior_C[clue]]) / (total_C[clue] + prior)
    return of_clue_CK


def _check(sentences: Sequence[Sequence[str]], tags: Sequence[Sequence[str]]) -> None:
    if len(sentences) != len(tags):
        raise InvalidInput(
            "Each word needs one tag.",
            got=f"{len(sentences)} / {len(tags)}",
            expected="as many rows of tags as sentences",
        )
    for number, (sentence, row) in enumerate(zip(sentences, tags, strict=True)):
        if len(sentence) != len(row):
            raise InvalidInput(
                "Each word needs one tag.",
                where=str(number),
                got=f"{len(sentence)} / {len(row)}",
                expected="as many tags as words",
            )
    if not any(map(len, sentences)):
        raise InvalidInput("There are no tagged words to learn from.", got=len(sentences))


def _read_config(path: Path) -> HmmConfig:
    if not path.is_file():
        raise NotFound("A model's configuration is missing.", where=str(path))
    try:
        return HmmConfig.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise Damaged(
            "This is not the configuration of a hidden Markov model.", got=error, where=str(path)
        ) from error


def _read_vocabulary(path: Path, config: HmmConfig) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if not path.is_file():
        raise NotFound("A model's vocabulary is missing.", where=str(path))
    try:
        told: dict[str, Any] = json.loads(path.read_bytes().decode("utf-8", "surrogatepass"))
        words, known = tuple(map(str, told["words"])), tuple(map(str, told["clues"]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Damaged(
            "This is not the vocabulary of a hidden Markov model.", got=error, where=str(path)
        ) from error
    if (len(words), len(known)) != (config.words, config.clues):
        raise Damaged(
            "This is not the vocabulary of a hidden Markov model.",
            got=f"{len(words)}, {len(known)}",
            expected="{words} words and {clues} clues",
            where=str(path),
            words=config.words,
            clues=config.clues,
        )
    return words, known
