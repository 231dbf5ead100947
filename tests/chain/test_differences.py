"""Two releases are told apart by all that they were made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from catenary.chain.differences import Change, Score, differences
from catenary.config import Home
from catenary.store import Artifact, Store, recipe_id

Row = tuple[str, str, str | None]  # id, licence, why it was dropped


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(Home.of(tmp_path, {})) as opened:
        yield opened


def commit(
    store: Store,
    kind: str,
    settings: Mapping[str, Any],
    inputs: Mapping[str, str],
    report: Mapping[str, Any],
    rows: Sequence[Row] = (),
) -> Artifact:
    stage = {"collection": "collect", "dataset": "curate", "evaluation": "evaluate"}.get(kind, kind)
    id = recipe_id(stage, 1, settings, inputs)
    with store.workspace(id) as workspace:
        (workspace.out / "a.txt").write_text("a", "utf-8")
        if rows:
            columns = dict(zip(("id", "licence", "dropped"), map(list, zip(*rows, strict=True)), strict=True))
            pq.write_table(
                pa.table(columns, pa.schema([(name, pa.string()) for name in columns])),
                workspace.out / "documents.parquet",
            )
        return store.commit(
            workspace,
            id=id,
            kind=kind,
            stage=stage,
            version=1,
            settings=settings,
            inputs=inputs,
            report=report,
        )


def release(
    store: Store,
    rows: Sequence[Row],
    *,
    epochs: int,
    accuracy: float,
    at_least: float = 0.8,
    licence: str = "MIT",
    more: Mapping[str, Any] | None = None,
) -> Artifact:
    """collection → dataset → model → evaluation → release"""
    told = {"source": "mail", "licence": licence, "documents": len(rows), "files": [{}], "headline": {}}
    source = commit(store, "collection", {"content": [epochs], "consent": ""}, {}, told)
    steps = [{"name": "dedup", "settings": {"near": epochs / 8}}]
    dataset = commit(store, "dataset", {"steps": steps}, {"from.mail": source.id}, {}, rows)
    model = commit(store, "model", {"epochs": epochs, "family": "bert"}, {"from": dataset.id}, {})
    figure = {"value": accuracy, "low": accuracy - 0.02, "high": accuracy + 0.02, "n": 500}
    evaluation = commit(
        store,
        "evaluation",
        {"split": "test"},
        {"of.kind": model.id},
        {"metrics": {"kind": {"accuracy": figure}}},
    )
    gate = {"metric": "quality.kind.accuracy", "at_least": at_least}
    passed = "passed" if accuracy >= at_least else "failed"
    gates = [{"gate": gate, "outcome": passed, "sentence": f"{accuracy}", "evidence": {}}]
    report = {"gates": gates, "headline": {"size": epochs}, "sizes": {"model.onnx": epochs}, **(more or {})}
    return commit(
        store,
        "release",
        {"quantise": "int8", "gates": [gate]},
        {"from": model.id, "evaluation.quality": evaluation.id},
        report,
    )


def test_all_that_differs_is_told_and_nothing_else(store: Store) -> None:
    first = release(
        store, [("a", "MIT", None), ("b", "MIT", None), ("c", "MIT", "dedup")], epochs=3, accuracy=0.7
    )
    second = release(
        store, [("b", "MIT", None), ("c", "CC0-1.0", None)], epochs=5, accuracy=0.9, licence="CC0-1.0"
    )
    found = differences(store, first, second, lambda one: one.id[:6])
    assert (found.before, found.after) == (first.id, second.id)
    assert found.standings == Change("standing", first.id[:6], second.id[:6])
    documents = found.documents
    assert (documents.before, documents.after) == (2, 2)
    assert (documents.added_ids, documents.removed_ids) == (["c"], ["a"])
    assert documents.licences == [Change("CC0-1.0", None, 1), Change("MIT", 2, 1)]
    [source] = found.sources
    assert (source.before["licence"], source.after["licence"]) == ("MIT", "CC0-1.0")
    assert [(one.name, one.before, one.after) for one in found.settings] == [
        ("from/from: steps.dedup.settings.near", 0.375, 0.625),
        ("from: epochs", 3, 5),
    ]
    [score] = found.scores
    assert score.name == "quality.kind.accuracy"
    assert score.difference == pytest.approx(0.2)
    assert score.apart
    [gate] = found.gates
    assert gate.name == "quality.kind.accuracy at_least"
    assert (gate.before["outcome"], gate.after["outcome"]) == ("failed", "passed")
    assert found.sizes == [Change("model.onnx", 3, 5), Change("size", 3, 5)]
    assert found.to_json()["scores"][0]["apart"] is True


def test_the_other_way_round_it_is_the_other_way_round(store: Store) -> None:
    first = release(store, [("a", "MIT", None)], epochs=3, accuracy=0.7)
    second = release(store, [("b", "MIT", None)], epochs=5, accuracy=0.9)
    there, back = differences(store, first, second), differences(store, second, first)
    for one, other in zip(
        (*there.settings, *there.sizes, *there.gates, *there.sources),
        (*back.settings, *back.sizes, *back.gates, *back.sources),
        strict=True,
    ):
        assert other == replace(one, before=one.after, after=one.before)
    assert there.documents.added_ids == back.documents.removed_ids == ["b"]


def test_a_release_and_itself_do_not_differ(store: Store) -> None:
    one = release(store, [("a", "MIT", None)], epochs=3, accuracy=0.7)
    found = differences(store, one, one)
    told = (found.sources, found.settings, found.gates, found.sizes, found.documents.licences)
    assert not any(told)
    assert (found.documents.added, found.documents.removed) == (0, 0)
    assert found.scores[0].apart is False


def test_a_figure_that_one_side_lacks_is_no_difference_of_nothing() -> None:
    figure = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 10}
    for score in (Score("f1", None, figure), Score("f1", figure, None)):
        assert score.difference is None
        assert score.apart is None
    assert Score("f1", {"value": 0.5}, {"value": 0.7}).apart is None
