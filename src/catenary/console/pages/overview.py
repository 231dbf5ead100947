"""`/`: the chain as a live picture, what runs now, where its endpoints stand, and every link in a table."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from catenary.chain.plan import Plan
from catenary.console.graph import chain_picture
from catenary.console.links import TONES, LinkNow, headline, links_now, progress_of
from catenary.console.table import Cell, Column, Row, Table, figure, table, told
from catenary.console.view import desk_of, duration, moment, render, root_of, short, viewer_of
from catenary.console.viewer import Viewer
from catenary.errors import Refused
from catenary.messages import say
from catenary.stages.standing import standing
from catenary.store import Store


def overview_pages() -> APIRouter:
    """See the module."""
    router = APIRouter()

    @router.get("/")
    def overview(request: Request) -> Response:
        desk, root = desk_of(request), root_of(request)
        require_sight(viewer_of(request))
        plan = desk.plan()
        links = links_now(plan, desk.store)
        counts = {state: sum(link.state == state for link in links) for state in TONES}
        return render(
            request,
            "overview.html",
            title=desk.chain.project.name,
            description=desk.chain.project.description,
            picture_of_chain=chain_picture(links, root),
            counts={state: count for state, count in counts.items() if count},
            tones=TONES,
            running=[
                (link, link.run, progress_of(desk.store, link.run))
                for link in links
                if link.state == "running" and link.run is not None
            ],
            links=_links_table(links, desk.store, root),
            endpoints=_endpoints_table(plan, desk.store, root),
        )

    return router


def require_sight(viewer: Viewer) -> None:
    """Raise Refused for callers' keys: they see what they asked, and no more."""
    if not viewer.sees:
        raise Refused(
            "This key shows its own answers only.", expected="a key with a role", next="catenary keys"
        )


def _links_table(links: list[LinkNow], store: Store, root: str) -> Table:
    def rows(offset: int, limit: int) -> list[Row]:
        return [_row(link, store, root) for link in links[offset : offset + limit]]

    columns = [
        Column(say("link")),
        Column(say("stage")),
        Column(say("state")),
        Column(say("figures")),
        Column(say("last run")),
        Column(say("time"), number=True),
    ]
    return Table("links", say("Links"), columns, len(links), rows)


def _row(link: LinkNow, store: Store, root: str) -> Row:
    made = store.get(link.step.id) if link.step.reused else None
    figures = "" if made is None else " · ".join(f"{say(k)} {told(v)}" for k, v in headline(made).items())
    run = link.run
    return [
        Cell(link.name, f"{root}/links/{link.name}"),
        link.step.link.stage.name,
        Cell(say(link.state), tone=TONES[link.state]),
        figures or Cell(link.step.reason, tone="muted"),
        Cell(moment(run.started_at), f"{root}/runs/{run.id}") if run else "",
        figure(run.seconds, duration(run.seconds)) if run else "",
    ]


def _endpoints_table(plan: Plan, store: Store, root: str) -> Table:
    rows: list[Row] = []
    for name, settings in plan.chain.serve.endpoints.items():
        if settings.release is None:
            behind = f"models.{settings.model}" if settings.model else say("another server")
            rows.append([name, behind, Cell(say("not a release"), tone="warn")])
            continue
        step = plan[f"releases.{settings.release}"]
        where = standing(store, store.get(step.id)) if step.reused else None
        told_so = say("the release is not made yet") if where is None else where.sentence
        tone = "muted" if where is None else "good" if where.released else "bad" if where.failed else "warn"
        link = step.link.full_name
        rows.append([name, Cell(link, f"{root}/links/{link}"), Cell(told_so, tone=tone)])
    return table(
        "endpoints",
        say("Endpoints"),
        [say("endpoint"), say("stands on"), say("standing")],
        rows,
        empty=say("The chain declares no endpoint."),
    )


def short_cell(id: str, root: str) -> Cell:
    """An artifact's id that leads to its page."""
    return Cell(short(id), f"{root}/artifacts/{id}", value=id, code=True)
