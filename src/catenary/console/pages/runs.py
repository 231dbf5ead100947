"""`/runs`: every run, newest first, to choose some and compare; `/runs/12`: one of them."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import func, select

from catenary.console.curves import curve_pictures, metrics_table
from catenary.console.links import progress_of
from catenary.console.pages.overview import require_sight, short_cell
from catenary.console.table import Cell, Column, Row, Table, figure
from catenary.console.view import desk_of, duration, moment, render, root_of, size, viewer_of
from catenary.errors import NotFound
from catenary.messages import say
from catenary.store import RunRow, Store
from catenary.store.logs import read_log
from catenary.store.tables import runs

OUTCOMES = {"done": "good", "reused": "good", "failed": "bad", "lost": "bad", "interrupted": "warn"}


def run_pages() -> APIRouter:
    """See the module."""
    router = APIRouter()

    @router.get("/runs")
    def all_runs(request: Request, link: str = "", outcome: str = "") -> Response:
        require_sight(viewer_of(request))
        desk, root = desk_of(request), root_of(request)
        chain = desk.chain.project.name
        return render(
            request,
            "runs.html",
            title=say("Runs"),
            link=link,
            outcome=outcome,
            outcomes=["running", *OUTCOMES],
            names=[one.full_name for one in desk.chain.links],
            runs=runs_table(
                desk.store, root, chain=chain, link=link or None, outcome=outcome or None, choose=True
            ),
        )

    @router.get("/runs/{number}")
    def one_run(request: Request, number: int) -> Response:
        require_sight(viewer_of(request))
        desk, root = desk_of(request), root_of(request)
        run = run_of(desk.store, number)
        return render(
            request,
            "run.html",
            title=say("Run {number}", number=run.id),
            run=run,
            log=read_log(desk.store.home.path, run.artifact_id),
            tone=OUTCOMES.get(run.outcome or "", "busy"),
            made=desk.store.has(run.artifact_id),
            progress=progress_of(desk.store, run) if run.outcome is None else None,
            curves=curve_pictures(desk.store, [run]),
            metrics=metrics_table(desk.store, run),
            artifact=short_cell(run.artifact_id, root),
        )

    return router


def run_of(store: Store, number: int) -> RunRow:
    """The run with this number. Raises NotFound."""
    with store.reading() as connection:
        row = connection.execute(select(runs).where(runs.c.id == number)).one_or_none()
    if row is None:
        raise NotFound("There is no run with this number.", got=number, next="catenary status")
    return RunRow(*row)


def runs_table(
    store: Store,
    root: str,
    *,
    chain: str,
    link: str | None = None,
    outcome: str | None = None,
    artifact: str | None = None,
    choose: bool = False,
) -> Table:
    """Runs of a chain, newest first; with `choose`, the first column's values are numbers to tick."""
    query = select(runs).where(runs.c.chain == chain)
    if link is not None:
        query = query.where(runs.c.link == link)
    if artifact is not None:
        query = query.where(runs.c.artifact_id == artifact)
    if outcome is not None:
        query = query.where(runs.c.outcome.is_(None) if outcome == "running" else runs.c.outcome == outcome)
    with store.reading() as connection:
        count = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()

    def rows(offset: int, limit: int) -> list[Row]:
        part = query.order_by(runs.c.id.desc()).offset(offset).limit(limit)
        with store.reading() as connection:
            return [_row(RunRow(*row), root) for row in connection.execute(part)]

    columns = [
        Column(say("run"), number=True),
        Column(say("link")),
        Column(say("outcome")),
        Column(say("started (UTC)")),
        Column(say("time"), number=True),
        Column(say("memory"), number=True),
        Column(say("host")),
        Column(say("artifact")),
    ]
    return Table(
        "runs", say("Runs"), columns, count, rows, say("Nothing has run yet."), show_caption=not choose
    )


def _row(run: RunRow, root: str) -> Row:
    outcome = run.outcome or "running"
    return [
        Cell(str(run.id), f"{root}/runs/{run.id}", value=run.id, number=True),
        Cell(run.link, f"{root}/links/{run.link}"),
        Cell(say(outcome), tone=OUTCOMES.get(outcome, "busy"), value=outcome),
        moment(run.started_at),
        figure(run.seconds, duration(run.seconds)),
        figure(run.peak_memory_bytes, size(run.peak_memory_bytes or 0)),
        run.host,
        short_cell(run.artifact_id, root),
    ]
