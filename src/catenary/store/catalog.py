"""What the catalog knows of artifacts and of the links that point to them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from catenary.db import now, upsert
from catenary.errors import InvalidInput, NotFound
from catenary.store.manifest import Manifest, manifest_sha256
from catenary.store.tables import artifacts, edges, gates, links, release_states

ID_DIGITS = 64
MIN_PREFIX_DIGITS = 6
IDS_IN_A_QUERY = 1000
_HEX = re.compile(r"[0-9a-f]+")


@dataclass(frozen=True, slots=True)
class ArtifactRow:
    """One line of the list of artifacts. `files` counts them, `bytes` is their size together."""

    id: str
    kind: str
    stage: str
    version: int
    manifest_sha256: str
    files: int
    bytes: int
    committed_at: datetime
    erased_at: datetime | None = None  # its files are gone (erasures.py)


@dataclass(frozen=True, slots=True)
class LinkRow:
    """The artifact that a link of a chain points to now."""

    chain: str
    link: str
    artifact_id: str
    pointed_at: datetime


def add_artifact(connection: Connection, manifest: Manifest) -> None:
    """Enter an artifact with its edges, or bring its row up to date. All its inputs must be there already."""
    row = {
        "id": manifest.id,
        "kind": manifest.kind,
        "stage": manifest.stage,
        "version": manifest.version,
        "manifest_sha256": manifest_sha256(manifest.to_bytes()),
        "files": len(manifest.files),
        "bytes": manifest.size,
        "committed_at": now(),
        "erased_at": None,
    }
    upsert(connection, artifacts, row)
    connection.execute(delete(edges).where(edges.c.artifact_id == manifest.id))
    rows = [
        {"artifact_id": manifest.id, "role": role, "input_id": input_id}
        for role, input_id in manifest.inputs.items()
    ]
    if rows:
        connection.execute(insert(edges), rows)


def forget(connection: Connection, artifact_id: str) -> None:
    """Drop an artifact's row, its edges and its gates' results. Nothing may point to it."""
    connection.execute(delete(gates).where(gates.c.release_id == artifact_id))
    connection.execute(delete(release_states).where(release_states.c.release_id == artifact_id))
    connection.execute(delete(edges).where(edges.c.artifact_id == artifact_id))
    connection.execute(delete(artifacts).where(artifacts.c.id == artifact_id))


def artifact_row(connection: Connection, artifact_id: str) -> ArtifactRow | None:
    """The row of the artifact with exactly this id."""
    row = connection.execute(select(artifacts).where(artifacts.c.id == artifact_id)).one_or_none()
    return ArtifactRow(*row) if row else None


def artifact_rows_of(connection: Connection, artifact_ids: Collection[str]) -> dict[str, ArtifactRow]:
    """The rows of those of these artifacts that there are, by id."""
    found = (
        ArtifactRow(*row)
        for part in in_parts(artifact_ids)
        for row in connection.execute(select(artifacts).where(artifacts.c.id.in_(part)))
    )
    return {row.id: row for row in found}


def artifact_rows(connection: Connection, kind: str | None = None) -> list[ArtifactRow]:
    """All artifacts (of one kind), oldest first."""
    query = select(artifacts).order_by(artifacts.c.committed_at, artifacts.c.id)
    if kind is not None:
        query = query.where(artifacts.c.kind == kind)
    return [ArtifactRow(*row) for row in connection.execute(query)]


def full_id(connection: Connection, prefix: str) -> str:
    """The one artifact id that begins with `prefix`. Raises NotFound, or InvalidInput for several."""
    if not _HEX.fullmatch(prefix) or len(prefix) > ID_DIGITS:
        raise no_artifact(prefix)
    if len(prefix) < MIN_PREFIX_DIGITS:
        raise InvalidInput(
            "An artifact's id needs more digits than this.",
            got=prefix,
            expected="at least {digits} hexadecimal digits",
            next="catenary status",
            digits=MIN_PREFIX_DIGITS,
        )
    # A range, not LIKE: it uses the primary key's index. "g" follows every hexadecimal digit.
    query = select(artifacts.c.id).where(artifacts.c.id >= prefix, artifacts.c.id < prefix + "g").limit(2)
    found: list[str] = list(connection.execute(query).scalars())
    if not found:
        raise no_artifact(prefix)
    if len(found) > 1:
        raise InvalidInput(
            "Several artifacts have an id that begins so.",
            got=prefix,
            expected="enough digits to tell them apart",
            next="catenary status",
        )
    return found[0]


def no_artifact(name: str) -> NotFound:
    """The error for an id that nothing has."""
    return NotFound(
        "There is no artifact with this id.",
        got=name,
        expected="an id that `catenary status` lists",
        next="catenary status",
    )


def missing_inputs(connection: Connection, inputs: Iterable[str]) -> list[str]:
    """Those of `inputs` that are not in the catalog."""
    wanted = set(inputs)
    found = connection.execute(select(artifacts.c.id).where(artifacts.c.id.in_(wanted))).scalars()
    return sorted(wanted - set(found))


def inputs_of(connection: Connection, artifact_id: str) -> dict[str, str]:
    """The inputs of an artifact by role, as the catalog has them."""
    query = (
        select(edges.c.role, edges.c.input_id)
        .where(edges.c.artifact_id == artifact_id)
        .order_by(edges.c.role)
    )
    return {row.role: row.input_id for row in connection.execute(query)}


def point(connection: Connection, chain: str, link: str, artifact_id: str) -> None:
    """Let a link of a chain point to an artifact from now on."""
    row = {"chain": chain, "link": link, "artifact_id": artifact_id, "pointed_at": now()}
    upsert(connection, links, row)


def unpoint(connection: Connection, chain: str, link: str) -> None:
    """Forget a link that its chain no longer has."""
    connection.execute(delete(links).where(links.c.chain == chain, links.c.link == link))


def links_of(connection: Connection, chain: str) -> dict[str, LinkRow]:
    """The links of a chain by name."""
    query = select(links).where(links.c.chain == chain).order_by(links.c.link)
    return {row.link: LinkRow(*row) for row in connection.execute(query)}


def links_to_each(connection: Connection, artifact_ids: Collection[str]) -> dict[str, list[LinkRow]]:
    """The links, of whatever chain, that point to each of these artifacts."""
    found: dict[str, list[LinkRow]] = {id: [] for id in artifact_ids}
    for ids in in_parts(found):
        query = select(links).where(links.c.artifact_id.in_(ids)).order_by(links.c.chain, links.c.link)
        for row in connection.execute(query):
            found[row.artifact_id].append(LinkRow(*row))
    return found


def in_parts(ids: Collection[str]) -> Iterator[list[str]]:
    """Ids, so many at a time as one query may name."""
    listed = list(ids)
    for start in range(0, len(listed), IDS_IN_A_QUERY):
        yield listed[start : start + IDS_IN_A_QUERY]


def pointed(connection: Connection) -> set[str]:
    """The ids of all artifacts that some link points to."""
    return set(connection.execute(select(links.c.artifact_id)).scalars())
