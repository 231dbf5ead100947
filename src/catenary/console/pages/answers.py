"""`/answers`, `/answers/rcpt_…`: what was answered, and one with what it stands on; `/feedback`: what users said."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import Select, func, select

from catenary.console.answer import asked_of
from catenary.console.pages.playground import answer_parts
from catenary.console.pages.trace import receipt_for
from catenary.console.table import Cell, Column, Row, Table, told
from catenary.console.view import desk_of, duration, moment, render, root_of, viewer_of
from catenary.console.viewer import Viewer
from catenary.messages import say
from catenary.store import Store
from catenary.store.receipts import opened_body
from catenary.store.sealed_text import opened
from catenary.store.tables import feedback, receipts

SHOWN_LETTERS = 160


def answer_pages() -> APIRouter:
    """See the module."""
    router = APIRouter()

    @router.get("/answers")
    def answers(request: Request, endpoint: str = "") -> Response:
        query = _mine(select(receipts), viewer_of(request))
        if endpoint:
            query = query.where(receipts.c.endpoint == endpoint)
        return render(
            request,
            "answers.html",
            title=say("Answers"),
            endpoint=endpoint,
            endpoints=list(desk_of(request).chain.serve.endpoints),
            answers=_answers_table(desk_of(request).store, query, root_of(request)),
        )

    @router.get("/answers/{answer}")
    def one(request: Request, answer: str) -> Response:
        viewer, desk = viewer_of(request), desk_of(request)
        receipt = receipt_for(viewer, desk.store, answer)
        body = receipt.body
        return render(
            request,
            "answer.html",
            title=say("An answer of {endpoint}", endpoint=receipt.endpoint),
            answer=answer,
            at=moment(receipt.at),
            endpoint=receipt.endpoint,
            facts=[
                duration(body.get("seconds")),
                say("{n} tokens", n=told((body.get("input_tokens") or 0) + (body.get("output_tokens") or 0))),
            ],
            **answer_parts(desk, viewer, answer, root_of(request)),
        )

    @router.get("/feedback")
    def said(request: Request, kind: str = "") -> Response:
        query = _mine(select(feedback, receipts.c.endpoint).join(receipts), viewer_of(request))
        if kind:
            query = query.where(feedback.c.kind == kind)
        store = desk_of(request).store
        with store.reading() as connection:
            kinds = list(connection.execute(select(feedback.c.kind).distinct()).scalars())
        return render(
            request,
            "feedback.html",
            title=say("Feedback"),
            kind=kind,
            kinds=sorted(kinds),
            feedback=_feedback_table(store, query, root_of(request)),
        )

    return router


def _mine(query: Select[Any], viewer: Viewer) -> Select[Any]:
    """Only answers that who looks may read."""
    if viewer.key is None or viewer.key.reads_all:
        return query
    return query.where(receipts.c.key_id == viewer.key.id)


def _counted(store: Store, query: Select[Any]) -> int:
    with store.reading() as connection:
        return int(
            connection.execute(
                select(func.count()).select_from(query.with_only_columns(receipts.c.id).subquery())
            ).scalar_one()
        )


def _answers_table(store: Store, query: Select[Any], root: str) -> Table:
    def rows(offset: int, limit: int) -> list[Row]:
        part = query.order_by(receipts.c.at.desc(), receipts.c.id).offset(offset).limit(limit)
        with store.reading() as connection:
            return [
                _answer(row, opened_body(connection, row.id, row.body), root)
                for row in connection.execute(part)
            ]

    heads = [Column(say(one)) for one in ("at (UTC)", "endpoint", "asked", "answered", "receipt", "standing")]
    return Table(
        "answers",
        say("Answers"),
        heads,
        _counted(store, query),
        rows,
        say("Nothing has been answered yet."),
        False,
    )


def _answer(row: Any, body: Any, root: str) -> Row:
    asked, answered = _texts(body)
    return [
        moment(row.at),
        row.endpoint,
        _cut(asked),
        _cut(answered),
        Cell(row.id[:17], f"{root}/answers/{row.id}", value=row.id, code=True),
        Cell(say("unreleased"), tone="warn") if row.unreleased else Cell(say("released"), tone="good"),
    ]


def _texts(body: Any) -> tuple[str, str]:
    """What was asked and answered, as far as the receipt keeps texts."""
    texts = body.get("texts") or []
    if texts:
        labels = "; ".join(str(one.get("label", "")) for one in texts)
        return " / ".join(one.get("text") or say("not kept") for one in texts), labels
    asked = asked_of(body)[-1]["text"]
    answers = body.get("answers") or []
    return asked, " / ".join(one.get("text") or say("not kept") for one in answers)


def _feedback_table(store: Store, query: Select[Any], root: str) -> Table:
    def rows(offset: int, limit: int) -> list[Row]:
        part = query.order_by(feedback.c.id.desc()).offset(offset).limit(limit)
        with store.reading() as connection:
            return [
                [
                    moment(row.at),
                    row.endpoint,
                    row.kind,
                    _cut(str(body.get("value", ""))),
                    _cut(str(body.get("comment") or "")),
                    row.consent,
                    row.licence,
                    Cell(
                        row.receipt_id[:17],
                        f"{root}/answers/{row.receipt_id}",
                        value=row.receipt_id,
                        code=True,
                    ),
                ]
                for row in connection.execute(part)
                for body in (opened(connection, row.receipt_id, row.body),)
            ]

    names = ("at (UTC)", "endpoint", "kind", "value", "comment", "consent", "licence", "receipt")
    return Table(
        "feedback",
        say("Feedback"),
        [Column(say(one)) for one in names],
        _counted(store, query),
        rows,
        say("Nobody has said anything of an answer yet."),
        False,
    )


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_LETTERS else text[: SHOWN_LETTERS - 1] + "…"
