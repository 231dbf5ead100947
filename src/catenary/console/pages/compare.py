"""`/compare?run=3&run=7`: runs side by side: what was set otherwise, what came of it, their curves in one picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from catenary.console.contents import flat
from catenary.console.curves import curve_pictures, last_figures
from catenary.console.links import headline
from catenary.console.pages.overview import require_sight
from catenary.console.pages.runs import OUTCOMES, run_of
from catenary.console.table import Cell, Column, Row, Table, figure, table, told
from catenary.console.view import desk_of, duration, moment, render, root_of, viewer_of
from catenary.errors import InvalidInput
from catenary.messages import say
from catenary.store import RunRow

MOST = 8


def compare_pages() -> APIRouter:
    """See the module."""
    router = APIRouter()

    @router.get("/compare")
    def compare(request: Request, run: Annotated[list[int] | None, Query()] = None) -> Response:
        require_sight(viewer_of(request))
        desk, root = desk_of(request), root_of(request)
        numbers = list(dict.fromkeys(run or ()))
        if not 2 <= len(numbers) <= MOST:
            raise InvalidInput(
                "Runs are compared two to eight at a time.",
                got=len(numbers),
                expected="ticks in the list of runs",
            )
        chosen = [run_of(desk.store, number) for number in numbers]
        made = {one.id: desk.store.get(one.artifact_id) for one in chosen if desk.store.has(one.artifact_id)}
        settings = {id: flat(artifact.manifest.settings) for id, artifact in made.items()}
        figures = {
            one.id: {
                **({say(k): v for k, v in headline(made[one.id]).items()} if one.id in made else {}),
                **last_figures(desk.store, one),
            }
            for one in chosen
        }
        heads = [Column(say("what")), *(Column(f"{one.id} {one.link}") for one in chosen)]
        return render(
            request,
            "compare.html",
            title=say("Compare runs"),
            runs=[one.id for one in chosen],
            about=table("about", say("Runs"), heads, _about(chosen, root)),
            figures=_side_by_side("figures", say("Figures"), heads, chosen, figures, all_rows=True),
            settings=_side_by_side("settings", say("Settings that differ"), heads, chosen, settings),
            unmade=[one.id for one in chosen if one.id not in made],
            curves=curve_pictures(desk.store, chosen),
        )

    return router


def _about(runs: list[RunRow], root: str) -> list[Row]:
    return [
        [say("outcome"), *(_outcome(run, root) for run in runs)],
        [say("started (UTC)"), *(moment(run.started_at) for run in runs)],
        [say("time"), *(figure(run.seconds, duration(run.seconds)) for run in runs)],
        [say("host"), *(run.host for run in runs)],
    ]


def _outcome(run: RunRow, root: str) -> Cell:
    outcome = run.outcome or "running"
    return Cell(say(outcome), f"{root}/runs/{run.id}", tone=OUTCOMES.get(outcome, "busy"))


def _side_by_side(
    name: str,
    caption: str,
    heads: list[Column],
    runs: list[RunRow],
    values: Mapping[int, Mapping[str, Any]],
    *,
    all_rows: bool = False,
) -> Table:
    keys = dict.fromkeys(key for run in runs for key in values.get(run.id, {}))
    rows: list[Row] = []
    for key in keys:
        row = [values.get(run.id, {}).get(key, "") for run in runs]
        if all_rows or len({str(value) for value in row}) > 1:
            rows.append([key, *(_cell(value) for value in row)])
    return table(name, caption, heads, rows, empty=say("Nothing differs."))


def _cell(value: Any) -> Cell | str:
    is_figure = isinstance(value, int | float) and not isinstance(value, bool)
    return figure(value) if is_figure else told(value)
