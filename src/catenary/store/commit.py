"""Committing: an object becomes visible, then the catalog learns of it, in this order.

Killed between the two, the object is whole but unknown; whoever asks for its id next (`has`, `get`), or
`doctor`, enters it from its manifest. Nothing is lost and nothing half-made is ever seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from catenary.db import reading, writing
from catenary.errors import Damaged, NotFound
from catenary.store.catalog import (
    ArtifactRow,
    add_artifact,
    artifact_row,
    artifact_rows_of,
    missing_inputs,
    no_artifact,
)
from catenary.store.documents import KINDS_WITH_DOCUMENTS, write_ids
from catenary.store.erasures import without_texts
from catenary.store.manifest import (
    MANIFEST,
    Manifest,
    committed_manifest,
    manifest_sha256,
    parse_manifest,
    recipe_id,
)
from catenary.store.object_files import manifest_bytes
from catenary.store.objects import (
    Artifact,
    Workspace,
    clear_work,
    discard_work,
    find_object,
    is_whole,
    object_folder,
    publish,
    read_object,
    short,
    throw_away,
)


def commit(
    engine: Engine,
    home: Path,
    workspace: Workspace,
    *,
    kind: str,
    stage: str,
    version: int,
    settings: Mapping[str, Any],
    inputs: Mapping[str, str],
    report: Mapping[str, Any],
) -> Artifact:
    """Make what lies in a workspace's `out` an artifact. When the artifact exists already, that one stays.

    Raises NotFound when an input is not in the store, InvalidInput when `out` or the values cannot be kept.
    """
    assert workspace.id == recipe_id(stage, version, settings, inputs), (
        "an artifact's id is its recipe's digest"
    )
    with reading(engine) as connection:
        missing = missing_inputs(connection, inputs.values())
    if missing:
        raise NotFound(
            "An input of this artifact is not in the store.",
            where=f"{stage} {short(workspace.id)}",
            got=", ".join(map(short, missing)),
            next="catenary run",
        )
    if kind in KINDS_WITH_DOCUMENTS:
        with suppress(OSError):  # it is a cache
            write_ids(home, workspace.id, workspace.out)
    folder = publish(
        home,
        workspace,
        kind=kind,
        stage=stage,
        version=version,
        settings=settings,
        inputs=inputs,
        report=report,
    )
    manifest = read_object(folder)
    with writing(engine) as connection:
        add_artifact(connection, manifest)
    discard_work(workspace.out.parent)
    return as_artifact(manifest, folder)


def adopt(engine: Engine, home: Path, artifact_id: str) -> bool:
    """Enter a whole object that the catalog does not know, and those of its inputs that it does not know.

    False when there is no such object, or it or one of its inputs is not whole.
    """
    found: dict[str, Manifest] = {}  # inputs before what was made from them
    if not _gather(engine, home, artifact_id, found):
        return False
    with writing(engine) as connection:
        for manifest in found.values():
            add_artifact(connection, manifest)
    for entered in found:
        clear_work(home, entered)
    return True


def _gather(engine: Engine, home: Path, artifact_id: str, found: dict[str, Manifest]) -> bool:
    folder = find_object(home, artifact_id)
    if folder is None or not is_whole(folder):
        return False
    manifest = read_object(folder)
    if object_folder(home, manifest.kind, manifest.id) != folder:
        return False
    with reading(engine) as connection:
        unknown = missing_inputs(connection, manifest.inputs.values())
    if not all(input_id in found or _gather(engine, home, input_id, found) for input_id in unknown):
        return False
    found[artifact_id] = manifest
    return True


def has(engine: Engine, home: Path, artifact_id: str) -> bool:
    """Whether the artifact with exactly this id is here, catalog and object both."""
    return bool(sizes(engine, home, [artifact_id]))


def sizes(engine: Engine, home: Path, artifact_ids: Sequence[str]) -> dict[str, int]:
    """id → bytes of its files, of those artifacts that are here, catalog and object both; in few queries."""
    with reading(engine) as connection:
        rows = artifact_rows_of(connection, artifact_ids)
    unknown = [id for id in artifact_ids if id not in rows and adopt(engine, home, id)]
    if unknown:
        with reading(engine) as connection:
            rows |= artifact_rows_of(connection, unknown)
    return {
        row.id: row.bytes
        for row in rows.values()
        if row.erased_at is None and (object_folder(home, row.kind, row.id) / MANIFEST).is_file()
    }


def opened(engine: Engine, home: Path, artifact_id: str) -> Artifact | None:
    """The artifact with exactly this id. Raises Damaged when its files are gone or its manifest changed."""
    with reading(engine) as connection:
        row = artifact_row(connection, artifact_id)
    if row is None:
        return opened(engine, home, artifact_id) if adopt(engine, home, artifact_id) else None
    return opened_row(home, row)


def opened_row(home: Path, row: ArtifactRow) -> Artifact:
    """The artifact of a row of the catalog. Raises Damaged as `opened` does."""
    folder = object_folder(home, row.kind, row.id)
    try:
        data = manifest_bytes(folder)
    except FileNotFoundError as error:
        raise Damaged(
            "The files of this artifact are gone.", where=str(folder), got=short(row.id), next="catenary run"
        ) from error
    if manifest_sha256(data) == row.manifest_sha256:
        return as_artifact(committed_manifest(data), folder)
    manifest = parse_manifest(data, folder / MANIFEST)
    if row.erased_at is not None:  # killed amid its erasure, the texts are still in it
        manifest = without_texts(manifest)
        data = manifest.to_bytes()
    if manifest_sha256(data) != row.manifest_sha256:
        raise Damaged(
            "The manifest of an artifact is not what was written.",
            where=str(folder / MANIFEST),
            expected="the manifest that was committed",
            next="catenary verify",
        )
    return as_artifact(manifest, folder)


def as_artifact(manifest: Manifest, folder: Path) -> Artifact:
    """An artifact in `folder`, with what its manifest says."""
    return Artifact(manifest.id, manifest.kind, manifest.stage, folder, manifest)


def discard(engine: Engine, home: Path, artifact_id: str) -> None:
    """Remove an artifact's files and keep its row, so that it counts as missing. Raises NotFound."""
    with reading(engine) as connection:
        row = artifact_row(connection, artifact_id)
    if row is None:
        raise no_artifact(artifact_id)
    folder = object_folder(home, row.kind, row.id)
    if folder.exists():
        throw_away(home, folder)
