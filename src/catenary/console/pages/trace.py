"""`/trace/rcpt_…`, `/trace/doc:…`, `/trace/3f9a…`: lineage, drawn and as a table; `?down=1` the other way."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import APIRouter, Request
from fastapi.responses import Response

from catenary.chain.picture import lineage_picture
from catenary.chain.trace import DOCUMENT, RECEIPT, Node, trace
from catenary.console.pages.overview import require_sight
from catenary.console.table import Cell, Column, Row, Table, table
from catenary.console.view import desk_of, picture, render, root_of, viewer_of
from catenary.console.viewer import Viewer
from catenary.errors import NotFound
from catenary.messages import say
from catenary.stages.exposure import exposure
from catenary.stages.nearest import nearest
from catenary.stages.standing import standing
from catenary.store import Receipt, Store

ARTIFACTS = ("collection", "dataset", "tokenizer", "index", "model", "evaluation", "release", "upstream")


def trace_pages() -> APIRouter:
    """See the module."""
    router = APIRouter()

    @router.get("/trace/{what}")
    def one_trace(request: Request, what: str, down: str = "") -> Response:
        viewer, store = viewer_of(request), desk_of(request).store
        if what.startswith(RECEIPT):
            receipt_for(viewer, store, what)
        else:
            require_sight(viewer)
        tree = lineage(store, what, down=bool(down))
        return render(
            request,
            "trace.html",
            title=tree.title,
            what=what,
            kind=tree.kind,
            facts=[fact for fact in tree.facts if fact],
            down=bool(down),
            both_ways=not what.startswith(RECEIPT),
            drawn=picture(lineage_picture(tree, down=bool(down))),
            documents=_documents(tree, root_of(request)),
            nodes=table(
                "lineage",
                say("The same as a table"),
                [
                    Column(say("level"), number=True),
                    Column(say("kind")),
                    Column(say("what")),
                    Column(say("id")),
                    Column(say("facts")),
                ],
                [_row(depth, node, root_of(request)) for depth, node in _walk(tree)],
            ),
        )

    return router


def lineage(store: Store, what: str, *, down: bool = False) -> Node:
    """The tree of `catenary trace`."""
    return trace(
        store,
        what,
        down=down,
        standing=lambda release: standing(store, release).sentence,
        nearest=nearest,
        exposure=lambda model, document: exposure(store, model, document),
    )


def receipt_for(viewer: Viewer, store: Store, receipt_id: str) -> Receipt:
    """A receipt that who looks may read; others' are as unknown as those that never were. Raises NotFound."""
    found = store.receipt(receipt_id)
    if not viewer.sees_receipt(found.key_id):
        raise NotFound(
            "There is no receipt with this id.", got=receipt_id, expected="the id that came with an answer"
        )
    return found


def _walk(node: Node, depth: int = 0) -> Iterator[tuple[int, Node]]:
    yield depth, node
    for child in node.children:
        yield from _walk(child, depth + 1)


def _documents(tree: Node, root: str) -> Table:
    """The documents that an answer leads to: among the many files of a lineage they would be found late."""
    rows: list[Row] = [
        [
            Cell(node.id[:12], f"{root}/trace/{DOCUMENT}{node.id}", value=node.id, code=True),
            parent.title,
            " · ".join(node.facts),
        ]
        for parent, node in _below(tree)
        if node.kind == "document"
    ]
    heads = [say("document"), say("why"), say("file, record, licence")]
    return table("documents", say("Documents that it leads to"), heads, rows)


def _below(node: Node) -> Iterator[tuple[Node, Node]]:
    for child in node.children:
        yield node, child
        yield from _below(child)


def _row(depth: int, node: Node, root: str) -> Row:
    address = ""
    if node.kind in ARTIFACTS:
        address = f"{root}/artifacts/{node.id}"
    elif node.kind == "document":
        address = f"{root}/trace/{DOCUMENT}{node.id}"
    id = Cell(node.id[:12], address, value=node.id, code=True) if node.id else ""
    facts = " · ".join(fact for fact in node.facts if fact)
    return [
        Cell(str(depth), value=depth, number=True),
        say(node.kind.replace("_", "-")),
        node.title,
        id,
        facts or (say("drawn above") if node.seen else ""),
    ]
