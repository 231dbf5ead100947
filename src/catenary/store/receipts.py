"""What served answers leave behind: receipts, feedback on them, and usage by key, model and day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from catenary.db import now, upsert
from catenary.errors import NotFound
from catenary.store.held import forget_drafts
from catenary.store.sealed_text import TEXTS, each_text, opened, sealed
from catenary.store.tables import feedback, receipts, usage

# All columns but the one that only finds what is to be forgotten.
_RECEIPT = [column for column in receipts.c if column.name != "has_texts"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an answer was made of. `body` (JSON values) holds template, retrieved chunks, sampling, guard
    verdicts
    and digests; `unreleased` says that the model was served without its gates and sign-offs."""

    id: str
    at: datetime
    endpoint: str
    app: str | None
    release_id: str
    unreleased: bool
    key_id: str | None
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a user said of an answer, and under which terms it may be used."""

    id: int
    receipt_id: str
    at: datetime
    kind: str
    body: Mapping[str, Any]
    consent: str
    licence: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What one key used of one model on one day."""

    day: date
    key_id: str
    model: str
    requests: int
    input_tokens: int
    output_tokens: int


def question_of(body: Mapping[str, Any]) -> str | None:
    """What was asked last in a receipt's conversation; None where its texts are not kept."""
    messages = (body.get("asked") or {}).get("messages")
    conversation = messages[0] if messages and isinstance(messages[0], list) else ()
    asked = [str(one.get("content")) for one in conversation if one.get("role") == "user"]
    return asked[-1] if asked else None


def stands_on(receipt: Receipt) -> set[str]:
    """The ids of the artifacts that an answer stands on: its release, and what its application names."""
    made = receipt.body.get("made") or {}
    named = [made.get(name) for name in ("index", "index_release", "histories", "knowledge")]
    return {receipt.release_id, *(one for one in named if one), *(made.get("models") or {}).values()}


def add_receipts(connection: Connection, written: list[Receipt]) -> None:
    """Keep receipts. One call with many is far cheaper than many with one: each waits for the disk."""
    rows = [
        {
            "id": receipt.id,
            "at": receipt.at,
            "endpoint": receipt.endpoint,
            "app": receipt.app,
            "release_id": receipt.release_id,
            "unreleased": receipt.unreleased,
            "key_id": receipt.key_id,
            "body": each_text(receipt.body, partial(sealed, connection, receipt.id)),
            "has_texts": has_texts(receipt.body),
        }
        for receipt in written
    ]
    if rows:
        connection.execute(insert(receipts), rows)


def forget_texts(connection: Connection, before: datetime, *, at_once: int = 500) -> int:
    """Remove the texts of receipts older than `before`, their digests stay; how many receipts had some.

    Goes through at most `at_once` receipts, so that writers of new ones never wait long; call until it says 0.
    """
    query = (
        select(receipts.c.id, receipts.c.body)
        .where(receipts.c.at < before, receipts.c.has_texts)
        .order_by(receipts.c.at)
        .limit(at_once)
    )
    rows = connection.execute(query).all()
    for row in rows:
        _forget(connection, row.id, row.body)
    return len(rows)


def forget_texts_of(connection: Connection, receipt_id: str) -> None:
    """Remove the texts of one receipt; its digests stay. Raises NotFound."""
    _forget(connection, receipt_id, receipt(connection, receipt_id).body)


def _forget(connection: Connection, receipt_id: str, body: Mapping[str, Any]) -> None:
    forgotten = update(receipts).where(receipts.c.id == receipt_id)
    connection.execute(forgotten.values(body=without_texts(body), has_texts=False))
    forget_drafts(connection, [receipt_id])


def without_texts(body: Any) -> Any:
    """A receipt's body without any text that somebody wrote: only digests and figures stay."""
    return each_text(body, lambda text: None)


def has_texts(body: Any) -> bool:
    """Whether a receipt's body holds text that somebody wrote."""
    if isinstance(body, Mapping):
        return any(value is not None if name in TEXTS else has_texts(value) for name, value in body.items())
    return isinstance(body, list) and any(has_texts(value) for value in body)


def receipt(connection: Connection, receipt_id: str) -> Receipt:
    """The receipt with this id. Raises NotFound."""
    row = connection.execute(select(*_RECEIPT).where(receipts.c.id == receipt_id)).one_or_none()
    if row is None:
        raise NotFound(
            "There is no receipt with this id.",
            got=receipt_id,
            expected="the id that came with an answer",
            next="catenary trace --help",
        )
    return _receipt(connection, row)


def opened_body(connection: Connection, receipt_id: str, body: Any) -> Any:
    """The body of a receipt's row, its texts as they were written. Raises as `sealed_text.opened` does."""
    return each_text(body, partial(opened, connection, receipt_id))


def _receipt(connection: Connection, row: Row[Any]) -> Receipt:
    told = row._asdict()
    return Receipt(**{**told, "body": opened_body(connection, row.id, row.body)})


def receipt_rows(connection: Connection, *, release_id: str | None = None, limit: int = 100) -> list[Receipt]:
    """The newest receipts (of one release)."""
    query = select(*_RECEIPT).order_by(receipts.c.at.desc(), receipts.c.id).limit(limit)
    if release_id is not None:
        query = query.where(receipts.c.release_id == release_id)
    return [_receipt(connection, row) for row in connection.execute(query)]


def served_releases(connection: Connection) -> set[str]:
    """The ids of all releases that some receipt names."""
    return set(connection.execute(select(receipts.c.release_id).distinct()).scalars())


def add_feedback(
    connection: Connection, receipt_id: str, *, kind: str, body: Mapping[str, Any], consent: str, licence: str
) -> int:
    """Keep what a user said of an answer; returns its number. Raises NotFound for an unknown receipt."""
    receipt(connection, receipt_id)
    row = {"receipt_id": receipt_id, "at": now(), "kind": kind, "consent": consent, "licence": licence}
    statement = insert(feedback).values(**row, body=sealed(connection, receipt_id, dict(body)))
    return int(connection.execute(statement.returning(feedback.c.id)).scalar_one())


def feedback_rows(connection: Connection, *, receipt_id: str | None = None, after: int = 0) -> list[Feedback]:
    """Feedback (on one answer) in the order it came, numbered above `after`."""
    query = select(feedback).where(feedback.c.id > after).order_by(feedback.c.id)
    if receipt_id is not None:
        query = query.where(feedback.c.receipt_id == receipt_id)
    return [
        Feedback(**{**row._asdict(), "body": opened(connection, row.receipt_id, row.body)})
        for row in connection.execute(query)
    ]


def add_usage(connection: Connection, used: Usage) -> None:
    """Add to what a key used of a model on a day."""
    row = {
        "day": used.day,
        "key_id": used.key_id,
        "model": used.model,
        "requests": used.requests,
        "input_tokens": used.input_tokens,
        "output_tokens": used.output_tokens,
    }
    upsert(connection, usage, row, add=("requests", "input_tokens", "output_tokens"))


def usage_rows(
    connection: Connection, *, key_id: str | None = None, since: date | None = None, until: date | None = None
) -> list[Usage]:
    """What was used (by one key), from day `since` to day `until`, both included."""
    query = select(usage).order_by(usage.c.day, usage.c.key_id, usage.c.model)
    if key_id is not None:
        query = query.where(usage.c.key_id == key_id)
    if since is not None:
        query = query.where(usage.c.day >= since)
    if until is not None:
        query = query.where(usage.c.day <= until)
    return [Usage(*row) for row in connection.execute(query)]
