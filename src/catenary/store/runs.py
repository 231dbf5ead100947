"""Runs: which execution of which link, where, how it ended, and the figures it reported.

A run holds a lock while it lives. The kernel releases it when the process dies, however it dies, so a run
that still says "running" while its lock is free was lost; opening the store marks it so.
"""

from __future__ import annotations

import math
import os
import socket
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sqlalchemy import Connection, Engine, insert, select, update

from catenary.db import now, reading, writing
from catenary.errors import Refused
from catenary.store.catalog import in_parts
from catenary.store.objects import LOCKS, lock_of, locked
from catenary.store.tables import metrics, runs

if TYPE_CHECKING:
    from filelock import BaseFileLock

Outcome = Literal["done", "failed", "interrupted", "reused", "lost"]


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run. `outcome` is None while it runs; "lost" when its process died without a word."""

    id: int
    chain: str
    link: str
    stage: str
    artifact_id: str
    host: str
    pid: int
    started_at: datetime
    ended_at: datetime | None
    outcome: Outcome | None
    error: str | None
    seconds: float | None
    peak_memory_bytes: int | None


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure that a run reported; `value` may be NaN, `step` is None for a figure of the whole run."""

    name: str
    value: float
    step: int | None = None
    at: datetime | None = None


def start(
    engine: Engine, home: Path, chain: str, link: str, stage: str, artifact_id: str
) -> tuple[int, BaseFileLock]:
    """Enter a run and take its lock, which whoever ends the run must release."""
    row = {
        "chain": chain,
        "link": link,
        "stage": stage,
        "artifact_id": artifact_id,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started_at": now(),
    }
    with writing(engine) as connection:
        run_id: int = connection.execute(insert(runs).values(**row).returning(runs.c.id)).scalar_one()
        lock = lock_of(home, _lock_name(run_id))
        lock.acquire(timeout=0)  # before others can see the row: they would take it for lost
    return run_id, lock


def end(
    connection: Connection,
    run_id: int,
    outcome: Outcome,
    *,
    error: str | None = None,
    seconds: float | None = None,
    peak_memory_bytes: int | None = None,
) -> None:
    """Say how a run ended; the first word counts."""
    # PostgreSQL keeps no NUL in a text.
    ended = {
        "ended_at": now(),
        "outcome": outcome,
        "error": error and error.replace("\0", ""),
        "seconds": seconds,
    }
    connection.execute(
        update(runs)
        .where(runs.c.id == run_id, runs.c.outcome.is_(None))
        .values(**ended, peak_memory_bytes=peak_memory_bytes)
    )


def release(home: Path, run_id: int, lock: BaseFileLock) -> None:
    """Let go of the lock of a run that has ended."""
    lock.release()
    (home / LOCKS / _lock_name(run_id)).unlink(missing_ok=True)


def mark_lost(engine: Engine, home: Path) -> list[int]:
    """Mark the runs of this home whose process died as lost, and return their ids.

    A run whose lock is not in this home (another machine's, on a shared catalog) is not ours to judge.
    """
    with reading(engine) as connection:
        running = list(connection.execute(select(runs.c.id).where(runs.c.outcome.is_(None))).scalars())
    lost = []
    for run_id in running:
        path = home / LOCKS / _lock_name(run_id)
        if not path.exists():
            continue
        with locked(home, _lock_name(run_id)) as free:
            if free:
                with writing(engine) as connection:
                    end(connection, run_id, "lost")
                lost.append(run_id)
                path.unlink(missing_ok=True)
    return lost


def run_rows(
    connection: Connection,
    *,
    chain: str | None = None,
    link: str | None = None,
    artifact_id: str | None = None,
) -> list[RunRow]:
    """Runs, newest first."""
    query = select(runs).order_by(runs.c.id.desc())
    for column, value in ((runs.c.chain, chain), (runs.c.link, link), (runs.c.artifact_id, artifact_id)):
        if value is not None:
            query = query.where(column == value)
    return [RunRow(*row) for row in connection.execute(query)]


def newest_done(connection: Connection, artifact_ids: Collection[str]) -> dict[str, RunRow]:
    """The newest run that made each of these artifacts; nothing for those that no run made."""
    found: dict[str, RunRow] = {}
    for ids in in_parts(artifact_ids):
        query = select(runs).where(runs.c.artifact_id.in_(ids), runs.c.outcome == "done").order_by(runs.c.id)
        for row in connection.execute(query):
            found[row.artifact_id] = RunRow(*row)
    return found


def living(connection: Connection) -> list[RunRow]:
    """The runs that have not ended."""
    return [RunRow(*row) for row in connection.execute(select(runs).where(runs.c.outcome.is_(None)))]


def require_no_run(connection: Connection, what: str) -> None:
    """Raises Refused with `what` while a run is alive."""
    if living(connection):
        raise Refused(what, expected="no running link in `catenary status`", next="catenary status")


def add_metrics(connection: Connection, run_id: int, figures: Iterable[Metric]) -> None:
    """Keep figures of a run, many at a time if there are many: each call waits for the disk."""
    rows = [
        {
            "run_id": run_id,
            "name": figure.name,
            "value": None if math.isnan(figure.value) else figure.value,
            "step": figure.step,
            "at": figure.at or now(),
        }
        for figure in figures
    ]
    if rows:
        connection.execute(insert(metrics), rows)


def metric_rows(connection: Connection, run_id: int, name: str | None = None) -> list[Metric]:
    """The figures of a run in the order of their reporting."""
    query = select(metrics.c.name, metrics.c.value, metrics.c.step, metrics.c.at).where(
        metrics.c.run_id == run_id
    )
    if name is not None:
        query = query.where(metrics.c.name == name)
    return [
        Metric(row.name, math.nan if row.value is None else row.value, row.step, row.at)
        for row in connection.execute(query.order_by(metrics.c.id))
    ]


def _lock_name(run_id: int) -> str:
    return f"run-{run_id}"
