"""Verbatim match: which documents hold the longest spans of a text, word for word, and how often.

    build_index(documents, folder, vocab_size=32000)            # (id, token ids) → a folder
    with_ids = Index.open(folder).spans(tokenizer.encode(answer))
    with_ids[0].tokens, with_ids[0].documents                   # how long, in which documents

A suffix array over the documents' tokens (as infini-gram: Liu et al., COLM 2024), in shards, so that memory is bounded
while it is built, and read from disk by memory map. With up to 65,535 kinds of tokens a token takes 2 bytes and its
suffix 4: three times the tokens' size in all; with more, twice.

A match says that the words stand there. It is no lineage (what the model was made of) and no estimate of influence.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from catenary.errors import Damaged, InvalidInput, NotFound
from catenary.evaluate.suffixes import longest_matches, occurrences, suffix_array
from catenary.files import make_folder, write_whole
from catenary.progress import SILENT, Progress

FORMAT = 1
SHARD_TOKENS = 1 << 24  # sorted at once: about 350 MB of memory
MIN_TOKENS = 6
FILES = ("tokens.npy", "suffixes.npy", "starts.npy")


@dataclass(frozen=True, slots=True)
class Place:
    """A document that holds a span, and at which of its tokens the span begins."""

    document: str
    token: int


@dataclass(frozen=True, slots=True)
class Span:
    """Tokens `start` to `end` of the text asked for: how often they stand in the index, and some places where."""

    start: int
    end: int
    occurrences: int
    documents: tuple[Place, ...]

    @property
    def tokens(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class _Shard:
    tokens: npt.NDArray[Any]
    suffixes: npt.NDArray[np.uint32]
    starts: npt.NDArray[np.int64]  # of its documents
    ids: npt.NDArray[Any]


def build_index(
    documents: Iterable[tuple[str, Sequence[int]]],
    folder: Path,
    *,
    vocab_size: int,
    shard_tokens: int = SHARD_TOKENS,
    progress: Progress = SILENT,
) -> dict[str, int]:
    """Write the index of (id, token ids) into `folder`; what was counted. A document longer than a shard is parted.

    Raises InvalidInput for a token beyond `vocab_size` and for no document at all.
    """
    make_folder(folder)
    kind = np.uint16 if vocab_size < 1 << 16 else np.uint32
    end = vocab_size  # stands behind each document, so that no match runs into the next
    shards = total = count = 0
    progress.begin("indexing", 0, "tokens")
    for ids, starts, tokens in _shards(documents, shard_tokens, end):
        place = folder / f"{shards:05d}"
        make_folder(place)
        small = tokens.astype(kind)
        np.save(place / "tokens.npy", small, allow_pickle=False)
        np.save(
            place / "suffixes.npy", suffix_array(small, vocab_size + 1).astype(np.uint32), allow_pickle=False
        )
        np.save(place / "starts.npy", np.asarray(starts, np.int64), allow_pickle=False)
        write_whole(place / "ids.txt", "\n".join(ids).encode())
        shards, total, count = shards + 1, total + len(tokens) - len(ids), count + len(ids)
        progress.advance(len(tokens))
    if not shards:
        raise InvalidInput("There is nothing to index.", expected="at least one document")
    told = {"documents": count, "tokens": total, "shards": shards, "vocab_size": vocab_size}
    write_whole(folder / "index.json", json.dumps({"format": FORMAT, **told}).encode())
    return told


def _shards(
    documents: Iterable[tuple[str, Sequence[int]]], size: int, end: int
) -> Iterator[tuple[list[str], list[int], npt.NDArray[np.int64]]]:
    """Whole documents together, each with `end` behind it: ids, starts, tokens."""
    ids: list[str] = []
    starts: list[int] = []
    parts: list[npt.NDArray[np.int64]] = []
    held = 0
    for name, told in documents:
        whole = np.asarray(told, np.int64)
        if int(whole.max(initial=0)) >= end:
            raise InvalidInput(
                "A token is beyond the vocabulary.", got=int(whole.max()), expected="less than {n}", n=end
            )
        for piece in np.split(whole, range(size, len(whole), size)) if len(whole) > size else [whole]:
            if held and held + len(piece) + 1 > size:
                yield ids, starts, np.concatenate(parts)
                ids, starts, parts, held = [], [], [], 0
            ids.append(name)
            starts.append(held)
            parts += [piece, np.array([end])]
            held += len(piece) + 1
    if held:
        yield ids, starts, np.concatenate(parts)


class Index:
    """An index on disk, mapped into memory: opening it reads next to nothing."""

    def __init__(self, shards: Sequence[_Shard], told: dict[str, int]) -> None:
        self._shards, self.told = shards, told

    @classmethod
    def open(cls, folder: Path) -> Index:
        """Raises NotFound where there is none, Damaged for one that does not hold together."""
        if not (folder / "index.json").is_file():
            raise NotFound("There is no index here.", got=str(folder), next="catenary run")
        try:
            told = json.loads((folder / "index.json").read_text("utf-8"))
            shards = []
            for number in range(told["shards"]):
                place = folder / f"{number:05d}"
                tokens, suffixes, starts = (
                    np.load(place / name, mmap_mode="r", allow_pickle=False) for name in FILES
                )
                ids = np.array((place / "ids.txt").read_text("utf-8").split("\n"))
                if len(tokens) != len(suffixes) or len(starts) != len(ids):
                    raise ValueError(place.name)
                shards.append(_Shard(tokens, suffixes, starts, ids))
        except (ValueError, KeyError, OSError) as error:
            raise Damaged("This index does not hold together.", where=str(folder), got=str(error)) from None
        return cls(shards, told)

    @property
    def bytes(self) -> int:
        """Of its arrays."""
        return sum(one.tokens.nbytes + one.suffixes.nbytes + one.starts.nbytes for one in self._shards)

    def spans(
        self, tokens: Sequence[int], *, min_tokens: int = MIN_TOKENS, spans: int = 10, places: int = 5
    ) -> list[Span]:
        """The longest spans of `tokens` that stand in some document, the longest first; none lies within another."""
        asked = np.asarray(tokens, np.int64)
        best = np.zeros(len(asked), np.int32)
        for shard in self._shards:
            longest_matches(shard.tokens, shard.suffixes, asked.astype(shard.tokens.dtype), best)
        ends = np.arange(len(asked)) + best
        before = np.concatenate([[-1], np.maximum.accumulate(ends)[:-1]]) if len(ends) else ends
        found: list[int] = np.flatnonzero((best >= min_tokens) & (ends > before)).tolist()
        found.sort(key=lambda at: (-int(best[at]), at))
        return [self._span(asked, at, int(ends[at]), places) for at in found[:spans]]

    def _span(self, asked: npt.NDArray[np.int64], start: int, end: int, places: int) -> Span:
        count = 0
        where: list[Place] = []
        for shard in self._shards:
            run = asked[start:end].astype(shard.tokens.dtype)
            low, high = occurrences(shard.tokens, shard.suffixes, run)
            count += high - low
            for at in np.sort(shard.suffixes[low : min(high, low + places)]).tolist():
                if len(where) < places:
                    document = int(np.searchsorted(shard.starts, at, side="right")) - 1
                    where.append(Place(str(shard.ids[document]), at - int(shard.starts[document])))
        return Span(start, end, int(count), tuple(where))

    def covered(self, tokens: Sequence[int], *, min_tokens: int = MIN_TOKENS) -> int:
        """How many of `tokens` lie in some span of at least `min_tokens`: what of a text is not new."""
        asked = np.asarray(tokens, np.int64)
        best = np.zeros(len(asked), np.int32)
        for shard in self._shards:
            longest_matches(shard.tokens, shard.suffixes, asked.astype(shard.tokens.dtype), best)
        inside = np.zeros(len(asked) + 1, np.int64)
        for at in np.flatnonzero(best >= min_tokens).tolist():
            inside[at] += 1
            inside[at + best[at]] -= 1
        return int((np.cumsum(inside) > 0).sum())
