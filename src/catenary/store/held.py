"""Answers that wait for a person, and what became of them.

An answer's receipt says nothing of the draft until somebody has signed; then it holds what was signed, and the draft
stays here beside it, for as long as the receipt holds texts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Literal

from sqlalchemy import Connection, Row, insert, select, update

from catenary.db import now
from catenary.store.sealed_text import each_text, opened, sealed
from catenary.store.tables import held_answers, receipts

Decision = Literal["approved", "edited", "refused", "forgotten"]
"""What became of an answer; forgotten: its text went before anybody decided."""


@dataclass(frozen=True, slots=True)
class Held:
    """An answer that waits for a person with `role`, or waited. `decision` is None while it waits.

    `draft` (JSON values) holds what would have been answered and what it stands on; None once it is forgotten.
    `envelope`: what was decided, signed by `person` with the key `key_id`.
    """

    receipt_id: str
    at: datetime
    app: str
    role: str
    draft: Mapping[str, Any] | None
    decision: Decision | None = None
    person: str | None = None
    key_id: str | None = None
    envelope: Mapping[str, Any] | None = None
    why: str | None = None
    decided_at: datetime | None = None

    @property
    def waits(self) -> bool:
        """Whether nobody has decided yet."""
        return self.decision is None


def add_held(connection: Connection, waiting: Collection[Held]) -> None:
    """Keep answers that wait from now on. Their receipts are there already."""
    rows = [
        {
            "receipt_id": one.receipt_id,
            "at": one.at,
            "app": one.app,
            "role": one.role,
            "draft": sealed(connection, one.receipt_id, one.draft),
            "envelope": None,
        }
        for one in waiting
    ]
    if rows:
        connection.execute(insert(held_answers), rows)


def held_row(connection: Connection, receipt_id: str) -> Held | None:
    """What waits or waited under this receipt; None where the answer was never held."""
    found = connection.execute(select(held_answers).where(held_answers.c.receipt_id == receipt_id)).first()
    return None if found is None else _held(connection, found)


def held_rows(connection: Connection, *, waiting: bool = False, prefix: str = "") -> list[Held]:
    """What waits, longest first; without `waiting`, what was decided behind it, newest first."""
    ours = select(held_answers).where(held_answers.c.receipt_id.startswith(prefix, autoescape=True))
    rows = list(connection.execute(ours.where(held_answers.c.decision.is_(None)).order_by(held_answers.c.at)))
    if not waiting:
        decided = ours.where(held_answers.c.decision.is_not(None))
        rows += connection.execute(decided.order_by(held_answers.c.decided_at.desc()))
    return [_held(connection, row) for row in rows]


def _held(connection: Connection, row: Row[Any]) -> Held:
    return Held(**{**row._asdict(), "draft": opened(connection, row.receipt_id, row.draft)})


def keep_decision(
    connection: Connection,
    receipt_id: str,
    *,
    decision: Decision,
    person: str,
    key_id: str,
    envelope: Mapping[str, Any],
    why: str,
    body: Mapping[str, Any],
) -> bool:
    """Keep what a person decided, and `body` as the receipt says it from now on; False where it waits no more."""
    waiting = held_answers.c.receipt_id == receipt_id, held_answers.c.decision.is_(None)
    told = {"person": person, "key_id": key_id, "envelope": dict(envelope), "why": why, "decided_at": now()}
    changed = connection.execute(update(held_answers).where(*waiting).values(decision=decision, **told))
    if changed.rowcount == 1:
        kept = each_text(body, partial(sealed, connection, receipt_id))
        connection.execute(update(receipts).where(receipts.c.id == receipt_id).values(body=kept))
    return changed.rowcount == 1


def forget_drafts(connection: Connection, receipt_ids: Collection[str]) -> None:
    """Remove drafts; what still waited is never answered."""
    ours = held_answers.c.receipt_id.in_(list(receipt_ids))
    forgotten = {"decision": "forgotten", "decided_at": now()}
    connection.execute(update(held_answers).where(ours, held_answers.c.decision.is_(None)).values(forgotten))
    connection.execute(update(held_answers).where(ours).values(draft=None))
