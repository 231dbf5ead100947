"""`/links/models.base`: one link: where it stands, progress, curves, what its artifact holds, its settings and runs."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from catenary.console.contents import contents_of, settings_table
from catenary.console.curves import curve_pictures
from catenary.console.links import TONES, links_now, progress_of
from catenary.console.pages.overview import require_sight, short_cell
from catenary.console.pages.runs import runs_table
from catenary.console.table import Cell, Row, table
from catenary.console.view import desk_of, render, root_of, viewer_of
from catenary.messages import say
from catenary.store.logs import read_log


def link_pages() -> APIRouter:
    """See the module."""
    router = APIRouter()

    @router.get("/links/{name}")
    def link(request: Request, name: str) -> Response:
        require_sight(viewer_of(request))
        desk, root = desk_of(request), root_of(request)
        full_name = desk.chain.link(name).full_name
        links = links_now(desk.plan(), desk.store)
        here = next(one for one in links if one.name == full_name)
        run = here.run
        shown = here.step.id if here.step.reused else here.pointed
        artifact = desk.store.get(shown) if shown and desk.store.has(shown) else None
        made_by = desk.store.runs(artifact_id=artifact.id) if artifact else []
        figures = run if run is not None and run.outcome != "done" else made_by[0] if made_by else run
        stands_on: list[Row] = [
            [role, Cell(name, f"{root}/links/{name}"), short_cell(here.step.inputs[role], root)]
            for role, name in here.step.link.inputs.items()
        ]
        needed_by: list[Row] = [
            [Cell(one.name, f"{root}/links/{one.name}"), Cell(say(one.state), tone=TONES[one.state])]
            for one in links
            if full_name in one.step.link.inputs.values()
        ]
        return render(
            request,
            "link.html",
            title=full_name,
            link=here,
            tone=TONES[here.state],
            owner=here.step.link.stage.owner,
            run=run,
            log=read_log(desk.store.home.path, run.artifact_id) if run else "",
            progress=progress_of(desk.store, run) if run is not None and run.outcome is None else None,
            curves=curve_pictures(desk.store, [figures]) if figures else [],
            artifact=artifact,
            contents=contents_of(artifact, root) if artifact else None,
            settings=settings_table(here.step.settings),
            stands_on=table(
                "inputs", say("Stands on"), [say("role"), say("link"), say("artifact")], stands_on
            ),
            needed_by=table("outputs", say("Needed by"), [say("link"), say("state")], needed_by),
            runs=runs_table(desk.store, root, chain=desk.chain.project.name, link=full_name),
        )

    return router
