"""How likely a causal model finds what may follow a text: multiple choice, and any figure made of likelihoods.

    scorer = Scorer.open(folder)
    scorer.score([("The capital of France is", " Paris"), ("The capital of France is", " Lyon")])

Text is cut as lm-evaluation-harness cuts it: context and continuation are encoded together, white space at the end of
the context belongs to the continuation, and a text too long for the model loses its beginning. So the numbers are the
same. It is quick because no token is padding (texts are packed end to end), pairs that share all but their last token,
or a long context, are read once, and logits are made only where they are asked for.

N tokens of a packed batch · M tokens of continuations · V vocabulary
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, Self

import torch

from catenary.errors import InvalidInput
from catenary.inference.port import Stop, go_on, never
from catenary.models import Model, load, text_frame
from catenary.progress import SILENT, Progress
from catenary.tokenizer import load as load_tokenizer

TOKENS_AT_ONCE = 2048  # of a packed batch: enough to keep the products large, small enough for the caches
SHARED_FROM = 16  # tokens of a context that are worth reading once for all its continuations
LOGITS_AT_ONCE = 256  # rows of the vocabulary that are held at a time

Dtype = Literal["float32", "bfloat16"]


@dataclass(frozen=True, slots=True)
class Likely:
    """Natural log probability of a continuation, whether greedy decoding would write it, and its tokens."""

    log_prob: float
    greedy: bool
    tokens: int


class Encodes(Protocol):
    """What scoring needs of a tokenizer."""

    def encode_batch(self, texts: Sequence[str], /) -> list[list[int]]: ...


@dataclass(frozen=True, slots=True)
class _Row:
    """What the model reads, and the continuations that end there: (number of the pair, its ids)."""

    ids: tuple[int, ...]
    asked: tuple[tuple[int, tuple[int, ...]], ...]


class Scorer:
    """A causal model and its tokenizer. `first`: the token that stands before an empty context."""

    def __init__(self, model: Model, tokenizer: Encodes, *, max_tokens: int | None = None) -> None:
        self.model, self.tokenizer = model.eval(), tokenizer
        self.first, _ = text_frame(model.config)
        self.max_tokens = max_tokens or model.config.max_position_embeddings

    @classmethod
    def open(cls, folder: Path, *, dtype: Dtype = "float32") -> Self:
        """The model in a folder or GGUF file. Raises what `models.load` raises."""
        from catenary.inference.load import unpacked

        folder = unpacked(folder)
        return cls(load(folder, "clm").to(getattr(torch, dtype)), load_tokenizer(folder))

    def score(
        self, pairs: Sequence[tuple[str, str]], *, stop: Stop = never, progress: Progress = SILENT
    ) -> list[Likely]:
        """One `Likely` a pair of context and continuation. Raises InvalidInput for an empty continuation."""
        encoded = self._encoded(pairs)
        found: list[Likely | None] = [None] * len(pairs)
        progress.begin("scoring continuations", len(pairs), "continuations")
        shared = self._shared(encoded)
        for before, asked in shared.items():
            go_on(stop)
            for number, likely in self._score_shared(before, asked):
                found[number] = likely
            progress.advance(len(asked))
        together = {number for asked in shared.values() for number, _ in asked}
        rows = self._rows(encoded, without=together)
        for batch in packed(rows):
            go_on(stop)
            for number, likely in self._score(batch):
                found[number] = likely
            progress.advance(sum(len(row.asked) for row in batch))
        return [likely for likely in found if likely is not None]

    def score_texts(self, texts: Sequence[str], *, progress: Progress = SILENT) -> list[Likely]:
        """The likelihood of whole texts (lm-evaluation-harness's rolling likelihood): every token once, windows as
        long as the model reads."""
        encoded = self.tokenizer.encode_batch(list(texts))
        rows: list[_Row] = []
        of_text: list[int] = []
        for number, ids in enumerate(encoded):
            for start in range(0, len(ids), self.max_tokens):
                piece = tuple(ids[start : start + self.max_tokens])
                before = self.first if start == 0 else ids[start - 1]
                rows.append(_Row((before, *piece[:-1]), ((len(of_text), piece),)))
                of_text.append(number)
        parts: list[list[Likely]] = [[] for _ in texts]
        progress.begin("scoring text", len(rows), "sequences")
        for batch in packed(rows):
            for piece_number, likely in self._score(batch):
                parts[of_text[piece_number]].append(likely)
            progress.advance(len(batch))
        return [
            Likely(sum(p.log_prob for p in of), all(p.greedy for p in of), sum(p.tokens for p in of))
            for of in parts
        ]

    def _encoded(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[list[int], list[int]]]:
        contexts, wholes = [], []
        for context, continuation in pairs:
            if not continuation:
                raise InvalidInput(
                    "A continuation has no text.", got=context[-40:], expected="at least a character"
                )
            contexts.append(context.rstrip())
            wholes.append(context + continuation)
        unique = list(dict.fromkeys(contexts))
        context_ids = dict(zip(unique, self.tokenizer.encode_batch(unique), strict=True))
        told = []
        for context, whole in zip(contexts, self.tokenizer.encode_batch(wholes), strict=True):
            before = context_ids[context]
            after = whole[len(before) :]
            told.append(
                (before or [self.first], after) if after else (whole[:-1] or [self.first], whole[-1:])
            )
        return told

    def _shared(
        self, encoded: Sequence[tuple[list[int], list[int]]]
    ) -> dict[tuple[int, ...], list[tuple[int, list[int]]]]:
        """Long contexts that several continuations follow: context → (number of the pair, continuation)."""
        asked: dict[tuple[int, ...], list[tuple[int, list[int]]]] = {}
        for number, (before, after) in enumerate(encoded):
            if len(before) >= SHARED_FROM and len(before) + len(after) <= self.max_tokens:
                asked.setdefault(tuple(before), []).append((number, after))
        # Continuations of one token are read off the context in one row anyway.
        return {
            before: of
            for before, of in asked.items()
            if len(of) > 1 and any(len(after) > 1 for _, after in of)
        }

    @torch.inference_mode()
    def _score_shared(
        self, before: Sequence[int], asked: Sequence[tuple[int, list[int]]]
    ) -> Iterator[tuple[int, Likely]]:
        """The context is read once; its keys and values serve every continuation."""
        longest = max(len(after) for _, after in asked)
        cache = self.model.empty_cache(rows=1, capacity=len(before) + longest)
        nothing = torch.tensor([0])
        last_1D = self.model(torch.tensor([list(before)]), cache=cache, logits_at=nothing).hidden[0, -1:]
        parts = [[last_1D] for _ in asked]
        if longest > 1:
            # What follows a continuation's end is read too, and seen by nothing that counts.
            ids_KT = torch.tensor([after[:-1] + [0] * (longest - len(after)) for _, after in asked])
            rows = cache.select(torch.zeros(len(asked), dtype=torch.long))
            hidden_KTD = self.model(ids_KT, cache=rows, logits_at=nothing).hidden
            for part, hidden_TD, (_, after) in zip(parts, hidden_KTD, asked, strict=True):
                part.append(hidden_TD[: len(after) - 1])
        hidden_MD = torch.cat([one for part in parts for one in part])
        targets = torch.tensor([token for _, after in asked for token in after])
        log_M, greedy_M = self._read(hidden_MD, torch.arange(len(targets)), targets)
        at = 0
        for number, after in asked:
            span = slice(at, at + len(after))
            yield number, Likely(float(log_M[span].sum()), bool(greedy_M[span].all()), len(after))
            at += len(after)

    def _rows(
        self, encoded: Sequence[tuple[list[int], list[int]]], without: Container[int] = ()
    ) -> list[_Row]:
        """Pairs whose ids are the same but for the last token are one row."""
        asked: dict[tuple[int, ...], list[tuple[int, tuple[int, ...]]]] = {}
        for number, (before, after) in enumerate(encoded):
            if number in without:
                continue
            if len(after) > self.max_tokens:
                raise InvalidInput(
                    "A continuation is longer than the model reads.",
                    got=len(after),
                    expected="at most {n} tokens",
                    n=self.max_tokens,
                )
            ids = (*before, *after)[-(self.max_tokens + 1) :][:-1]
            asked.setdefault(ids, []).append((number, tuple(after)))
        return [_Row(ids, tuple(of)) for ids, of in asked.items()]

    @torch.inference_mode()
    def _score(self, batch: Sequence[_Row]) -> Iterator[tuple[int, Likely]]:
        borders, spans = [0], []
        places: list[int] = []
        targets: list[int] = []
        for row in batch:
            end = borders[-1] + len(row.ids)
            for number, after in row.asked:
                spans.append((number, len(after)))
                places += range(end - len(after), end)
                targets += after
            borders.append(end)
        ids_1N = torch.tensor([[one for row in batch for one in row.ids]])
        hidden_1ND = self.model(ids_1N, cu_seqlens=torch.tensor(borders), logits_at=torch.tensor([0])).hidden
        log_M, greedy_M = self._read(hidden_1ND[0], torch.tensor(places), torch.tensor(targets))
        at = 0
        for number, tokens in spans:
            part = slice(at, at + tokens)
            yield number, Likely(float(log_M[part].sum()), bool(greedy_M[part].all()), tokens)
            at += tokens

    def _read(
        self, hidden_ND: torch.Tensor, places_M: torch.Tensor, targets_M: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The log probability of each target at its place, and whether it is the likeliest: (M,) each."""
        log_M, greedy_M = (
            torch.zeros(len(places_M), dtype=torch.float64),
            torch.zeros(len(places_M), dtype=torch.bool),
        )
        unique_U, of_M = torch.unique(places_M, return_inverse=True)
        for start in range(0, len(unique_U), LOGITS_AT_ONCE):
            [some] = ((of_M >= start) & (of_M < start + LOGITS_AT_ONCE)).nonzero(as_tuple=True)
            read_U = unique_U[start : start + LOGITS_AT_ONCE]
            logits_UV = self.model.head(hidden_ND[read_U], self.model.embedding.weight).float()
            row, target = of_M[some] - start, targets_M[some]
            log_M[some] = (logits_UV[row, target] - logits_UV.logsumexp(-1)[row]).double()
            greedy_M[some] = logits_UV.argmax(-1)[row] == target
        return log_M, greedy_M


def packed(rows: Sequence[_Row], tokens: int = TOKENS_AT_ONCE) -> Iterator[list[_Row]]:
    """Rows of like length together, as many as `tokens` hold; the longest first, so that memory runs out at once."""
    batch: list[_Row] = []
    held = 0
    for row in sorted(rows, key=lambda one: -len(one.ids)):
        if batch and held + len(row.ids) > tokens:
            yield batch
            batch, held = [], 0
        batch.append(row)
        held += len(row.ids)
    if batch:
        yield batch
