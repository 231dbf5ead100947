"""After the encryption of a home was changed: every text in its catalog, as it is to be kept from now on."""

from __future__ import annotations

from functools import partial

from sqlalchemy import Column, Engine, select, update

from catenary.db import writing
from catenary.store.sealed_text import each_text, resealed
from catenary.store.tables import feedback, held_answers, receipts

AT_ONCE = 500  # rows a transaction, so that nobody waits long


def reseal(engine: Engine) -> None:
    """Seal, seal anew or open the texts of receipts, held answers and feedback. Killed on the way, do it again."""
    for key, about, value in (
        (receipts.c.id, receipts.c.id, receipts.c.body),
        (held_answers.c.receipt_id, held_answers.c.receipt_id, held_answers.c.draft),
        (feedback.c.id, feedback.c.receipt_id, feedback.c.body),
    ):
        last: object | None = None
        while (last := some(engine, key, about, value, last)) is not None:
            pass


def some(
    engine: Engine, key: Column[object], about: Column[str], value: Column[object], after: object | None
) -> object | None:
    """The rows behind `after`; returns the last of them, None where there are none."""
    query = select(key, about, value).order_by(key).limit(AT_ONCE)
    if after is not None:
        query = query.where(key > after)
    with writing(engine) as connection:
        rows = connection.execute(query).all()
        for number, receipt_id, kept in rows:
            change = partial(resealed, connection, receipt_id)
            new = each_text(kept, change) if value is receipts.c.body else change(kept)
            if new != kept:
                connection.execute(update(key.table).where(key == number).values({value.name: new}))
    return rows[-1][0] if rows else None
