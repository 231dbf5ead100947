"""`/data/reviews?q=…&split=test`: the documents of a dataset, searched, with a label to give each."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from catenary.console.form import Form
from catenary.console.pages.overview import require_sight
from catenary.console.table import PAGE_ROWS, Cell, Column, Row, Table, table
from catenary.console.view import desk_of, render, root_of, viewer_of
from catenary.console.viewer import require
from catenary.data.review import read_labels
from catenary.data.shards import iter_split
from catenary.data.split import SPLITS
from catenary.digest import text_sha256
from catenary.errors import InvalidInput, NotFound
from catenary.files import make_folder, write_whole
from catenary.messages import say
from catenary.store import Artifact, Store

COLUMNS = ["id", "text", "label", "source", "file", "offset", "licence"]
MOST_SCANNED = 500_000  # documents looked at for one page
SHOWN_LETTERS = 600


def data_pages() -> APIRouter:
    """See the module."""
    router = APIRouter()

    @router.get("/data")
    def datasets(request: Request) -> Response:
        require_sight(viewer_of(request))
        desk, root = desk_of(request), root_of(request)
        pointed = desk.store.links(desk.chain.project.name)
        rows: list[Row] = []
        for name in sorted(one.removeprefix("datasets.") for one in pointed if one.startswith("datasets.")):
            report = desk.store.get(pointed[f"datasets.{name}"].artifact_id).manifest.report
            kept = Cell(f"{report.get('kept', 0):,}", value=report.get("kept", 0), number=True)
            splits = ", ".join(f"{split} {count:,}" for split, count in report.get("splits", {}).items())
            rows.append([Cell(name, f"{root}/data/{name}"), kept, splits])
        heads = [Column(say("dataset")), Column(say("documents"), number=True), Column(say("splits"))]
        made = table(
            "datasets", say("Datasets"), heads, rows, empty=say("No dataset is made yet."), show_caption=False
        )
        return render(request, "datasets.html", title=say("Data"), datasets=made)

    @router.get("/data/{name}")
    def documents(request: Request, name: str, q: str = "", split: str = "", label: str = "") -> Response:
        viewer, store = viewer_of(request), desk_of(request).store
        require_sight(viewer)
        dataset = _dataset(request, name)
        splits = [one for one in SPLITS if f"{one}-00000.parquet" in dataset.manifest.files]
        if split and split not in splits:
            raise NotFound("The dataset has no split `{split}`.", got=name, split=split)
        mine = _labels(_review_file(store, name, viewer.person))
        asked = request.query_params.get("documents", "1")
        page = max(1, int(asked) if asked.isdigit() and len(asked) < 9 else 1)
        found, count = _found(dataset.path, [split] if split else splits, q, label, (page - 1) * PAGE_ROWS)
        return render(
            request,
            "documents.html",
            title=name,
            q=q,
            split=split,
            label=label,
            splits=splits,
            labels=sorted(dataset.manifest.report.get("labels", {})),
            documents=[(row, mine.get(row["id"], "")) for row in found],
            may_label=viewer.may("run"),
            reviewed=len(mine),
            shown=SHOWN_LETTERS,
            listing=_listing(dataset.path, [split] if split else splits, q, label, count, root_of(request)),
        )

    @router.post("/data/{name}/label")
    def give(request: Request, name: str, form: Form) -> Response:
        viewer, store = viewer_of(request), desk_of(request).store
        require(viewer, "run")
        _dataset(request, name)
        path = _review_file(store, name, viewer.person)
        labels = _labels(path)
        if form.one("label"):
            labels[form.one("id")] = form.one("label")
        else:
            labels.pop(form.one("id"), None)
        _write(path, labels)
        back = form.one("back")
        if not back.startswith("?"):
            raise InvalidInput("There is no page at this address.", got=back[:40])
        return RedirectResponse(f"{root_of(request)}/data/{name}{back}#doc-{form.one('id')}", 303)

    @router.get("/data/{name}/review.csv")
    def review(request: Request, name: str) -> Response:
        viewer, store = viewer_of(request), desk_of(request).store
        require_sight(viewer)
        _dataset(request, name)
        path = _review_file(store, name, viewer.person)
        text = path.read_bytes() if path.exists() else _csv({})
        headers = {"content-disposition": f'attachment; filename="{name}-review.csv"'}
        return Response(text, media_type="text/csv; charset=utf-8", headers=headers)

    return router


def _dataset(request: Request, name: str) -> Artifact:
    desk = desk_of(request)
    pointed = desk.store.links(desk.chain.project.name).get(f"datasets.{name}")
    if pointed is None:
        raise NotFound(
            "This dataset has not been made yet.",
            got=f"datasets.{name}",
            next=f"catenary run datasets.{name}",
        )
    return desk.store.get(pointed.artifact_id)


def _found(
    folder: Path, splits: Sequence[str], words: str, label: str, offset: int, limit: int = PAGE_ROWS
) -> tuple[list[dict[str, Any]], int]:
    """The rows from `offset` on that hold the words and bear the label, and how many there are in all."""
    import pyarrow.compute as pc

    kept: list[dict[str, Any]] = []
    count = scanned = 0
    for split in splits:
        for batch in iter_split(folder, split, COLUMNS):
            scanned += batch.num_rows
            if words:
                batch = batch.filter(pc.match_substring(batch.column("text"), words, ignore_case=True))
            if label:
                batch = batch.filter(pc.fill_null(pc.equal(batch.column("label"), label), False))
            if count + batch.num_rows > offset and len(kept) < limit:
                part = batch.slice(max(0, offset - count), limit - len(kept))
                kept += [{**row, "split": split} for row in part.to_pylist()]
            count += batch.num_rows
            if scanned >= MOST_SCANNED:
                return kept, count
    return kept, count


def _listing(folder: Path, splits: Sequence[str], words: str, label: str, count: int, root: str) -> Table:
    """What the page shows, as a table: for CSV and for paging."""

    def rows(offset: int, limit: int) -> list[Row]:
        return [
            [
                Cell(row["id"], f"{root}/trace/doc:{row['id']}"),
                row["text"],
                row["label"] or "",
                row["split"],
                row["source"],
                row["file"],
                Cell(str(row["offset"]), value=row["offset"], number=True),
                row["licence"],
            ]
            for row in _found(folder, splits, words, label, offset, limit)[0]
        ]

    heads = [
        "id",
        *(say(one) for one in ("text", "label", "split", "taken from", "file", "record", "licence")),
    ]
    return Table("documents", say("Documents"), [Column(one) for one in heads], count, rows)


def _review_file(store: Store, dataset: str, person: str) -> Path:
    """One file a reviewer, as `reviewed:` of a dataset reads it."""
    return store.home.path / "console" / "reviews" / dataset / f"{text_sha256(person)[:16]}.csv"


def _labels(path: Path) -> dict[str, str]:
    return dict(read_labels(path)) if path.exists() else {}


def _write(path: Path, labels: dict[str, str]) -> None:
    make_folder(path.parent)
    write_whole(path, _csv(labels))


def _csv(labels: dict[str, str]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([("id", "label"), *labels.items()])
    return text.getvalue().encode()
