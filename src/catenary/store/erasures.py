"""Documents that were erased: the list that the next run leaves out, and artifacts emptied of what they held.

An emptied artifact keeps its row and its manifest, without any text in it, so that lineage, sign-offs and digests can
still be read; its files are gone. It counts as not there: `has` says no, and a run makes it again if anybody asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select, update

from catenary.db import now, writing
from catenary.files import sync_folder
from catenary.store.catalog import ArtifactRow
from catenary.store.documents import forget_ids
from catenary.store.logs import forget_jobs, forget_log
from catenary.store.manifest import MANIFEST, Manifest, manifest_sha256
from catenary.store.object_files import write_manifest
from catenary.store.objects import object_folder, paths_in, read_object
from catenary.store.tables import artifacts, erasure_closings, erasures

TEXTS = ("text", "samples")  # the names in a report that hold what documents say


@dataclass(frozen=True, slots=True)
class Erasure:
    """A document that is erased: who wanted it when and why; `done_at`: nothing here holds it any more."""

    document_id: str
    source: str
    licence: str
    consent: str
    person: str
    why: str
    at: datetime
    done_at: datetime | None = None


def add_erasure(connection: Connection, erasure: Erasure) -> bool:
    """Enter a document into the list; False where it stands there already (it is open again then)."""
    known = select(erasures.c.document_id).where(erasures.c.document_id == erasure.document_id)
    if connection.execute(known).first() is not None:
        reopened = update(erasures).where(erasures.c.document_id == erasure.document_id)
        connection.execute(reopened.values(done_at=None))
        return False
    row = {name: getattr(erasure, name) for name in Erasure.__slots__}
    connection.execute(insert(erasures).values(**row))
    return True


def finish_erasure(connection: Connection, document_id: str) -> None:
    """Nothing holds the document any more."""
    done = update(erasures).where(erasures.c.document_id == document_id)
    connection.execute(done.values(done_at=now()))


def erasure_rows(connection: Connection) -> list[Erasure]:
    """All erasures, oldest first."""
    query = select(erasures).order_by(erasures.c.at, erasures.c.document_id)
    return [Erasure(*row) for row in connection.execute(query)]


@dataclass(frozen=True, slots=True)
class Closing:
    """A signed reason for which an erasure counts as closed though something is kept (stages/erasure_closing.py)."""

    id: int
    document_id: str
    role: str
    person: str
    key_id: str
    envelope: Mapping[str, Any]
    at: datetime


def add_closing(
    connection: Connection,
    document_id: str,
    *,
    role: str,
    person: str,
    key_id: str,
    envelope: Mapping[str, Any],
) -> int:
    """Keep a signed reason; returns its number."""
    values = {"document_id": document_id, "role": role, "person": person, "key_id": key_id}
    statement = insert(erasure_closings).values(**values, envelope=dict(envelope), at=now())
    return int(connection.execute(statement.returning(erasure_closings.c.id)).scalar_one())


def closings_of(connection: Connection, document_id: str) -> list[Closing]:
    """The signed reasons of one erasure, newest first."""
    query = select(erasure_closings).where(erasure_closings.c.document_id == document_id)
    rows = connection.execute(query.order_by(erasure_closings.c.id.desc()))
    return [Closing(*row) for row in rows]


def erased_by_source(connection: Connection) -> dict[str, list[str]]:
    """source → the ids of its documents that a run leaves out, in their order."""
    found: dict[str, list[str]] = {}
    query = select(erasures.c.source, erasures.c.document_id).order_by(erasures.c.document_id)
    for row in connection.execute(query):
        found.setdefault(row.source, []).append(row.document_id)
    return found


def emptied(connection: Connection) -> int:
    """How many artifacts an erasure has emptied; it grows with each."""
    query = select(func.count()).select_from(artifacts).where(artifacts.c.erased_at.is_not(None))
    return int(connection.execute(query).scalar_one())


def empty(engine: Engine, home: Path, row: ArtifactRow) -> None:
    """Remove an artifact's files, and all texts from its manifest. Killed at any point, do it again.

    The row comes first: from then on the artifact counts as not there, whatever is left of it.
    """
    folder = object_folder(home, row.kind, row.id)
    data = without_texts(read_object(folder)).to_bytes()
    with writing(engine) as connection:
        values = {
            "erased_at": func.coalesce(artifacts.c.erased_at, now()),
            "manifest_sha256": manifest_sha256(data),
        }
        connection.execute(update(artifacts).where(artifacts.c.id == row.id).values(**values))
    write_manifest(folder, data)
    for path in leftover(folder):
        path.unlink()
    sync_folder(folder)
    forget_ids(home, row.id)
    forget_log(home, row.id)
    forget_jobs(home)


def leftover(folder: Path) -> list[Path]:
    """The files of an object besides its manifest."""
    return [path for path in paths_in(folder) if path != folder / MANIFEST]


def without_texts(manifest: Manifest) -> Manifest:
    """A manifest whose report quotes no document; the same for one that did not, or does not any more."""
    report: Mapping[str, Any] = _without_texts(manifest.report)
    return replace(manifest, report=report)


def _without_texts(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            name: (
                type(inner)()
                if name in TEXTS and isinstance(inner, str | list | dict)
                else _without_texts(inner)
            )
            for name, inner in value.items()
        }
    return [_without_texts(inner) for inner in value] if isinstance(value, list) else value
