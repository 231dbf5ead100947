"""What a stage makes is there whole, the same everywhere, and stays as it is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from catenary.config import Home
from catenary.errors import Damaged, InvalidInput, NotFound, Refused
from catenary.store import Store, recipe_id, short
from catenary.store.catalog import add_artifact
from tests.store.making import make


def test_a_committed_artifact_is_found_with_its_files_and_its_manifest(store: Store) -> None:
    made = make(store, files={"a.txt": "甲", "part/b.txt": "b"})
    assert store.has(made.id)
    assert store.get(made.id) == made
    assert (made.path / "part" / "b.txt").read_text("utf-8") == "b"
    assert made.manifest.files.keys() == {"a.txt", "part/b.txt"}
    assert made.manifest.size == 4
    assert made.manifest.report == {"kept": 0}
    assert [row.id for row in store.artifacts("dataset")] == [made.id]
    assert store.artifacts("model") == []
    assert store.verify() == []


def test_made_again_elsewhere_it_is_the_same_byte_for_byte(store: Store, tmp_path: Path) -> None:
    made = make(store)
    with Store.open(Home.of(tmp_path / "elsewhere", {})) as other:
        again = make(other)
    assert again.id == made.id
    assert (again.path / "manifest.json").read_bytes() == (made.path / "manifest.json").read_bytes()


def test_the_id_is_the_recipe_and_nothing_else(store: Store) -> None:
    first = recipe_id("curate", 1, {"a": 1, "b": [1, 2]}, {})
    assert first == recipe_id("curate", 1, {"b": (1, 2), "a": 1}, {})
    others = [
        recipe_id("curate", 2, {"a": 1, "b": [1, 2]}, {}),
        recipe_id("tokenize", 1, {"a": 1, "b": [1, 2]}, {}),
        recipe_id("curate", 1, {"a": 1.0, "b": [1, 2]}, {}),
        recipe_id("curate", 1, {"a": 1, "b": [1, 2]}, {"from": first}),
    ]
    assert len({first, *others}) == 5


def test_nothing_is_seen_of_work_that_was_not_committed(store: Store) -> None:
    artifact_id = recipe_id("curate", 1, {}, {})
    with suppress(KeyboardInterrupt), store.workspace(artifact_id) as workspace:
        (workspace.out / "half.txt").write_text("half")
        (workspace.state / "step").write_text("7")
        raise KeyboardInterrupt
    assert not store.has(artifact_id)
    with pytest.raises(NotFound):
        store.get(artifact_id)
    with store.workspace(artifact_id) as workspace:
        assert list(workspace.out.iterdir()) == []
        assert (workspace.state / "step").read_text() == "7"
    assert store.verify() == []


def test_checkpoints_go_once_the_artifact_is_there(store: Store) -> None:
    artifact_id = recipe_id("curate", 1, {}, {})
    with store.workspace(artifact_id) as workspace:
        (workspace.state / "step").write_text("7")
        store.commit(
            workspace,
            id=artifact_id,
            kind="dataset",
            stage="curate",
            version=1,
            settings={},
            inputs={},
            report={},
        )
    assert list((store.home.path / "work").iterdir()) == []


def test_one_process_at_a_time_makes_an_artifact(store: Store) -> None:
    artifact_id = recipe_id("curate", 1, {}, {})
    with store.workspace(artifact_id), pytest.raises(Refused), store.workspace(artifact_id):
        pass


def test_who_waits_finds_what_the_other_made(store: Store) -> None:
    entered, seen = threading.Event(), []
    artifact_id = recipe_id("curate", 1, {}, {})

    def other() -> None:
        entered.wait()
        with store.workspace(artifact_id, wait=True):
            seen.append(store.has(artifact_id))

    thread = threading.Thread(target=other)
    thread.start()
    with store.workspace(artifact_id) as workspace:
        entered.set()
        store.commit(
            workspace,
            id=artifact_id,
            kind="dataset",
            stage="curate",
            version=1,
            settings={},
            inputs={},
            report={},
        )
    thread.join()
    assert seen == [True]


def test_an_input_must_be_committed_before(store: Store) -> None:
    with pytest.raises(NotFound, match="input"):
        make(store, inputs={"from": "0" * 64})
    assert store.artifacts() == []


@pytest.mark.parametrize(
    "spoil",
    [lambda out: (out / "link").symlink_to("/"), lambda out: (out / "manifest.json").write_text("{}")],
)
def test_only_plain_files_are_kept(store: Store, spoil: Callable[[Path], None]) -> None:
    artifact_id = recipe_id("curate", 1, {}, {})
    with store.workspace(artifact_id) as workspace:
        spoil(workspace.out)
        with pytest.raises(InvalidInput):
            store.commit(
                workspace,
                id=artifact_id,
                kind="dataset",
                stage="curate",
                version=1,
                settings={},
                inputs={},
                report={},
            )
    assert not store.has(artifact_id)


@pytest.mark.parametrize(
    "report",
    [{"loss": float("nan")}, {"path": Path("/tmp")}, {"what": {1, 2}}, {"lengths": [{9: 1, 10: 2}]}],
)
def test_a_report_that_json_cannot_hold_is_refused(store: Store, report: dict[str, object]) -> None:
    artifact_id = recipe_id("curate", 1, {}, {})
    with pytest.raises(InvalidInput, match="JSON"), store.workspace(artifact_id) as workspace:
        store.commit(
            workspace,
            id=artifact_id,
            kind="dataset",
            stage="curate",
            version=1,
            settings={},
            inputs={},
            report=report,
        )


def test_ids_may_be_shortened_as_far_as_they_tell_artifacts_apart(store: Store) -> None:
    made = make(store)
    assert store.get(short(made.id)) == made
    assert store.get(made.id[:6]) == made
    for name, error in (
        (made.id[:5], InvalidInput),
        ("0" * 12, NotFound),
        ("x" * 12, NotFound),
        ("", NotFound),
    ):
        with pytest.raises(error):
            store.get(name)
    twin = replace(made.manifest, id=made.id[:20] + "0" * 44)
    with store.writing() as connection:
        add_artifact(connection, twin)
    with pytest.raises(InvalidInput, match="Several"):
        store.get(made.id[:20])


def test_an_object_that_the_catalog_missed_is_entered_when_asked_for(store: Store) -> None:
    """As after a kill between the rename and the catalog's transaction, for the artifact and for its input."""
    first = make(store, 1)
    second = make(store, 2, inputs={"from": first.id})
    with store.writing() as connection:
        for table in ("edges", "artifacts"):
            connection.execute(text(f"DELETE FROM {table}"))
    assert store.has(second.id)
    assert store.get(second.id) == second
    assert [row.id for row in store.ancestors(second.id)] == [first.id]
    assert store.verify() == []


def test_a_lost_object_counts_as_missing_and_can_be_made_again(store: Store) -> None:
    first = make(store, 1)
    second = make(store, 2, inputs={"from": first.id})
    store.discard(first.id)
    assert not store.has(first.id)
    with pytest.raises(Damaged):
        store.get(first.id)
    assert make(store, 1) == first
    assert store.get(second.id) == second
    assert store.verify() == []


def test_an_edited_manifest_is_not_believed(store: Store) -> None:
    made = make(store)
    path = made.path / "manifest.json"
    path.write_text(path.read_text("utf-8").replace('"kept": 0', '"kept": 9'), "utf-8")
    with pytest.raises(Damaged):
        store.get(made.id)
