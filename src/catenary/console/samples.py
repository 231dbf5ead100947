"""Samples of what an artifact holds: documents that curation kept and dropped, the easiest and hardest of a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from catenary.console.table import Cell, Column, Row, Table, figure, table
from catenary.data.report import SAMPLES, as_sample
from catenary.data.shards import INDEX_FILE, iter_split
from catenary.data.split import SPLITS
from catenary.messages import say
from catenary.store import Artifact
from catenary.store.documents import find_document

COLUMNS = ["id", "text", "source", "file", "offset", "licence"]


def document_tables(artifact: Artifact, root: str) -> Iterator[Table]:
    """Of a dataset: how many documents were dropped why, samples of these, and samples of what was kept."""
    if artifact.kind != "dataset":
        return
    report = artifact.manifest.report
    if counts := report.get("dropped"):
        yield _reasons(counts, report["documents"])
    heads = [say("document"), say("text"), say("origin"), say("licence")]
    index = artifact.path / INDEX_FILE
    if dropped := report.get("samples"):
        rows: list[Row] = [
            [reason, *_document({**(find_document(index, one["id"]) or {}), **one}, root)]
            for reason, samples in dropped.items()
            for one in samples
        ]
        yield table("dropped", say("Samples of what was dropped"), [say("why"), *heads], rows)
    kept: list[Row] = [
        [split, *_document({**row, "text": as_sample(row["text"])}, root)]
        for split in SPLITS
        if f"{split}-00000.parquet" in artifact.manifest.files
        for row in _first(artifact.path, split)
    ]
    if kept:
        yield table("kept", say("Samples of what was kept"), [say("split"), *heads], kept)


def _reasons(counts: Mapping[str, int], documents: int) -> Table:
    rows: list[Row] = [
        [reason, figure(count), figure(count / documents, f"{count / documents:.2%}")]
        for reason, count in counts.items()
    ]
    heads = [Column(say("why")), Column(say("documents"), number=True), Column(say("share"), number=True)]
    return table("reasons", say("Why documents were dropped"), heads, rows)


def _first(dataset: Path, split: str) -> list[dict[str, Any]]:
    """The first documents of a split: they stand in the order of ids, which is that of no source."""
    for batch in iter_split(dataset, split, COLUMNS, SAMPLES):
        if batch.num_rows:
            found: list[dict[str, Any]] = batch.to_pylist()
            return found
    return []


def _document(row: Mapping[str, Any], root: str) -> Row:
    """A document by its id, with its text and where it came from."""
    origin = f"{row['source']}: {row['file']}, {say('record')} {row['offset']}"
    return [
        Cell(row["id"][:12], f"{root}/trace/doc:{row['id']}", value=row["id"], code=True),
        row["text"],
        origin,
        row.get("licence") or say("unknown"),
    ]


def example_tables(report: Mapping[str, Any]) -> Iterator[Table]:
    """Of a model: the held-out texts with the most loss, and those with the least."""
    samples = report.get("samples")
    for which, caption in (("worst", say("Hardest examples")), ("best", say("Easiest examples"))):
        found = samples.get(which) if isinstance(samples, Mapping) else None
        if isinstance(found, list) and found and "loss" in found[0]:
            rows: list[Row] = [[one["text"], figure(one["loss"])] for one in found]
            yield table(which, caption, [Column(say("text")), Column(say("loss"), number=True)], rows)
