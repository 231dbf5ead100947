"""A question → the passages that speak of it.

By words: BM25 (Robertson and Zaragoza 2009, eq. 3.15, k1 1.2, b 0.75), somewhat more for a passage in the question's
script and for one whose headings say it again. By meaning, where the index has vectors and the
question is given as one: their cosine. Both together by reciprocal ranks (Cormack et al. 2009), which needs no common
scale. `coverage` says how much of the question a passage speaks of: the share of its words, each weighed by how rare
it is, with words that no passage has counting most. That is what a refusal to answer goes by.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from catenary.errors import Damaged, InvalidInput, NotFound
from catenary.search.chunk import ChunkSettings, is_wide
from catenary.search.files import (
    DOCUMENTS_FILE,
    FORMAT,
    PASSAGES_FILE,
    SETTINGS_FILE,
    TERMS_FILE,
    VECTORS_FILE,
)
from catenary.search.terms import question_terms, terms

K1, B = 1.2, 0.75
RANK_CONSTANT = 60  # Cormack et al. 2009
FEWEST = 1000  # an index of fewer passages tells too little of how rare a word is
CANDIDATES = 100  # of each kind, that ranks are joined of
SAME_SCRIPT = 1.3  # a question in Chinese is answered by what is written in Chinese, where both speak of it
HEADING = 0.3  # more for a passage whose headings say all of the question
MEANING = 2.0  # a rank by meaning counts as so many by words
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage and where it stands. `id` names it for good: its document and characters `start` to `end` there."""

    number: int
    document: str
    source: str
    file: str
    offset: int
    licence: str
    start: int
    end: int
    headings: tuple[str, ...]
    text: str

    @property
    def id(self) -> str:
        return f"{self.document}:{self.start}-{self.end}"


@dataclass(frozen=True, slots=True)
class Found:
    """A passage that was found. `score` ranks it; `words` is its BM25, `cosine` that of vectors.

    `relevance`: what a model says that read it together with the question (`rerank.py`).
    """

    passage: Passage
    score: float
    words: float
    coverage: float
    cosine: float | None
    relevance: float | None = None


class SearchIndex:
    """An open index. Safe to ask from several threads."""

    def __init__(self, folder: Path, told: dict[str, Any]) -> None:
        self.folder, self.told = folder, told
        try:
            self._starts = np.load(folder / "starts.npy", mmap_mode="r")
            self._passages = np.load(folder / "passages.npy", mmap_mode="r")
            self._counts = np.load(folder / "counts.npy", mmap_mode="r")
            self._lengths = np.load(folder / "lengths.npy", mmap_mode="r")
            self._wide = np.load(folder / "wide.npy", mmap_mode="r")
            self.vectors: Floats | None = (
                np.load(folder / VECTORS_FILE, mmap_mode="r") if (folder / VECTORS_FILE).is_file() else None
            )
            self._documents = _Rows(folder / DOCUMENTS_FILE)
            self._rows = _Rows(folder / PASSAGES_FILE)
        except (OSError, ValueError, pa.ArrowInvalid) as error:
            raise Damaged("This index cannot be read.", got=f"{folder}: {error}") from error
        mean = float(self._lengths.mean()) if len(self._lengths) else 1.0
        self._norms = (K1 * (1 - B + B * self._lengths / max(mean, 1.0))).astype(np.float32)

    @classmethod
    def open(cls, folder: Path) -> SearchIndex:
        """The index in this folder. Raises NotFound where there is none, Damaged where it cannot be read."""
        path = folder / SETTINGS_FILE
        if not path.is_file():
            raise NotFound(
                "There is no index of passages here.",
                got=str(folder),
                expected="what `indexes: {name: {kind: passages, from: …}}` makes",
            )
        told = json.loads(path.read_text("utf-8"))
        if told.get("format") != FORMAT:
            raise InvalidInput(
                "This index is of another version.", got=str(told.get("format")), expected=str(FORMAT)
            )
        return cls(folder, told)

    @property
    def chunk(self) -> ChunkSettings:
        """How its documents were cut."""
        return ChunkSettings(**self.told["chunk"])

    @cached_property
    def terms(self) -> list[str]:
        """All terms, in their order."""
        return (self.folder / TERMS_FILE).read_text("utf-8").split("\n")[:-1]

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {term: number for number, term in enumerate(self.terms)}

    @cached_property
    def _documents_by_id(self) -> dict[str, int]:
        return {id: row for row, id in enumerate(self._documents.column("id"))}

    def embeds(self, question: str) -> bool:
        """Whether there are vectors, made by a model that reads the question's language."""
        languages = self.told["languages"]
        return self.vectors is not None and (
            not languages or ("zh" if is_wide(question) else "en") in languages
        )

    def search(self, question: str, limit: int = 10, *, vector: Floats | None = None) -> list[Found]:
        """The best passages, best first; none where no word of the question is in any and no vector is given.

        `vector`: the question's, of length 1, by the model that made the index's. Of equal passages one is given.
        """
        asked = question_terms(question)
        words = self._words(asked, wide=is_wide(question))
        order = [number for number in _best(words, CANDIDATES) if words[number] > 0]
        cosines = None
        if vector is None or self.vectors is None:
            scores = {number: float(words[number]) for number in order}
        else:
            cosines = self.vectors @ vector.astype(np.float32)
            scores = dict.fromkeys(order, 0.0)
            for weight, ranked in ((1.0, order), (MEANING, _best(cosines, CANDIDATES))):
                for rank, number in enumerate(ranked, 1):
                    scores[number] = scores.get(number, 0.0) + weight / (RANK_CONSTANT + rank)
        joined = sorted(scores.items(), key=lambda one: (-one[1], one[0]))
        return self._found(joined, limit, words, cosines, asked)

    def judged(self, question: str, passages: Sequence[str], *, vector: Floats | None = None) -> list[Found]:
        """These passages by their ids, as they speak of a question, in the order given. Raises NotFound."""
        if not passages:
            return []
        asked = question_terms(question)
        words = self._words(asked, wide=is_wide(question))
        cosines = None if vector is None or self.vectors is None else self.vectors @ vector.astype(np.float32)
        ranked = [(number, float(words[number])) for number in (self.by_id(one).number for one in passages)]
        return self._found(ranked, len(ranked), words, cosines, asked)

    def has(self, term: str) -> bool:
        """Whether any passage has this term."""
        return term in self._numbers

    def rarity(self, term: str) -> float:
        """How much a term says: BM25's weight of it; more than any where no passage has it."""
        number = self._numbers.get(term)
        have = 0 if number is None else int(self._starts[number + 1] - self._starts[number])
        of = max(len(self._lengths), FEWEST)
        return math.log1p((of - have + 0.5) / (have + 0.5))

    def _words(self, asked: Sequence[str], *, wide: bool) -> Floats:
        scores = np.zeros(len(self._lengths), np.float32)
        rarities = {term: self.rarity(term) for term in asked}
        for term, rarity in rarities.items():
            number = self._numbers.get(term)
            if number is None:
                continue
            start, end = int(self._starts[number]), int(self._starts[number + 1])
            passages = self._passages[start:end]
            counts = self._counts[start:end].astype(np.float32)
            scores[passages] += rarity * counts * (K1 + 1) / (counts + self._norms[passages])
        scores[self._wide == wide] *= SAME_SCRIPT
        whole = sum(rarities.values()) or 1.0
        for number in _best(scores, CANDIDATES):
            said = rarities.keys() & terms(" ".join(self._rows.part(number, ("headings",))["headings"]))
            scores[number] *= 1 + HEADING * sum(map(rarities.__getitem__, said)) / whole
        return scores

    def _has(self, term: str, passage: int) -> bool:
        number = self._numbers.get(term)
        if number is None:
            return False
        postings = self._passages[int(self._starts[number]) : int(self._starts[number + 1])]
        at = int(np.searchsorted(postings, passage))
        return at < len(postings) and int(postings[at]) == passage

    def _found(
        self,
        ranked: Sequence[tuple[int, float]],
        limit: int,
        words: Floats,
        cosines: Floats | None,
        asked: Sequence[str],
    ) -> list[Found]:
        rarities = {term: self.rarity(term) for term in asked}
        whole = sum(rarities.values()) or 1.0
        found: dict[str, Found] = {}
        for number, score in ranked:
            passage = self.passage(number)
            if passage.text in found:
                continue
            covered = sum(
                rarity
                for term, rarity in rarities.items()
                if self._has(term, number) or (is_wide(term) and term in passage.text)  # 度 in 八十度
            )
            cosine = None if cosines is None else float(cosines[number])
            found[passage.text] = Found(passage, score, float(words[number]), covered / whole, cosine)
            if len(found) == limit:
                break
        return list(found.values())

    def row(self, number: int) -> dict[str, Any]:
        """A passage's row, as `files.py` has it."""
        return self._rows[number]

    def passage(self, number: int) -> Passage:
        """The passage of this number."""
        row = self._rows[number]
        document = self._documents.part(row["document"], ("id", "source", "file", "offset", "licence"))
        return Passage(
            number=number,
            document=document["id"],
            source=document["source"],
            file=document["file"],
            offset=document["offset"],
            licence=document["licence"],
            start=row["start"],
            end=row["end"],
            headings=tuple(row["headings"]),
            text=row["text"],
        )

    def passages_of(self, document: str) -> range | None:
        """The numbers of a document's passages; None where it is not here."""
        row = self._documents_by_id.get(document)
        if row is None:
            return None
        first = self._documents.part(row, ("first",))["first"]
        last = row + 1 == len(self._documents)
        end = len(self._lengths) if last else self._documents.part(row + 1, ("first",))["first"]
        return range(first, end)

    def by_id(self, passage: str) -> Passage:
        """The passage of this id. Raises NotFound."""
        document, _, place = passage.partition(":")
        for number in self.passages_of(document) or ():
            found = self.passage(number)
            if found.id == f"{document}:{place}":
                return found
        raise NotFound(
            "The index has no such passage.", got=passage, expected="the id of a passage that it gave"
        )

    def text_of(self, document: str) -> str:
        """A document's whole text. Raises NotFound."""
        row = self._documents_by_id.get(document)
        if row is None:
            raise NotFound("The index has no such document.", got=document)
        text: str = self._documents.part(row, ("text",))["text"]
        return text

    def documents(self) -> Iterator[tuple[str, str]]:
        """The id and the text of every document, in their order."""
        return zip(self._documents.column("id"), self.texts(), strict=True)

    def texts(self) -> Iterator[str]:
        """The text of every document, in their order."""
        return (self._documents.part(row, ("text",))["text"] for row in range(len(self._documents)))

    def all_postings(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """(term and passage in one number, the term above; how often), in their order."""
        terms = np.repeat(np.arange(len(self._starts) - 1, dtype=np.int64), np.diff(self._starts))
        return terms << 32 | self._passages.astype(np.int64), self._counts.astype(np.int64)


class _Rows:
    """An Arrow file whose rows are looked up one at a time, without reading the others."""

    def __init__(self, path: Path) -> None:
        reader = pa.ipc.open_file(pa.memory_map(str(path)))
        self._batches = [reader.get_batch(number) for number in range(reader.num_record_batches)]
        self._firsts: list[int] = []
        rows = 0
        for batch in self._batches:
            self._firsts.append(rows)
            rows += batch.num_rows
        self._length = rows

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, row: int) -> dict[str, Any]:
        return self.part(row)

    def part(self, row: int, names: Sequence[str] | None = None) -> dict[str, Any]:
        at = bisect_right(self._firsts, row) - 1
        batch = self._batches[at]
        wanted = batch.schema.names if names is None else names
        return {name: batch.column(name)[row - self._firsts[at]].as_py() for name in wanted}

    def column(self, name: str) -> list[Any]:
        return [value for batch in self._batches for value in batch.column(name).to_pylist()]


def _best(scores: Floats, limit: int) -> list[int]:
    """The numbers of the greatest scores, greatest first; of equal ones the lower number first."""
    if len(scores) > limit:
        least = np.partition(scores, len(scores) - limit)[len(scores) - limit]
        above = np.flatnonzero(scores > least)
        equal = np.flatnonzero(scores == least)[: limit - len(above)]
        chosen = np.concatenate([above, equal])
    else:
        chosen = np.arange(len(scores))
    order = np.lexsort((chosen, -scores[chosen]))
    return [int(number) for number in chosen[order]]
