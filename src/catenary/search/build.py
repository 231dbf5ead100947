"""Documents into an index.

What an earlier index has of the same documents, cut in the same way, is taken over: passages, term counts and vectors.
A document's id says what it is and where it came from, so one that changed is another one, and one that went leaves no
word behind. The files are the same, to the bit, with an earlier index and without one; vectors as far as the model is.
"""

from __future__ import annotations

import json
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from catenary.progress import SILENT, Progress
from catenary.search.chunk import ChunkSettings, chunks, is_wide
from catenary.search.files import (
    DOCUMENTS,
    DOCUMENTS_FILE,
    FORMAT,
    PASSAGES,
    PASSAGES_FILE,
    SETTINGS_FILE,
    TERMS_FILE,
    VECTORS_FILE,
)
from catenary.search.index import SearchIndex
from catenary.search.terms import stemmed, words

TOKENS_AT_ONCE = 1 << 21
EMBEDDED_AT_ONCE = 256
COLUMNS = ("id", "source", "file", "offset", "licence", "text")
Ints = npt.NDArray[np.int64]
Embed = Callable[[Sequence[str]], npt.NDArray[np.float32]]
"""Texts → one vector of length 1 each."""


@dataclass(frozen=True, slots=True)
class Indexed:
    """How an index is made. `embedding` names what makes the vectors: others are not taken over; `languages` are those
    that it reads (`zh`, `en`), all where none is named."""

    chunk: ChunkSettings = field(default_factory=ChunkSettings)
    embedding: str | None = None
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Built:
    """What came of it: `kept` documents were taken over, `gone` ones are in the earlier index alone."""

    documents: int
    passages: int
    terms: int
    characters: int
    new: int
    kept: int
    gone: int


def build_search(
    documents: Iterable[pa.RecordBatch],
    out: Path,
    settings: Indexed | None = None,
    *,
    embed: Embed | None = None,
    before: SearchIndex | None = None,
    progress: Progress = SILENT,
) -> Built:
    """Write an index of `documents` (with COLUMNS) into the folder `out`."""
    settings = settings or Indexed()
    if before is not None and before.told["chunk"] != asdict(settings.chunk):
        before = None
    made = _Making(out, settings.chunk, before)
    progress.begin("indexing", None, "characters")
    with made:
        for batch in documents:
            progress.advance(made.add(batch.select(COLUMNS)))
    terms, postings = made.postings()
    (out / TERMS_FILE).write_text("".join(f"{term}\n" for term in terms), "utf-8")
    for name, values in postings.items():
        np.save(out / f"{name}.npy", values)
    if embed is not None:
        same = before is not None and before.told["embedding"] == settings.embedding
        _write_vectors(out, made, embed, before if same else None, progress)
    built = Built(
        documents=made.documents,
        passages=made.passages,
        terms=len(terms),
        characters=made.characters,
        new=made.documents - made.kept,
        kept=made.kept,
        gone=0 if before is None else before.told["documents"] - made.kept,
    )
    told: dict[str, Any] = {
        "format": FORMAT,
        "chunk": asdict(settings.chunk),
        "embedding": settings.embedding,
        "languages": list(settings.languages),
        "documents": built.documents,
        "passages": built.passages,
        "terms": built.terms,
    }
    (out / SETTINGS_FILE).write_text(json.dumps(told, indent=2, sort_keys=True) + "\n", "utf-8")
    return built


class _Making:
    """Documents so far: their passages are written, their words counted."""

    def __init__(self, out: Path, chunk: ChunkSettings, before: SearchIndex | None) -> None:
        self.chunk, self.before = chunk, before
        self.documents = self.passages = self.characters = self.kept = 0
        # old passage → new one, where it is taken over
        self.moved = np.full(0 if before is None else before.told["passages"], -1, np.int64)
        self._words: defaultdict[str, int] = defaultdict()
        self._words.default_factory = self._words.__len__
        self._ids = array("I")
        self._ends = array("Q")
        self._fresh: list[int] = []  # the passages whose words are counted anew
        self._wide: list[bool] = []
        self._counted: list[tuple[Ints, Ints]] = []
        self._documents = pa.OSFile(str(out / DOCUMENTS_FILE), "wb")
        self._passages = pa.OSFile(str(out / PASSAGES_FILE), "wb")
        self._document_rows = pa.ipc.new_file(self._documents, DOCUMENTS)
        self._passage_rows = pa.ipc.new_file(self._passages, PASSAGES)

    def __enter__(self) -> _Making:
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self._document_rows, self._passage_rows, self._documents, self._passages):
            one.close()

    def add(self, batch: pa.RecordBatch) -> int:
        """Write a batch's documents and passages; how many characters that were."""
        firsts: list[int] = []
        rows: dict[str, list[Any]] = {name: [] for name in PASSAGES.names}
        characters = 0
        for id, text in zip(batch.column("id").to_pylist(), batch.column("text").to_pylist(), strict=True):
            firsts.append(self.passages)
            known = None if self.before is None else self.before.passages_of(id)
            if known is None:
                self._cut(text, rows)
            else:
                self._take_over(known, rows)
            self.documents += 1
            characters += len(text)
        self.characters += characters
        told = batch.append_column("first", pa.array(firsts, pa.int64())).select(DOCUMENTS.names)
        self._document_rows.write_batch(told.cast(DOCUMENTS))
        self._passage_rows.write_batch(pa.record_batch(rows, schema=PASSAGES))
        return characters

    def _cut(self, text: str, rows: Mapping[str, list[Any]]) -> None:
        number = self._words.__getitem__
        for chunk in chunks(text, self.chunk):
            values = (self.documents, chunk.start, chunk.end, list(chunk.headings), chunk.text)
            for name, value in zip(PASSAGES.names, values, strict=True):
                rows[name].append(value)
            self._ids.extend(map(number, words(" ".join((*chunk.headings, chunk.text)))))
            self._ends.append(len(self._ids))
            self._fresh.append(self.passages)
            self._wide.append(is_wide(chunk.text))
            self.passages += 1
            if len(self._ids) >= TOKENS_AT_ONCE:
                self._count()

    def _take_over(self, known: range, rows: Mapping[str, list[Any]]) -> None:
        assert self.before is not None
        self.kept += 1
        for old in known:
            row = self.before.row(old)
            for name in PASSAGES.names:
                rows[name].append(self.documents if name == "document" else row[name])
            self.moved[old] = self.passages
            self._wide.append(is_wide(row["text"]))
            self.passages += 1

    def _count(self) -> None:
        """How often each word stands in each passage, of the words held; then hold none."""
        if not self._ends:
            return
        ends = np.frombuffer(self._ends, np.uint64).astype(np.int64)
        sizes = np.diff(ends, prepend=0)
        passages = np.repeat(np.array(self._fresh, np.int64), sizes)
        ids = np.frombuffer(self._ids, np.uint32).astype(np.int64)
        keys, counts = np.unique(ids << 32 | passages, return_counts=True)
        self._counted.append((keys, counts.astype(np.int64)))
        self._ids, self._ends, self._fresh = array("I"), array("Q"), []

    def postings(self) -> tuple[list[str], dict[str, npt.NDArray[Any]]]:
        """The terms in their order, and the arrays of `files.py`."""
        self._count()
        new_terms = [stemmed(word) for word in self._words]
        old_terms: list[str] = [] if self.before is None else self.before.terms
        numbered = {term: number for number, term in enumerate(sorted({*new_terms, *old_terms}))}
        counted = [(_renumbered(keys, new_terms, numbered), counts) for keys, counts in self._counted]
        if self.before is not None:
            keys, counts = self.before.all_postings()
            passages = self.moved[keys & 0xFFFFFFFF]
            kept = passages >= 0
            keys = (keys[kept] >> 32 << 32) | passages[kept]
            counted.append((_renumbered(keys, old_terms, numbered), counts[kept]))
        keys = np.concatenate([np.zeros(0, np.int64), *(keys for keys, _ in counted)])
        counts = np.concatenate([np.zeros(0, np.int64), *(counts for _, counts in counted)])
        order = np.argsort(keys, kind="stable")
        keys, counts = keys[order], counts[order]
        firsts = np.flatnonzero(np.diff(keys, prepend=-1))  # words of one stem are one term
        counts = np.add.reduceat(counts, firsts) if len(firsts) else counts
        keys = keys[firsts]
        lengths = np.bincount(keys & 0xFFFFFFFF, weights=counts, minlength=self.passages)
        used, starts = np.unique(keys >> 32, return_index=True)  # a term that nothing has any more is none
        names = list(numbered)
        return [names[number] for number in used.tolist()], {
            "starts": np.append(starts, len(keys)).astype(np.int64),
            "passages": (keys & 0xFFFFFFFF).astype(np.uint32),
            "counts": np.minimum(counts, 0xFFFF).astype(np.uint16),
            "wide": np.array(self._wide, np.bool_),
            "lengths": lengths.astype(np.uint32),
        }


def _renumbered(keys: Ints, names: Sequence[str], numbered: Mapping[str, int]) -> Ints:
    table = np.fromiter((numbered[name] for name in names), np.int64, len(names))
    renumbered: Ints = (table[keys >> 32] << 32) | (keys & 0xFFFFFFFF)
    return renumbered


def _write_vectors(
    out: Path, made: _Making, embed: Embed, before: SearchIndex | None, progress: Progress
) -> None:
    """One vector a passage: those of passages that are taken over as they are, the others made a few at a time."""
    old = np.full(made.passages, -1, np.int64)
    if before is not None and before.vectors is not None:
        kept = np.flatnonzero(made.moved >= 0)
        old[made.moved[kept]] = kept
    fresh = np.flatnonzero(old < 0)
    progress.begin("embedding", len(fresh), "passages")
    size = before.vectors.shape[1] if before is not None and before.vectors is not None else None
    vectors: np.memmap[Any, Any] | None = None
    with pa.memory_map(str(out / PASSAGES_FILE)) as file:
        table = pa.ipc.open_file(file).read_all()
        for start in range(0, len(fresh), EMBEDDED_AT_ONCE):
            rows = fresh[start : start + EMBEDDED_AT_ONCE]
            part = table.take(pa.array(rows))
            texts = zip(part.column("headings").to_pylist(), part.column("text").to_pylist(), strict=True)
            told = embed(["\n".join((*headings[-1:], text)) for headings, text in texts])
            if vectors is None:
                vectors = np.lib.format.open_memmap(
                    out / VECTORS_FILE, "w+", np.float32, (made.passages, told.shape[1])
                )
            vectors[rows] = told
            progress.advance(len(rows))
    if vectors is None:
        vectors = np.lib.format.open_memmap(
            out / VECTORS_FILE, "w+", np.float32, (made.passages, size or embed([""]).shape[1])
        )
    if before is not None and before.vectors is not None:
        rows = np.flatnonzero(old >= 0)
        vectors[rows] = before.vectors[old[rows]]
    vectors.flush()
