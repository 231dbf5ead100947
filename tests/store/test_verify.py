"""Whatever is changed behind the store's back is found, and told of the right artifact."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from catenary.store import Artifact, Store, short
from tests.store.making import make


def edit(artifact: Artifact) -> None:
    (artifact.path / "a.txt").write_text("other")


def same_size(artifact: Artifact) -> None:
    data = bytearray((artifact.path / "part" / "b.txt").read_bytes())
    data[len(data) // 2] ^= 1
    (artifact.path / "part" / "b.txt").write_bytes(data)


def remove(artifact: Artifact) -> None:
    (artifact.path / "a.txt").unlink()


def add(artifact: Artifact) -> None:
    (artifact.path / "new.txt").write_text("new")


def link(artifact: Artifact) -> None:
    (artifact.path / "a.txt").unlink()
    (artifact.path / "a.txt").symlink_to("part/b.txt")


def report(artifact: Artifact) -> None:
    path = artifact.path / "manifest.json"
    path.write_text(path.read_text("utf-8").replace('"kept": 2', '"kept": 3'), "utf-8")


def recipe(artifact: Artifact) -> None:
    path = artifact.path / "manifest.json"
    path.write_text(path.read_text("utf-8").replace('"number": 2', '"number": 3'), "utf-8")


def folder(artifact: Artifact) -> None:
    shutil.rmtree(artifact.path)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (edit, "a.txt is not what was written."),
        (same_size, "part/b.txt is not what was written."),
        (remove, "a.txt is missing."),
        (add, "new.txt was added after the commit."),
        (link, "not a plain file"),
        (report, "do not agree"),
        (recipe, "The manifest of this artifact is not what was written."),
        (folder, "The files of this artifact are gone."),
    ],
)
def test_a_changed_object_is_found(store: Store, spoil: Callable[[Artifact], None], told: str) -> None:
    make(store, 1)
    spoiled = make(store, 2)
    assert store.verify() == []
    spoil(spoiled)
    (finding,) = store.verify()
    assert told in finding.text("en")
    assert finding.about == short(spoiled.id)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE artifacts SET kind = 'model' WHERE stage = 'curate'",
        "UPDATE artifacts SET bytes = bytes + 1",
        "UPDATE artifacts SET manifest_sha256 = '00'",
        "UPDATE edges SET role = 'other'",
        "DELETE FROM edges",
    ],
)
def test_a_changed_catalog_is_found(store: Store, statement: str) -> None:
    make(store, 2, inputs={"from": make(store, 1).id})
    with store.writing() as connection:
        connection.execute(text(statement))
    assert store.verify()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_any_byte_of_any_file_counts(store: Store, where: float, flip: int) -> None:
    make(store, 1)
    files = sorted(path for path in (store.home.path / "objects").rglob("*") if path.is_file())
    everything = [(path, place) for path in files for place in range(path.stat().st_size)]
    path, place = everything[int(where * len(everything))]
    before = path.read_bytes()
    path.write_bytes(before[:place] + bytes([before[place] ^ flip]) + before[place + 1 :])
    assert store.verify()
    path.write_bytes(before)
    assert store.verify() == []


def test_progress_counts_every_byte(store: Store) -> None:
    made = make(store, 1)

    class Counted:
        total: float | None = None
        done = 0.0

        def begin(self, what: str, total: float | None, unit: str) -> None:
            self.total = total

        def advance(self, amount: float, **figures: float) -> None:
            self.done += amount

        def metric(self, name: str, value: float, step: int | None = None) -> None: ...

    counted = Counted()
    store.verify(counted)
    assert counted.total == counted.done == made.manifest.size


def test_rows_that_point_to_nothing_are_found(store: Store) -> None:
    if store.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL lets nobody write such a row")
    make(store, 1)
    with closing(sqlite3.connect(store.home.path / "catalog.db", isolation_level=None)) as past_us:
        past_us.execute("INSERT INTO edges VALUES ('x', 'y', 'z')")  # sqlite3 by itself keeps no foreign keys
    assert any("points to nothing" in finding.text("en") for finding in store.verify())
