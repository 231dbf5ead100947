"""Puts right what a crash may leave behind, and says what it did. Safe at any time, also beside running work.

Checkpoints of unfinished work are no fault: the next run goes on from them, and `gc` removes those nobody
wants.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, exists, select

from catenary.db import reading, writing
from catenary.findings import Finding
from catenary.store import in_use
from catenary.store.catalog import artifact_row, artifact_rows, forget
from catenary.store.commit import adopt
from catenary.store.encryption import has_keyring, keyring
from catenary.store.manifest import MANIFEST
from catenary.store.objects import (
    all_objects,
    discard_work,
    is_trash,
    locked,
    object_folder,
    short,
    work_folders,
)
from catenary.store.plain import clear_plain
from catenary.store.runs import mark_lost
from catenary.store.tables import edges, links, receipts, release_states, sign_offs

_POINTERS = (
    edges.c.input_id,
    links.c.artifact_id,
    sign_offs.c.release_id,
    receipts.c.release_id,
    release_states.c.release_id,
)


def doctor(engine: Engine, home: Path) -> list[Finding]:
    """Repair, in the order in which one repair may make another possible; returns what was done."""
    if has_keyring(home):
        keyring(home)  # without its key all would look damaged
    done = [
        Finding("Run {run} had died without a word; it is marked as lost.", None, {"run": run})
        for run in mark_lost(engine, home)
    ]
    done += _enter_objects(engine, home)
    done += _drop_rows(engine, home)
    done += _clear_work(engine, home)
    in_use.others(home, None)  # for its clearing away
    done += [
        Finding("What a killed process had decrypted into memory is cleared away.")
        for _ in range(clear_plain())
    ]
    return done


def _enter_objects(engine: Engine, home: Path) -> list[Finding]:
    done = []
    for folder in all_objects(home):
        with reading(engine) as connection:
            known = artifact_row(connection, folder.name)
        if known is None:
            done.append(
                Finding(
                    "A whole artifact was missing from the catalog; it is entered."
                    if adopt(engine, home, folder.name)
                    else "This folder is no whole artifact, or lacks an input; it is left as it is.",
                    short(folder.name),
                )
            )
    return done


def _drop_rows(engine: Engine, home: Path) -> list[Finding]:
    """Rows without an object: dropped, newest first, unless something points to them."""
    done = []
    with writing(engine) as connection:
        for row in reversed(artifact_rows(connection)):
            if (object_folder(home, row.kind, row.id) / MANIFEST).is_file():
                continue
            if any(
                connection.execute(select(exists().where(column == row.id))).scalar() for column in _POINTERS
            ):
                done.append(
                    Finding(
                        "The files of this artifact are gone; `catenary run` makes it again.", short(row.id)
                    )
                )
                continue
            forget(connection, row.id)
            done.append(Finding("The files of this artifact are gone; its row is dropped.", short(row.id)))
    return done


def _clear_work(engine: Engine, home: Path) -> list[Finding]:
    done = []
    for folder in work_folders(home):
        with locked(home, folder.name) as free:
            if not free:
                continue
            if is_trash(folder):
                discard_work(folder)
                done.append(Finding("What was left of a removed artifact is cleared away."))
                continue
            with reading(engine) as connection:
                committed = artifact_row(connection, folder.name) is not None
            if committed:
                discard_work(folder)
                done.append(Finding("What was left of its making is cleared away.", short(folder.name)))
    return done
