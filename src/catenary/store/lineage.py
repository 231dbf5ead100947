"""What an artifact was made from, and what was made from it: the edges, followed to their ends."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import CTE, Connection, select

from catenary.store.catalog import ArtifactRow
from catenary.store.tables import artifacts, edges

Direction = Literal["up", "down"]


@dataclass(frozen=True, slots=True)
class Edge:
    """`artifact_id` was made from `input_id`, which played `role`."""

    artifact_id: str
    role: str
    input_id: str


@dataclass(frozen=True, slots=True)
class Lineage:
    """Artifacts and the edges between them.

    `artifacts` are in the order of making: each after all its inputs that are among them, ties by id.
    """

    artifacts: tuple[ArtifactRow, ...]
    edges: tuple[Edge, ...]

    def inputs_by_artifact(self) -> dict[str, list[str]]:
        """Artifact id → the ids of its inputs."""
        inputs: dict[str, list[str]] = {}
        for edge in self.edges:
            inputs.setdefault(edge.artifact_id, []).append(edge.input_id)
        return inputs


def lineage(connection: Connection, artifact_id: str, direction: Direction) -> Lineage:
    """All that an artifact came from ("up") or went into ("down"), itself included, in two queries."""
    reached = select(_reached(artifact_id, direction).c.id)
    return _lineage(
        connection.execute(select(artifacts).where(artifacts.c.id.in_(reached))),
        connection.execute(
            select(edges)
            .where(edges.c.artifact_id.in_(reached), edges.c.input_id.in_(reached))
            .order_by(edges.c.artifact_id, edges.c.role)
        ),
    )


def whole_graph(connection: Connection) -> Lineage:
    """Every artifact and every edge."""
    return _lineage(
        connection.execute(select(artifacts)),
        connection.execute(select(edges).order_by(edges.c.artifact_id, edges.c.role)),
    )


def _reached(artifact_id: str, direction: Direction) -> CTE:
    """A recursive query for the ids: each once (UNION, not UNION ALL), so that diamonds cost nothing."""
    here, there = edges.c.artifact_id, edges.c.input_id
    if direction == "down":
        here, there = there, here
    reached = select(artifacts.c.id).where(artifacts.c.id == artifact_id).cte("reached", recursive=True)
    return reached.union(select(there).join(reached, here == reached.c.id))


def _lineage(artifact_rows: Iterable[tuple[object, ...]], edge_rows: Iterable[tuple[object, ...]]) -> Lineage:
    rows = {row.id: row for row in (ArtifactRow(*fields) for fields in artifact_rows)}  # type: ignore[arg-type]
    found = tuple(Edge(*fields) for fields in edge_rows)  # type: ignore[arg-type]
    waits_for = dict.fromkeys(rows, 0)
    goes_into: dict[str, list[str]] = {artifact_id: [] for artifact_id in rows}
    for edge in found:
        waits_for[edge.artifact_id] += 1
        goes_into[edge.input_id].append(edge.artifact_id)
    ready = [artifact_id for artifact_id, count in waits_for.items() if count == 0]
    heapq.heapify(ready)
    ordered = []
    while ready:
        artifact_id = heapq.heappop(ready)
        ordered.append(rows[artifact_id])
        for made in goes_into[artifact_id]:
            waits_for[made] -= 1
            if waits_for[made] == 0:
                heapq.heappush(ready, made)
    return Lineage(tuple(ordered), found)
