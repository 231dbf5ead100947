"""What a crash may leave behind is put right, and nothing else is touched."""

from __future__ import annotations

from sqlalchemy import text

from catenary.store import Store, recipe_id, short
from catenary.store.objects import throw_away
from tests.store.making import make


def told(store: Store) -> list[str]:
    return [finding.text("en") for finding in store.doctor()]


def test_a_sound_store_is_left_as_it_is(store: Store) -> None:
    make(store, 2, inputs={"from": make(store, 1).id})
    before = store.artifacts()
    assert told(store) == []
    assert store.artifacts() == before


def test_objects_that_the_catalog_does_not_know_are_entered_inputs_first(store: Store) -> None:
    first = make(store, 1)
    second = make(store, 2, inputs={"from": first.id}, kind="another")  # its folder is read first
    with store.writing() as connection:
        connection.execute(text("DELETE FROM edges"))
        connection.execute(text("DELETE FROM artifacts"))
    assert all("entered" in line for line in told(store))
    assert {row.id for row in store.artifacts()} == {first.id, second.id}
    assert store.verify() == []


def test_what_is_no_artifact_is_named_and_left(store: Store) -> None:
    made = make(store, 1)
    stray = made.path.with_name("0" * 64)
    stray.mkdir()
    (stray / "notes.txt").write_text("mine")
    (line,) = told(store)
    assert (
        line
        == f"{short(stray.name)}: This folder is no whole artifact, or lacks an input; it is left as it is."
    )
    assert (stray / "notes.txt").exists()


def test_rows_without_files_go_unless_something_points_to_them(store: Store) -> None:
    kept, lost, used = make(store, 1), make(store, 2), make(store, 3)
    make(store, 4, inputs={"from": used.id})
    for artifact in (lost, used):
        store.discard(artifact.id)
    lines = told(store)
    assert f"{short(lost.id)}: The files of this artifact are gone; its row is dropped." in lines
    assert f"{short(used.id)}: The files of this artifact are gone; `catenary run` makes it again." in lines
    assert {row.id for row in store.artifacts()} >= {kept.id, used.id}
    assert lost.id not in {row.id for row in store.artifacts()}


def test_leftovers_of_committed_work_and_of_removals_are_cleared_but_checkpoints_stay(store: Store) -> None:
    made = make(store, 1)
    unfinished = recipe_id("pretrain", 1, {}, {})
    for artifact_id in (made.id, unfinished):
        state = store.home.path / "work" / artifact_id / "state"
        state.mkdir(parents=True)
        (state / "step").write_text("7")
    trash = store.home.path / "work" / "trash-0011"
    trash.mkdir()
    (trash / "a.txt").write_text("a")
    assert len(told(store)) == 2
    assert [folder.name for folder in (store.home.path / "work").iterdir()] == [unfinished]
    assert told(store) == []


def test_work_in_progress_is_left_alone(store: Store) -> None:
    made = make(store, 1)
    with store.workspace(made.id) as workspace:
        (workspace.out / "a.txt").write_text("a")
        assert told(store) == []
        assert (workspace.out / "a.txt").exists()


def test_a_removed_object_is_out_of_sight_at_once(store: Store) -> None:
    made = make(store, 1)
    throw_away(store.home.path, made.path)
    assert not made.path.exists()
    assert not store.has(made.id)
