"""Is what is stored what was written? Every byte is read again and compared."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from catenary.db import reading
from catenary.errors import Damaged, InvalidInput
from catenary.findings import Finding
from catenary.progress import SILENT, Progress
from catenary.store.catalog import ArtifactRow, artifact_rows, inputs_of
from catenary.store.encryption import has_keyring, keyring
from catenary.store.erasures import leftover
from catenary.store.manifest import MANIFEST, FileEntry, Manifest, manifest_sha256
from catenary.store.object_files import sha256_of
from catenary.store.objects import all_objects, object_folder, paths_in, read_object, short


def verify(engine: Engine, home: Path, progress: Progress = SILENT) -> list[Finding]:
    """Compare every file with its manifest, the manifests with the catalog, and the catalog with itself.

    An empty list means that all is as it was committed.
    """
    if has_keyring(home):
        keyring(home)  # without its key all would look damaged
    with reading(engine) as connection:
        rows = artifact_rows(connection)
        inputs = {row.id: inputs_of(connection, row.id) for row in rows}
        found = list(_database(connection))
    progress.begin("reading artifacts again", total=sum(row.bytes for row in rows), unit="bytes")
    for row in rows:
        found += _artifact(object_folder(home, row.kind, row.id), row, inputs[row.id], progress)
    known = {object_folder(home, row.kind, row.id) for row in rows}
    found += [
        Finding("This object is not in the catalog; `catenary doctor` enters it.", short(folder.name))
        for folder in all_objects(home)
        if folder not in known
    ]
    return found


def _artifact(
    folder: Path, row: ArtifactRow, inputs: dict[str, str], progress: Progress
) -> Iterator[Finding]:
    try:
        manifest = read_object(folder)
    except FileNotFoundError:
        yield Finding("The files of this artifact are gone.", short(row.id))
        return
    except Damaged:
        yield Finding("The manifest of this artifact is not what was written.", short(row.id))
        return
    if not _same(row, manifest) or manifest.inputs != inputs:
        yield Finding("The catalog and the manifest of this artifact do not agree.", short(row.id))
    if row.erased_at is None:
        yield from _files(folder, manifest, progress)
    elif leftover(folder):
        yield Finding(
            "Files are left of this artifact, which was erased; `catenary erase run` ends it.", short(row.id)
        )


def _same(row: ArtifactRow, manifest: Manifest) -> bool:
    return (row.id, row.kind, row.stage, row.version, row.manifest_sha256, row.files, row.bytes) == (
        manifest.id,
        manifest.kind,
        manifest.stage,
        manifest.version,
        manifest_sha256(manifest.to_bytes()),
        len(manifest.files),
        manifest.size,
    )


def _files(folder: Path, manifest: Manifest, progress: Progress) -> Iterator[Finding]:
    try:
        there = {path.relative_to(folder).as_posix() for path in paths_in(folder)} - {MANIFEST}
    except InvalidInput as error:
        yield Finding("{path} is not a plain file.", short(manifest.id), {"path": error.got})
        return
    for path, entry in manifest.files.items():
        if path not in there:
            yield Finding("{path} is missing.", short(manifest.id), {"path": path})
        elif not _is_as_written(folder, path, entry):
            yield Finding("{path} is not what was written.", short(manifest.id), {"path": path})
        progress.advance(entry.bytes)
    for path in sorted(there - set(manifest.files)):
        yield Finding("{path} was added after the commit.", short(manifest.id), {"path": path})


def _is_as_written(folder: Path, path: str, entry: FileEntry) -> bool:
    try:
        return sha256_of(folder, path, entry) == entry.sha256
    except Damaged:  # it does not decrypt
        return False


def _database(connection: Connection) -> Iterator[Finding]:
    if connection.dialect.name != "sqlite":  # PostgreSQL checks its pages and foreign keys by itself
        return
    for (told,) in connection.execute(text("PRAGMA integrity_check")):
        if told != "ok":
            yield Finding("The catalog's file is damaged: {told}", None, {"told": told})
    for table, *_ in connection.execute(text("PRAGMA foreign_key_check")):
        yield Finding("A row of the table {table} points to nothing.", None, {"table": table})
