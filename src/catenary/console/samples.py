"""Samples of what an artifact holds: documents kept and dropped, easiest and hardest texts, best and worst answers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from catenary.console.table import Cell, Column, Row, Table, figure, table
from catenary.data.report import SAMPLES, as_sample
from catenary.data.shards import INDEX_FILE, iter_split
from catenary.data.split import SPLITS
from catenary.messages import say
from catenary.store import Artifact
from catenary.store.documents import find_document

DOCUMENT_ID = re.compile("[0-9a-f]{32}")
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
    """The held-out texts with the most loss, and those with the least: of a model, or of each that was evaluated."""
    samples = report.get("samples")
    if not isinstance(samples, Mapping) or not samples:
        return
    one = isinstance(samples.get("worst"), list)
    for which, caption in (("worst", say("Hardest examples")), ("best", say("Easiest examples"))):
        rows: list[Row] = [
            [*([] if one else [name]), sample["text"], figure(sample["loss"])]
            for name, of in ({"": samples} if one else samples).items()
            if isinstance(of, Mapping)
            for sample in of.get(which) or ()
        ]
        heads = [
            *([] if one else [Column(say("model"))]),
            Column(say("text")),
            Column(say("loss"), number=True),
        ]
        if rows:
            yield table(which, caption, heads, rows)


def judged_tables(
    details: Mapping[str, Any], models: Sequence[Mapping[str, Any]], root: str
) -> Iterator[Table]:
    """Of an evaluation: what models got wrong and right, the most confident first; what they wrote worst and best."""
    written = details.get("examples") or {}
    for which, caption in (("worst", say("Worst examples")), ("best", say("Best examples"))):
        rows: list[Row] = [
            _judged(model["name"], one, root) for model in models for one in model.get(which) or ()
        ]
        if rows:
            heads = [Column(say(one)) for one in ("model", "text", "expected", "answered")]
            heads += [Column(say("confidence"), number=True), Column(say("document"))]
            yield table(which, caption, heads, rows)
        elif found := written.get(which):
            rows = [[one["source"], one["reference"], *one["said"].values()] for one in found]
            yield table(which, caption, [say("source"), say("reference"), *found[0]["said"]], rows)


def _judged(model: str, one: Mapping[str, Any], root: str) -> Row:
    address = f"{root}/trace/doc:{one['id']}" if DOCUMENT_ID.fullmatch(one["id"]) else ""
    document = Cell(one["id"][:12], address, value=one["id"], code=True)
    return [model, one["text"] or "", one["gold"], one["predicted"], figure(one["confidence"]), document]
