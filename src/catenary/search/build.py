"""Documents into an index.

What an earlier index has of the same documents, cut in the same way, is taken over: passages, term counts and vectors.
A document's id says what it is and where it came from, so one that changed is another one, and one that went leaves no
word behind. The files are the same, to the bit, with an earlier index and without one; vectors as far as the model is.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from catenary.data.streamed import streamed
from catenary.progress import SILENT, Progress
from catenary.search.chunk import ChunkSettings, is_wide
from catenary.search.count import Counted, Texts, counted, ready
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
from catenary.search.terms import stemmed

CHARACTERS_AT_ONCE = 1 << 20
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
    workers: int = 1,
    progress: Progress = SILENT,
) -> Built:
    """Write an index of `documents` (with COLUMNS) into the folder `out`, by up to `workers` processes."""
    settings = settings or Indexed()
    if before is not None and before.told["chunk"] != asdict(settings.chunk):
        before = None
    made = _Making(out, settings.chunk, before)
    progress.begin("indexing", None, "characters")
    with made, closing(streamed(made.pieces(documents), counted, workers, prepare=ready)) as pieces:
        for piece, told in pieces:
            progress.advance(made.add(piece, told))
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
    facts: dict[str, Any] = {
        "format": FORMAT,
        "chunk": asdict(settings.chunk),
        "embedding": settings.embedding,
        "languages": list(settings.languages),
        "documents": built.documents,
        "passages": built.passages,
        "terms": built.terms,
    }
    (out / SETTINGS_FILE).write_text(json.dumps(facts, indent=2, sort_keys=True) + "\n", "utf-8")
    return built


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some documents of a batch: the passages that the earlier index has of each; the batch, with its last ones."""

    known: tuple[range | None, ...]
    characters: int
    batch: pa.RecordBatch | None = None


class _Making:
    """Documents so far: their passages are written, their words counted."""

    def __init__(self, out: Path, chunk: ChunkSettings, before: SearchIndex | None) -> None:
        self.chunk, self.before = chunk, before
        self.documents = self.passages = self.characters = self.kept = 0
        # old passage → new one, where it is taken over
        self.moved = np.full(0 if before is None else before.told["passages"], -1, np.int64)
        self._words: defaultdict[str, int] = defaultdict()
        self._words.default_factory = self._words.__len__
        self._wide: list[npt.NDArray[np.bool_]] = []
        self._counted: list[tuple[Ints, npt.NDArray[np.int32]]] = []
        self._firsts: list[int] = []  # of a batch that is not written yet
        self._rows: list[pa.RecordBatch] = []
        self._documents = pa.OSFile(str(out / DOCUMENTS_FILE), "wb")
        self._passages = pa.OSFile(str(out / PASSAGES_FILE), "wb")
        self._document_rows = pa.ipc.new_file(self._documents, DOCUMENTS)
        self._passage_rows = pa.ipc.new_file(self._passages, PASSAGES)

    def __enter__(self) -> _Making:
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self._document_rows, self._passage_rows, self._documents, self._passages):
            one.close()

    def pieces(self, documents: Iterable[pa.RecordBatch]) -> Iterator[tuple[_Piece, Texts | None]]:
        """What is to be done, a part of a batch at a time: the documents there, and those texts that are new."""
        for batch in documents:
            told = batch.select(COLUMNS)
            known: list[range | None] = []
            texts: list[str] = []
            characters = held = 0
            for id, text in zip(told.column("id").to_pylist(), told.column("text").to_pylist(), strict=True):
                if held >= CHARACTERS_AT_ONCE:
                    yield _Piece(tuple(known), characters), Texts(tuple(texts), self.chunk)
                    known, texts, characters, held = [], [], 0, 0
                known.append(None if self.before is None else self.before.passages_of(id))
                characters += len(text)
                if known[-1] is None:
                    texts.append(text)
                    held += len(text)
            yield _Piece(tuple(known), characters, told), Texts(tuple(texts), self.chunk) if texts else None

    def add(self, piece: _Piece, counted: Counted | None) -> int:
        """Take in a piece; what its batch holds is written with the last one. How many characters it has."""
        new = 0  # of the piece's new documents, and the first of their passages that is not placed yet
        at = 0
        places: list[Ints] = []
        for old in piece.known:
            self._firsts.append(self.passages)
            if old is None:
                assert counted is not None
                size = counted.of_text[new]
                self._place(counted.passages.slice(at, size), counted.wide[at : at + size])
                places.append(np.arange(self.passages - size, self.passages))
                new, at = new + 1, at + size
            else:
                assert self.before is not None
                rows = pa.RecordBatch.from_pylist([self.before.row(one) for one in old], PASSAGES)
                self._place(rows, np.array([is_wide(text) for text in rows["text"].to_pylist()], np.bool_))
                self.moved[old.start : old.stop] = np.arange(self.passages - len(old), self.passages)
                self.kept += 1
            self.documents += 1
        if counted is not None and len(counted.keys):
            numbers = np.fromiter(map(self._words.__getitem__, counted.words), np.int64, len(counted.words))
            passages = np.concatenate(places)[counted.keys & 0xFFFFFFFF]
            self._counted.append((numbers[counted.keys >> 32] << 32 | passages, counted.counts))
        self.characters += piece.characters
        if piece.batch is not None:
            self._write(piece.batch)
        return piece.characters

    def _place(self, rows: pa.RecordBatch, wide: npt.NDArray[np.bool_]) -> None:
        document = pa.array(np.full(len(rows), self.documents))
        self._rows.append(rows.set_column(0, PASSAGES.field("document"), document))
        self._wide.append(wide)
        self.passages += len(rows)

    def _write(self, batch: pa.RecordBatch) -> None:
        told = batch.append_column("first", pa.array(self._firsts, pa.int64())).select(DOCUMENTS.names)
        self._document_rows.write_batch(told.cast(DOCUMENTS))
        rows = pa.Table.from_batches(self._rows, PASSAGES).combine_chunks().to_batches()
        self._passage_rows.write_batch(rows[0] if rows else pa.RecordBatch.from_pylist([], PASSAGES))
        self._firsts, self._rows = [], []

    def postings(self) -> tuple[list[str], dict[str, npt.NDArray[Any]]]:
        """The terms in their order, and the arrays of `files.py`."""
        new_terms = [stemmed(word) for word in self._words]
        old_terms: list[str] = [] if self.before is None else self.before.terms
        numbered = {term: number for number, term in enumerate(sorted({*new_terms, *old_terms}))}
        table = _table(new_terms, numbered)
        counted = [(_renumbered(keys, table), counts) for keys, counts in self._counted]
        if self.before is not None:
            keys, counts = self.before.all_postings()
            passages = self.moved[keys & 0xFFFFFFFF]
            kept = passages >= 0
            keys = (keys[kept] >> 32 << 32) | passages[kept]
            counted.append((_renumbered(keys, _table(old_terms, numbered)), counts[kept]))
        keys = np.concatenate([np.zeros(0, np.int64), *(keys for keys, _ in counted)])
        counts = np.concatenate([np.zeros(0, np.int64), *(counts for _, counts in counted)])
        order = np.argsort(keys, kind="stable")
        keys, counts = keys[order], counts[order]
        firsts = np.flatnonzero(np.diff(keys, prepend=-1))  # words of one stem are one term
        counts = np.add.reduceat(counts, firsts) if len(firsts) else counts
        keys = keys[firsts]
        lengths = np.bincount(keys & 0xFFFFFFFF, weights=counts, minlength=self.passages)
        starts = np.flatnonzero(np.diff(keys >> 32, prepend=-1))
        used = keys[starts] >> 32  # a term that nothing has any more is none
        names = list(numbered)
        return [names[number] for number in used.tolist()], {
            "starts": np.append(starts, len(keys)).astype(np.int64),
            "passages": (keys & 0xFFFFFFFF).astype(np.uint32),
            "counts": np.minimum(counts, 0xFFFF).astype(np.uint16),
            "wide": np.concatenate([np.zeros(0, np.bool_), *self._wide]),
            "lengths": lengths.astype(np.uint32),
        }


def _table(names: Sequence[str], numbered: Mapping[str, int]) -> Ints:
    return np.fromiter((numbered[name] for name in names), np.int64, len(names))


def _renumbered(keys: Ints, table: Ints) -> Ints:
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
