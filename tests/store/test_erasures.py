"""An artifact is emptied of what it held, and its lineage can still be read."""

from __future__ import annotations

import pytest

from catenary.db import now
from catenary.store import Erasure, Store
from catenary.store.erasures import add_erasure, finish_erasure, without_texts
from catenary.store.logs import add_line, read_log
from catenary.store.manifest import MANIFEST
from tests.store.making import make


def test_an_emptied_artifact_is_not_there_but_its_lineage_is(store: Store) -> None:
    data = make(store, 1)
    model = make(store, 2, kind="model", inputs={"from": data.id})
    [row] = store.artifacts("dataset")
    add_line(store.home.path, data.id, "could not read: its text")
    store.empty(row)
    assert store.emptied() == 1
    assert read_log(store.home.path, data.id) == ""
    assert not store.has(data.id)
    assert store.has(model.id)
    assert [one.name for one in data.path.iterdir() if one.is_file()] == [MANIFEST]
    assert store.get(data.id).manifest.inputs == {}
    assert [one.id for one in store.ancestors(model.id)] == [data.id]
    assert store.verify() == []
    assert store.doctor() == []
    [emptied] = store.artifacts("dataset")
    assert emptied.erased_at is not None
    store.empty(emptied)  # again: nothing more happens
    assert store.artifacts("dataset") == [emptied]
    made_again = make(store, 1)
    assert store.has(made_again.id)
    assert store.artifacts("dataset")[0].erased_at is None
    assert store.verify() == []


def test_killed_amid_it_the_artifact_counts_as_emptied_and_is_found(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make(store, 1)
    [row] = store.artifacts()

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for broken in ("catenary.store.erasures.write_manifest", "pathlib.Path.unlink"):
        with monkeypatch.context() as inner:
            inner.setattr(broken, killed)
            with pytest.raises(KeyboardInterrupt):
                store.empty(row)
        assert not store.has(data.id)
        assert store.get(data.id).id == data.id
        assert store.leftover(row)
        assert store.verify()
    store.empty(row)
    assert not store.leftover(row)
    assert store.verify() == []


def test_texts_go_from_a_report_and_nothing_else(store: Store) -> None:
    manifest = make(store, 1).manifest
    quoting = {
        "headline": {"kept": 3},
        "samples": {"dedup:exact": [{"id": "a", "text": "Anna's letter"}]},
        "list": [{"text": "Anna's letter", "n": 1}, 2, "two"],
    }
    told = without_texts(type(manifest)(**{**_fields(manifest), "report": quoting}))
    assert told.report == {"headline": {"kept": 3}, "samples": {}, "list": [{"text": "", "n": 1}, 2, "two"]}
    assert without_texts(told) == told
    assert told.files == manifest.files


def _fields(manifest: object) -> dict[str, object]:
    return {name: getattr(manifest, name) for name in type(manifest).__slots__}  # type: ignore[attr-defined]


def test_the_list_of_erasures(store: Store) -> None:
    erasure = Erasure("a" * 32, "mail", "MIT", "", "ada", "asked", now())
    other = Erasure("b" * 32, "mail", "MIT", "", "ada", "asked", now())
    with store.writing() as connection:
        assert add_erasure(connection, other)
        assert add_erasure(connection, erasure)
        finish_erasure(connection, erasure.document_id)
        assert not add_erasure(connection, erasure)
    assert store.erased_by_source() == {"mail": ["a" * 32, "b" * 32]}
    assert [one.done_at for one in store.erasures()] == [None, None]
