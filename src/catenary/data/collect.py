"""Collect: the files of a source into shards of raw documents, with an index of them sorted by id.

Shards are cut by what they hold alone, so they are the same at every run. The state says how many shards are
written and how far into which file they reach; a run that was killed reads on from the start of that file and skips
what it has.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from catenary.data.batches import Pieces
from catenary.data.erased import without
from catenary.data.formats.reading import QUARANTINED, Reading
from catenary.data.merge import bucket_count, merged, write_buckets
from catenary.data.processes import Ended, Told, is_harmless, read_in_processes
from catenary.data.read import read_file
from catenary.data.shards import (
    INDEX_FILE,
    ParquetSink,
    committed,
    index_schema,
    shard_path,
    write_atomically,
)
from catenary.data.source_files import SourceFile
from catenary.data.sources import Source, licence_of
from catenary.digest import digest
from catenary.errors import InvalidInput
from catenary.progress import SILENT, Progress
from catenary.records import document_schema

VERSION = 1
SHARD_ROWS = 65_536
SHARD_BYTES = 16 << 20  # of text
INDEX_ROW_BYTES = 256  # of a document in `documents.parquet` before compression: more than tiny files hold
QUARANTINE_FILE = "quarantine.jsonl"
FIRST_QUARANTINED = 20  # that the report shows; the file has them all


@dataclass(frozen=True, slots=True)
class CollectReport:
    """What was read: documents and those dropped at reading by reason, bytes of the files, shards written."""

    documents: int
    files: int
    bytes: int
    shards: int
    dropped: dict[str, int]
    labels: dict[str, int]
    licence: str
    formats: dict[str, int]  # files and parts of files by format
    encodings: dict[str, int]
    encoding_errors: int  # characters or lines that could not be told
    licences_in_files: dict[str, int]  # stated in the heads of source code
    quarantined: dict[
        str, Any
    ]  # files and parts that were not read: how many, bytes, by reason, the first few


def collect(
    source: Source,
    files: Sequence[SourceFile],
    name: str,
    out: Path,
    state: Path,
    progress: Progress = SILENT,
    shard_bytes: int = SHARD_BYTES,
    workers: int | None = None,
    erased: Collection[str] = (),
) -> CollectReport:
    """Read `files` (from `resolve`) of the source called `name` into `out`: `raw-00000.parquet` …, `documents.parquet`,
    and `quarantine.jsonl` with every file, and part of a file, that was not read.

    Reading takes place in `workers` processes of their own (one a processor), or here where the files are few and
    plain and no number is given; the bytes in `out` are the same. `state` is a folder of its own: calling again with
    the same arguments goes on from there, to the same bytes. Of documents whose ids are `erased` only that is told.
    Raises InvalidInput when not one document could be read.
    """
    size = sum(file.bytes for file in files)
    buckets = bucket_count(max(size, len(files) * INDEX_ROW_BYTES))
    plan = digest(
        [
            "collect",
            VERSION,
            buckets,
            name,
            source.model_dump(mode="json"),
            licence_of(source),
            shard_bytes,
            _digest_of(files),
            *([sorted(erased)] if erased else []),
        ]
    )
    done = _open_state(state, plan)
    out.mkdir(parents=True, exist_ok=True)
    progress.begin("Collecting", size, "bytes")
    progress.advance(sum(file.bytes for file in files[: done["file"]]))

    notes = _Notes()
    for shard in _shards(
        source, files, name, done["file"], done["rows"], shard_bytes, progress, workers, notes
    ):
        if erased:
            shard = replace(shard, table=without(shard.table, erased))
        number = done["shards"]
        with ParquetSink(shard_path(out, "raw", number), document_schema()) as sink:
            sink.write(shard.table)
        index = shard.table.append_column("split", pa.nulls(shard.table.num_rows, pa.string()))
        write_buckets(index.select(index_schema().names), _index_part(state, number), buckets)
        done = {**_counted(done, shard), "notes": dict(Counter(done["notes"]) + notes.before(shard.file))}
        _write_quarantined(shard.table, _quarantine_part(state, number))
        _save(state, plan, done)
    done = {**done, "notes": dict(Counter(done["notes"]) + notes.before(len(files)))}

    quarantined = _merge_quarantined(
        [_quarantine_part(state, number) for number in range(done["shards"])], out / QUARANTINE_FILE
    )
    parts = [_index_part(state, number) for number in range(done["shards"])]
    with ParquetSink(out / INDEX_FILE, index_schema()) as sink:
        for table in merged(parts, buckets):
            sink.write(table)
    dropped = dict(sorted(done["dropped"].items()))
    if done["documents"] == sum(dropped.values()):
        if set(dropped) == {"read:no_text_column"}:
            raise InvalidInput(
                "No file of the source `{source}` has a column `{column}`.",
                expected="`text:` with the column that holds the text; `columns:` where the first line is no header",
                source=name,
                column=source.text,
            )
        raise InvalidInput(
            "Not one document of the source `{source}` could be read.",
            got=", ".join(f"{reason} {count}" for reason, count in dropped.items()) or "no record",
            expected="files of the format, encoding and columns that the source states",
            source=name,
        )
    return CollectReport(
        documents=done["documents"],
        files=len(files),
        bytes=size,
        shards=done["shards"],
        dropped=dropped,
        labels=dict(sorted(done["labels"].items())),
        licence=licence_of(source),
        formats=_noted(done, "format."),
        encodings=_noted(done, "encoding."),
        encoding_errors=done["notes"].get("encoding_errors", 0),
        licences_in_files=_noted(done, "licence_in_file."),
        quarantined=quarantined,
    )


def _digest_of(files: Sequence[SourceFile]) -> str:
    """What tells whether the files are those that an earlier try has read; a list of all would fill the memory."""
    sha = sha256()
    for file in files:
        if not file.refused:
            when = file.fingerprint or file.path.stat().st_mtime_ns
            sha.update(digest([file.name, file.label, file.bytes, when]).encode())
    return sha.hexdigest()


def _noted(done: dict[str, Any], prefix: str) -> dict[str, int]:
    return {
        name.removeprefix(prefix): count
        for name, count in sorted(done["notes"].items())
        if name.startswith(prefix)
    }


class _Notes:
    """What was noted of each file that has ended, until a shard takes it up."""

    def __init__(self) -> None:
        self._held: list[tuple[int, Mapping[str, int]]] = []

    def add(self, file: int, notes: Mapping[str, int]) -> None:
        self._held.append((file, notes))

    def before(self, file: int) -> Counter[str]:
        """Those of the files before this one: it will be read again, should the next shard not be written."""
        found: Counter[str] = Counter()
        for at, notes in self._held:
            if at < file:
                found.update(notes)
        self._held = [one for one in self._held if one[0] >= file]
        return found


@dataclass(frozen=True, slots=True)
class _Shard:
    table: pa.Table
    file: int  # where the next shard begins: the place in `files` …
    rows: int  # … and how many of that file's documents come before it


def _shards(
    source: Source,
    files: Sequence[SourceFile],
    name: str,
    first: int,
    skip: int,
    shard_bytes: int,
    progress: Progress,
    workers: int | None,
    notes: _Notes,
) -> Iterator[_Shard]:
    held = Pieces()
    held_rows = held_bytes = rows = 0
    for at, told in _read(source, files, name, first, workers):
        if isinstance(told, Ended):
            notes.add(at, told.notes)
            skip = rows = 0
            progress.advance(files[at].bytes)
            continue
        start = min(max(skip - rows, 0), told.num_rows)
        rows += start
        while start < told.num_rows:
            rest = told.slice(start)
            sizes = pc.cumulative_sum(pc.binary_length(rest.column("text")))
            room = pc.sum(pc.less(sizes, shard_bytes - held_bytes)).as_py() + 1  # the one that fills it too
            taken = min(room, SHARD_ROWS - held_rows, rest.num_rows)
            held.add(pa.Table.from_batches([rest.slice(0, taken)]))
            held_rows += taken
            held_bytes += sizes[taken - 1].as_py()
            start += taken
            rows += taken
            if held_bytes >= shard_bytes or held_rows >= SHARD_ROWS:
                yield _Shard(held.taken(), at, rows)
                held_rows = held_bytes = 0
    if held_rows:
        yield _Shard(held.taken(), len(files), 0)


def _read(
    source: Source, files: Sequence[SourceFile], name: str, first: int, workers: int | None
) -> Iterator[Told]:
    if workers is not None or not is_harmless(source, files):
        yield from read_in_processes(source, files, name, first, workers)
        return
    for at in range(first, len(files)):
        reading = Reading(source)
        for batch in read_file(source, files[at], name, reading):
            yield at, batch
        yield at, Ended(reading.notes)


def _write_quarantined(table: pa.Table, path: Path) -> None:
    """The files and parts in a shard that stand for something that was not read, a line each."""
    lost = table.select(["file", "dropped", "meta"]).filter(table.column("dropped").is_valid())
    lines = []
    for row in lost.to_pylist():
        meta = dict(row["meta"])
        if QUARANTINED in meta:
            lines.append({"path": row["file"], "reason": row["dropped"], "bytes": int(meta[QUARANTINED])})
    write_atomically(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode())


def _merge_quarantined(parts: Sequence[Path], out: Path) -> dict[str, Any]:
    """All parts as one file, and its sums."""
    reasons: Counter[str] = Counter()
    first: list[dict[str, Any]] = []
    size = 0
    with out.open("wb") as file:
        for part in parts:
            for line in part.read_bytes().splitlines(keepends=True):
                told = json.loads(line)
                reasons[told["reason"]] += 1
                size += told["bytes"]
                if len(first) < FIRST_QUARANTINED:
                    first.append(told)
                file.write(line)
    return {"count": reasons.total(), "bytes": size, "reasons": dict(sorted(reasons.items())), "first": first}


def _counted(done: dict[str, Any], shard: _Shard) -> dict[str, Any]:
    def more(name: str, column: str) -> dict[str, int]:
        counts = Counter(done[name])
        for entry in pc.value_counts(shard.table.column(column)).to_pylist():
            if entry["values"] is not None:
                counts[entry["values"]] += entry["counts"]
        return dict(counts)

    return {
        **done,
        "shards": done["shards"] + 1,
        "file": shard.file,
        "rows": shard.rows,
        "documents": done["documents"] + shard.table.num_rows,
        "dropped": more("dropped", "dropped"),
        "labels": more("labels", "label"),
    }


def _open_state(state: Path, plan: str) -> dict[str, Any]:
    try:
        saved: dict[str, Any] = json.loads((state / "done.json").read_text("utf-8"))
        if saved["plan"] == plan:
            return saved
    except FileNotFoundError:
        pass
    shutil.rmtree(state, ignore_errors=True)
    with committed(state):
        pass
    return {"shards": 0, "file": 0, "rows": 0, "documents": 0, "dropped": {}, "labels": {}, "notes": {}}


def _save(state: Path, plan: str, done: dict[str, Any]) -> None:
    write_atomically(state / "done.json", json.dumps({**done, "plan": plan}).encode())


def _quarantine_part(state: Path, number: int) -> Path:
    return state / f"quarantine-{number:05d}.jsonl"


def _index_part(state: Path, number: int) -> Path:
    return state / f"index-{number:05d}.arrow"
