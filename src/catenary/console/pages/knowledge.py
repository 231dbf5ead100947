"""`/knowledge/LINK?about=…&kind=…`: what a graph of facts states about a name, drawn, each with its passage."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import Response

from catenary.chain.made import made
from catenary.console.neighbourhood import KINDS, RELATED, neighbourhood
from catenary.console.open_graph import OpenGraph
from catenary.console.pages.overview import require_sight
from catenary.console.table import Cell, Column, Row, figure, table
from catenary.console.view import desk_of, render, root_of, viewer_of
from catenary.errors import InvalidInput
from catenary.messages import say

BESIDE = 12  # names in the picture
NAMES = 200  # in the list


def knowledge_pages() -> APIRouter:
    """See the module."""
    router, graph = APIRouter(), OpenGraph()

    @router.get("/knowledge/{link}")
    def knowledge(request: Request, link: str, about: str = "", kind: str = "") -> Response:
        require_sight(viewer_of(request))
        desk, root = desk_of(request), root_of(request)
        artifact = made(desk.chain, desk.store, link, "indexes")
        if artifact.stage != "knowledge":
            raise InvalidInput(
                "This index holds no facts.",
                got=link,
                expected="`indexes: {name: {kind: knowledge, from: …}}`",
            )
        opened, passages = graph.at(artifact.path), artifact.manifest.inputs["from"]
        names = opened.names(NAMES, kind or None)
        shown = about.strip() or (names[0][0] if names else "")
        stated = opened.stated(shown)

        def address(name: str) -> str:
            within = f"&kind={quote(kind, safe='')}" if kind else ""
            return f"{root}/knowledge/{quote(link)}?about={quote(name, safe='')}{within}"

        facts: list[Row] = [
            [
                one.subject,
                say(RELATED[one.relation]),
                say(KINDS[one.object]) if one.relation == "kind" else one.object,
                Cell(say("passage"), f"{root}/passages/{passages}/{quote(one.passage, safe='')}#passage"),
            ]
            for one in stated
        ]
        listed: list[Row] = [
            [
                Cell(name, address(name)),
                say(KINDS[kind_of]) if (kind_of := opened.kind_of(name)) else "",
                figure(count),
            ]
            for name, count in names
        ]
        return render(
            request,
            "knowledge.html",
            title=say("What {link} knows", link=link),
            about=shown,
            kind=kind,
            kinds=[(one, say(KINDS[one])) for one in opened.kinds],
            drawn=neighbourhood(shown, opened.neighbours(shown, BESIDE), address) if stated else "",
            facts=table(
                "facts",
                say("Facts about {name}", name=shown),
                [say("name"), say("relation"), say("to what"), say("where it is said")],
                facts,
                empty=say("No fact is known about it."),
            ),
            names=table(
                "names",
                say("Names with the most facts"),
                [say("name"), say("kind"), Column(say("facts"), number=True)],
                listed,
            ),
        )

    return router
