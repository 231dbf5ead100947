"""`/audit`: who did what, when, newest first; whether the log is what was written."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import func, select

from catenary.access import Entry, verify_audit
from catenary.access.tables import audit
from catenary.console.table import Cell, Column, Row, Table
from catenary.console.view import desk_of, render, viewer_of
from catenary.console.viewer import require
from catenary.messages import say
from catenary.store import Store


def audit_pages() -> APIRouter:
    """See the module."""
    router = APIRouter()

    @router.get("/audit")
    def log(request: Request, verify: str = "", actor: str = "", action: str = "") -> Response:
        require(viewer_of(request), "audit")
        store = desk_of(request).store
        findings = verify_audit(store.engine, store.home) if verify else None
        return render(
            request,
            "audit.html",
            title=say("Audit log"),
            findings=None if findings is None else [finding.text() for finding in findings],
            actor=actor,
            action=action,
            entries=_entries_table(store, actor, action),
        )

    return router


def _entries_table(store: Store, actor: str, action: str) -> Table:
    query = select(audit)
    if actor:
        query = query.where(audit.c.actor == actor)
    if action:
        query = query.where(audit.c.action.startswith(action, autoescape=True))
    with store.reading() as connection:
        count = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()

    def rows(offset: int, limit: int) -> list[Row]:
        part = query.order_by(audit.c.seq.desc()).offset(offset).limit(limit)
        with store.reading() as connection:
            return [_row(Entry(*row)) for row in connection.execute(part)]

    heads = [Column(say("number"), number=True)]
    heads += [Column(say(one)) for one in ("at (UTC)", "person", "action", "detail", "hash")]
    return Table("entries", say("Entries"), heads, count, rows, say("The log is empty."), show_caption=False)


def _row(entry: Entry) -> Row:
    return [
        Cell(str(entry.seq), value=entry.seq, number=True),
        entry.at[:19].replace("T", " "),
        entry.actor,
        entry.action,
        entry.detail,
        Cell(entry.hash[:12], value=entry.hash, code=True),
    ]
