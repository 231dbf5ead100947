"""`/evaluations`: every evaluation with its best model; rounds of people's judgements, and `/rounds/…`: one of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import Response

from catenary.console.links import TONES, LinkNow, headline, links_now
from catenary.console.pages.overview import require_sight
from catenary.console.rounds import Judged, Round, judged, rounds_below
from catenary.console.table import Cell, Column, Row, Table, figure, table, told
from catenary.console.view import desk_of, render, root_of, viewer_of
from catenary.errors import Damaged, NotFound
from catenary.evaluate.wording import metric_title
from catenary.messages import say
from catenary.store import Store


def evaluation_pages() -> APIRouter:
    """See the module."""
    router = APIRouter()

    @router.get("/evaluations")
    def evaluations(request: Request) -> Response:
        require_sight(viewer_of(request))
        desk, root = desk_of(request), root_of(request)
        found = [
            link for link in links_now(desk.plan(), desk.store) if link.step.link.section == "evaluations"
        ]
        return render(
            request,
            "evaluations.html",
            title=say("Evaluations"),
            evaluations=_evaluations(found, desk.store, root),
            rounds=_rounds(rounds_below(desk.chain.path.parent), root),
        )

    @router.get("/rounds/{name:path}")
    def one_round(request: Request, name: str) -> Response:
        require_sight(viewer_of(request))
        here = rounds_below(desk_of(request).chain.path.parent)
        found = next((one for one in here if one.name == name), None)
        if found is None:
            raise NotFound("There is no round of judgements here.", got=name, next="catenary arena")
        said = judged(found)
        raters: list[Row] = [[rater, figure(count)] for rater, count in said.raters.items()]
        heads = [Column(say("rater")), Column(say("judgements"), number=True)]
        return render(
            request,
            "round.html",
            title=name,
            kind=found.kind,
            count=said.judgements,
            agreement=_alike(said),
            pictures=said.pictures,
            tables=said.tables,
            raters=table("raters", say("Who judged"), heads, raters),
        )

    return router


def _evaluations(found: list[LinkNow], store: Store, root: str) -> Table:
    rows: list[Row] = []
    for link in found:
        shown = link.step.id if link.step.reused else link.pointed
        artifact = store.get(shown) if shown and store.has(shown) else None
        best, name, estimate = _best({} if artifact is None else artifact.manifest.report)
        rows.append(
            [
                Cell(link.name, f"{root}/links/{link.name}"),
                Cell(say(link.state), tone=TONES[link.state]),
                ", ".join(link.step.settings.get("of") or ()) or "",
                best,
                metric_title(name) if name else "",
                figure(estimate.get("value")),
                figure(estimate.get("low")),
                figure(estimate.get("high")),
                ""
                if artifact is None
                else " · ".join(f"{say(k)} {told(v)}" for k, v in headline(artifact).items() if k != "best"),
            ]
        )
    heads = [
        Column(one) for one in (say("evaluation"), say("state"), say("models"), say("best"), say("metric"))
    ]
    heads += [Column(one, number=True) for one in (say("value"), say("from"), say("to"))]
    return table(
        "evaluations",
        say("Evaluations"),
        [*heads, Column(say("figures"))],
        rows,
        empty=say("The chain declares no evaluation."),
        show_caption=False,
    )


def _best(report: Mapping[str, Any]) -> tuple[str, str, Mapping[str, Any]]:
    """The best model, the metric that says so, and its figure."""
    best = str((report.get("headline") or {}).get("best", ""))
    scores = report.get("metrics")
    if not best or not isinstance(scores, Mapping):
        return best, "", {}
    name, estimate = next(iter((scores.get(best) or {"": {}}).items()))
    return best, name, estimate if isinstance(estimate, Mapping) else {}


def _rounds(found: list[Round], root: str) -> Table:
    rows: list[Row] = []
    for one in found:
        try:
            said = judged(one)
        except Damaged as error:
            rows.append([Cell(one.name), say(one.kind), Cell(str(error), tone="bad"), "", ""])
            continue
        rows.append(
            [
                Cell(one.name, f"{root}/rounds/{quote(one.name)}"),
                say(one.kind),
                figure(said.judgements),
                ", ".join(said.raters),
                figure(_alike(said)),
            ]
        )
    heads = [Column(say("round")), Column(say("kind")), Column(say("judgements"), number=True)]
    heads += [Column(say("raters")), Column(say("agreement (alpha)"), number=True)]
    return table(
        "rounds",
        say("What people judged"),
        heads,
        rows,
        empty=say("Nobody has judged answers here yet: `catenary arena` and `catenary rate` ask them."),
    )


def _alike(said: Judged) -> float | None:
    return None if math.isnan(said.agreement) else said.agreement
