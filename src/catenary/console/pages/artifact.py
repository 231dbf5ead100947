"""`/artifacts/3f9a…`: one artifact by its id, and the files that it holds."""

from __future__ import annotations

import mimetypes

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response

from catenary.console.contents import contents_of, settings_table
from catenary.console.pages.overview import require_sight
from catenary.console.pages.runs import runs_table
from catenary.console.table import Cell, Row, table
from catenary.console.view import desk_of, render, root_of, short, viewer_of
from catenary.errors import NotFound
from catenary.messages import say

REPORT_POLICY = "sandbox allow-popups; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""For pages that artifacts hold: they have their style inside, and may do nothing else."""

SHOWN = {".html": "text/html", ".svg": "image/svg+xml", ".json": "application/json", ".md": "text/plain"}


def artifact_pages() -> APIRouter:
    """See the module."""
    router = APIRouter()

    @router.get("/artifacts/{id}")
    def artifact(request: Request, id: str) -> Response:
        require_sight(viewer_of(request))
        desk, root = desk_of(request), root_of(request)
        found = desk.store.get(id)
        links: list[Row] = [
            [
                row.chain,
                Cell(row.link, "" if row.link.startswith("endpoints.") else f"{root}/links/{row.link}"),
            ]
            for row in desk.store.links_to(found.id)
        ]
        below: list[Row] = [
            [row.kind, Cell(short(row.id), f"{root}/artifacts/{row.id}", value=row.id, code=True)]
            for row in desk.store.descendants(found.id)
        ]
        return render(
            request,
            "artifact.html",
            title=f"{say(found.kind)} {short(found.id)}",
            artifact=found,
            contents=contents_of(found, root),
            settings=settings_table(found.manifest.settings),
            links=table("links", say("Links that point to it"), [say("chain"), say("link")], links),
            below=table("made-into", say("What was made from it"), [say("kind"), say("artifact")], below),
            runs=runs_table(desk.store, root, chain=desk.chain.project.name, artifact=found.id),
        )

    @router.get("/artifacts/{id}/files/{path:path}")
    def file(request: Request, id: str, path: str) -> Response:
        require_sight(viewer_of(request))
        found = desk_of(request).store.get(id)
        if path not in found.manifest.files:  # names it as it is written there, so nothing outside is reached
            raise NotFound("This artifact has no file of this name.", got=path)
        ending = "." + path.rpartition(".")[2]
        shown = SHOWN.get(ending)
        kind = shown or mimetypes.guess_type(path)[0] or "application/octet-stream"
        return FileResponse(
            found.path / path,
            media_type=kind,
            filename=None if shown else path.rpartition("/")[2],
            headers={"content-security-policy": REPORT_POLICY},
        )

    return router
