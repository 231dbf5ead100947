"""The step `labels`: planted wrong labels and missing ones among real reviews."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from catenary.data import curate, curate_files, read_index
from catenary.data.shards import shard_path
from catenary.errors import InvalidInput
from catenary.records import Document
from tests.data.reviews import reviews
from tests.data.shards import write_shard

OTHER = {"neg": "pos", "pos": "neg"}


def planted() -> tuple[list[Document], set[int], set[int], list[str]]:
    """(documents, the rows of wrong labels, those of missing ones, the right labels)"""
    texts, right = reviews(500)
    r = random.Random(3)
    wrong = set(r.sample(range(len(right)), 50))
    missing = set(r.sample(sorted(set(range(len(right))) - wrong), 50))
    labels = [
        None if row in missing else OTHER[label] if row in wrong else label for row, label in enumerate(right)
    ]
    documents = [
        Document(text, label=label, source="s", file=str(row))
        for row, (text, label) in enumerate(zip(texts.to_pylist(), labels, strict=True))
    ]
    return documents, wrong, missing, right


def test_wrong_labels_are_found_and_missing_ones_set() -> None:
    documents, wrong, missing, right = planted()
    done = curate(documents, [{"labels": {"missing": "impute", "wrong": "relabel", "sure": 0.8}}]).documents
    set_here = [row for row in missing if done[row].label is not None]
    assert len(set_here) > 15
    assert sum(done[row].label == right[row] for row in set_here) / len(set_here) > 0.9
    changed = {
        row for row, one in enumerate(done) if row not in missing and one.label != documents[row].label
    }
    assert len(changed & wrong) > 0.6 * len(wrong)
    assert len(changed & wrong) > 0.3 * len(
        changed
    )  # one in twenty is wrong; the reviews bear some of their own


def test_reported_dropped_and_listed_whatever_the_shards(tmp_path: Path) -> None:
    documents, *_ = planted()
    steps: list[object] = [{"labels": {"missing": "drop", "wrong": "report"}}]
    told = []
    for parts in (1, 3):
        size = len(documents) // parts + 1
        folder = tmp_path / str(parts)
        shards = [shard_path(folder, "raw", at) for at in range(parts)]
        for at, shard in enumerate(shards):
            write_shard(shard, documents[at * size : (at + 1) * size])
        report = curate_files(shards, steps, None, folder / "out", folder / "state")
        assert report.dropped == {"labels:missing": 50}
        lines = [
            json.loads(line) for line in (folder / "out" / "labels.jsonl").read_text("utf-8").splitlines()
        ]
        assert sum(line["done"] == "reported" for line in lines) == report.steps[-1].notes["suspect"]
        assert sum(line["label"] is None for line in lines) == 50
        assert {line["id"] for line in lines} <= set(read_index(folder / "out").column("id").to_pylist())
        told.append(sorted(json.dumps(line, sort_keys=True) for line in lines))
    assert told[0] == told[1]


def test_nothing_to_learn_from() -> None:
    same = [Document(f"文{n}", label="a") for n in range(5)]
    assert all(one.label == "a" for one in curate(same, ["labels"]).documents)
    with pytest.raises(InvalidInput, match="imputed"):
        curate([*same, Document("文")], [{"labels": {"missing": "impute"}}])
