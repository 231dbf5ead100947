"""`/held`, `/held/rcpt_…`: answers that wait for a person: read, then approved, edited or refused."""

from __future__ import annotations

from typing import Literal, cast

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from catenary.console.answer import asked_of, made_of
from catenary.console.form import Form
from catenary.console.table import Cell, Column, Row, Table
from catenary.console.view import desk_of, moment, render, root_of, viewer_of
from catenary.console.viewer import Viewer, key_name, require_vouched, why_not_vouched
from catenary.errors import InvalidInput, NotFound
from catenary.messages import say
from catenary.stages.held import decide
from catenary.store import Store
from catenary.store.held import Held
from catenary.store.receipts import question_of

TONES = {"approved": "good", "edited": "good", "refused": "bad", "forgotten": "muted"}
CHOICES = ("approved", "edited", "refused")
SHOWN_LETTERS = 160


def held_pages() -> APIRouter:
    """See the module. Who does not hold the role that an answer waits for sees nothing of it."""
    router = APIRouter()

    @router.get("/held")
    def queue(request: Request) -> Response:
        viewer, store = viewer_of(request), desk_of(request).store
        return render(
            request,
            "held.html",
            title=say("Answers to sign"),
            roles=sorted(viewer.roles),
            held=_table(store, viewer, root_of(request)),
        )

    @router.get("/held/{receipt}")
    def one(request: Request, receipt: str) -> Response:
        viewer, store = viewer_of(request), desk_of(request).store
        found = _held_for(viewer, store, receipt)
        body = store.receipt(receipt).body
        draft = found.draft
        return render(
            request,
            "held_answer.html",
            title=say("An answer of {endpoint}", endpoint=found.app),
            held=found,
            at=moment(found.at),
            asked=asked_of(body),
            draft=say("not kept") if draft is None else draft["text"],
            said="" if found.person is None else body["answers"][0]["text"] or "",
            tables=[] if draft is None else made_of(draft["made"], root_of(request)),
            why_not=why_not_vouched(viewer),
            standing=_standing(found),
            tone=TONES.get(found.decision or "", "warn"),
            unreleased=store.receipt(receipt).unreleased,
        )

    @router.post("/held/{receipt}")
    def sign(request: Request, receipt: str, form: Form) -> Response:
        viewer, store = viewer_of(request), desk_of(request).store
        require_vouched(viewer)
        _held_for(viewer, store, receipt)
        choice = form.one("decision")
        if choice not in CHOICES:
            raise InvalidInput("There is no such decision.", got=choice, expected=", ".join(CHOICES))
        decide(
            store,
            receipt,
            cast(Literal["approved", "edited", "refused"], choice),
            why=form.one("why"),
            text=form.one("text").replace("\r\n", "\n") if choice == "edited" else None,
            person=viewer.person,
            key_name=key_name(viewer.person),
        )
        return RedirectResponse(f"{root_of(request)}/held/{receipt}", 303)

    return router


def _held_for(viewer: Viewer, store: Store, receipt: str) -> Held:
    found = store.held(receipt)
    if found is None or found.role not in viewer.roles:
        raise NotFound("No answer is held under this id.", got=receipt)
    return found


def _table(store: Store, viewer: Viewer, root: str) -> Table:
    found = [one for one in store.held_answers() if one.role in viewer.roles]

    def rows(offset: int, limit: int) -> list[Row]:
        return [_row(store, one, root) for one in found[offset : offset + limit]]

    heads = [
        Column(say(one)) for one in ("at (UTC)", "application", "question", "role", "receipt", "decision")
    ]
    return Table(
        "held", say("Answers to sign"), heads, len(found), rows, say("No answer waits for you."), False
    )


def _row(store: Store, held: Held, root: str) -> Row:
    asked = question_of(store.receipt(held.receipt_id).body) or say("not kept")
    return [
        moment(held.at),
        held.app,
        asked if len(asked) <= SHOWN_LETTERS else asked[: SHOWN_LETTERS - 1] + "…",
        held.role,
        Cell(held.receipt_id[:17], f"{root}/held/{held.receipt_id}", value=held.receipt_id, code=True),
        Cell(_standing(held), tone=TONES.get(held.decision or "", "warn")),
    ]


def _standing(held: Held) -> str:
    if held.decision is None:
        return say("waits for {role}", role=held.role)
    if held.person is None:
        return say("forgotten before anybody decided")
    text = "{decision} by {person} as {role}, {at}"
    at = moment(held.decided_at)
    return say(text, decision=say(held.decision), person=held.person, role=held.role, at=at)
