"""After the encryption of a home was changed: every text in its catalog, as it is to be kept from now on.

Several homes may share a catalog. A receipt names the release that gave the answer, so what stands on a release that
lies in another home is left as it is: this home's key is not its own.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from pathlib import Path

from sqlalchemy import Column, Connection, Engine, func, select, update

from catenary.db import reading, writing
from catenary.store.catalog import artifact_rows_of
from catenary.store.manifest import MANIFEST
from catenary.store.objects import object_folder
from catenary.store.receipts import served_releases
from catenary.store.sealed_text import each_text, resealed
from catenary.store.tables import feedback, held_answers, receipts

AT_ONCE = 500  # rows a transaction, so that nobody waits long


def reseal(engine: Engine, home: Path) -> None:
    """Seal, seal anew or open the texts of receipts, held answers and feedback. Killed on the way, do it again."""
    with reading(engine) as connection:
        elsewhere = _elsewhere(connection, home)
    for key, about, value in (
        (receipts.c.id, receipts.c.id, receipts.c.body),
        (held_answers.c.receipt_id, held_answers.c.receipt_id, held_answers.c.draft),
        (feedback.c.id, feedback.c.receipt_id, feedback.c.body),
    ):
        last: object | None = None
        while (last := some(engine, key, about, value, last, elsewhere)) is not None:
            pass


def answers_elsewhere(connection: Connection, home: Path) -> int:
    """How many answers whose texts are kept were given by what does not lie in this home."""
    of_others = receipts.c.release_id.in_(_elsewhere(connection, home))
    query = select(func.count()).select_from(receipts).where(receipts.c.has_texts, of_others)
    return int(connection.execute(query).scalar_one())


def _elsewhere(connection: Connection, home: Path) -> list[str]:
    rows = artifact_rows_of(connection, sorted(served_releases(connection))).values()
    return [row.id for row in rows if not (object_folder(home, row.kind, row.id) / MANIFEST).is_file()]


def some(
    engine: Engine,
    key: Column[object],
    about: Column[str],
    value: Column[object],
    after: object | None,
    elsewhere: Collection[str] = (),
) -> object | None:
    """The rows behind `after`, but for answers of releases `elsewhere`; returns the last, None where there are none."""
    query = select(key, about, value).order_by(key).limit(AT_ONCE)
    if after is not None:
        query = query.where(key > after)
    if elsewhere:
        query = query.where(about.not_in(select(receipts.c.id).where(receipts.c.release_id.in_(elsewhere))))
    with writing(engine) as connection:
        rows = connection.execute(query).all()
        for number, receipt_id, kept in rows:
            change = partial(resealed, connection, receipt_id)
            new = each_text(kept, change) if value is receipts.c.body else change(kept)
            if new != kept:
                connection.execute(update(key.table).where(key == number).values({value.name: new}))
    return rows[-1][0] if rows else None
