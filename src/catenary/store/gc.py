"""Frees the room of artifacts that nothing needs any more."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine

from catenary.db import reading, writing
from catenary.store.catalog import ArtifactRow, artifact_rows_of, forget, pointed
from catenary.store.documents import forget_ids
from catenary.store.lineage import whole_graph
from catenary.store.logs import job_logs, logs
from catenary.store.objects import (
    discard_work,
    is_trash,
    locked,
    object_folder,
    paths_in,
    throw_away,
    work_folders,
)
from catenary.store.receipts import served_releases
from catenary.store.releases import moved_releases, signed_releases
from catenary.store.runs import require_no_run


@dataclass(frozen=True, slots=True)
class Garbage:
    """What `gc` removes: artifacts (each before its inputs), ids of abandoned work, bytes of both."""

    artifacts: tuple[ArtifactRow, ...]
    work: tuple[str, ...]
    bytes: int


def gc(engine: Engine, home: Path, keep: Collection[str] = (), *, dry_run: bool = False) -> Garbage:
    """Remove the artifacts that no link points to, and unfinished work on them.

    Kept are those in `keep`, those that a link points to, releases that were signed, moved or named by a
    receipt, and all that any of these was made from. Raises Refused while a run is alive: it may be about to use
    what nothing points to yet.
    """
    with writing(engine) as connection:
        if not dry_run:
            require_no_run(connection, "Nothing can be removed while a run is alive.")
        unwanted = _unwanted(connection, keep)
        if not dry_run:
            for row in unwanted:
                forget(connection, row.id)
    # Rows first: killed here, whole objects are left that the catalog does not know, and the next `gc` after
    # `doctor` finds them again. Folders first could leave rows that promise files.
    work, work_bytes = _clear_work(home, keep, dry_run)
    if not dry_run:
        for row in unwanted:
            folder = object_folder(home, row.kind, row.id)
            if folder.exists():
                throw_away(home, folder)
            forget_ids(home, row.id)
    with reading(engine) as connection:
        known = artifact_rows_of(connection, [path.stem for path in logs(home)]).keys()
    log_bytes = _clear_logs(home, {*known, *keep} - {row.id for row in unwanted}, dry_run)
    return Garbage(tuple(unwanted), work, sum(row.bytes for row in unwanted) + work_bytes + log_bytes)


def _clear_logs(home: Path, keep: Collection[str], dry_run: bool) -> int:
    """Those of artifacts that are not in `keep`, and what ended runs of the console printed; their size."""
    going = [*(path for path in logs(home) if path.stem not in keep), *job_logs(home)]
    size = sum(path.stat().st_size for path in going)
    for path in () if dry_run else going:
        path.unlink()
    return size


def _unwanted(connection: Connection, keep: Collection[str]) -> list[ArtifactRow]:
    """The artifacts that nothing needs, each before its inputs."""
    everything = whole_graph(connection)
    inputs = everything.inputs_by_artifact()
    needed: set[str] = set()
    releases = signed_releases(connection) | moved_releases(connection) | served_releases(connection)
    ahead = [*keep, *pointed(connection), *releases]
    while ahead:
        artifact_id = ahead.pop()
        if artifact_id not in needed:
            needed.add(artifact_id)
            ahead += inputs.get(artifact_id, ())
    return [row for row in reversed(everything.artifacts) if row.id not in needed]


def _clear_work(home: Path, keep: Collection[str], dry_run: bool) -> tuple[tuple[str, ...], int]:
    cleared, size = [], 0
    for folder in work_folders(home):
        if folder.name in keep:
            continue
        with locked(home, folder.name) as free:
            if free:
                size += sum(path.stat().st_size for path in paths_in(folder))
                if not is_trash(folder):
                    cleared.append(folder.name)
                if not dry_run:
                    discard_work(folder)
    return tuple(cleared), size
