from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from catenary.data.augment import Augment
from catenary.data.labels import kappa, suspects
from catenary.data.review import agreed, export, read_labels
from catenary.errors import InvalidInput
from catenary.records import Document

DOCUMENTS = [Document(f"文本,“{n}”\n第二行", id=f"d{n}") for n in range(6)]


def test_kappa_is_scikit_learns() -> None:
    r = np.random.default_rng(1)
    for _ in range(20):
        one, other = (list(r.choice(["a", "b", "c"], 40)) for _ in range(2))
        assert kappa(one, other) == pytest.approx(cohen_kappa_score(one, other))
    assert kappa(["a"], ["a"]) == 1.0
    with pytest.raises(InvalidInput):
        kappa([], [])


def test_planted_wrong_labels_are_found() -> None:
    r = np.random.default_rng(2)
    truth = r.integers(0, 3, 600)
    scores = r.dirichlet(np.ones(3), 600) * 0.1
    scores[np.arange(600), truth] += 0.9
    labels = [str(one) for one in truth]
    wrong = set(r.choice(600, 40, replace=False).tolist())
    for row in wrong:
        labels[row] = str((truth[row] + 1) % 3)
    found = suspects([*labels[:-1], None], scores, ["0", "1", "2"])
    rows = {one.row for one in found}
    wrong.discard(599)
    assert len(rows & wrong) >= 0.9 * len(wrong)
    assert len(rows - wrong) <= 3
    assert all(one.likely == str(truth[one.row]) for one in found if one.row in wrong)


@pytest.mark.parametrize("ending", ["json", "jsonl", "csv"])
def test_out_to_two_reviewers_and_back(tmp_path: Path, ending: str) -> None:
    labelled = [Document(one.text, id=one.id, label="good") for one in DOCUMENTS]
    path = tmp_path / f"tasks.{ending}"
    assert export(labelled, path) == 6
    if ending == "json":  # what Label Studio adds to each task
        tasks = json.loads(path.read_text("utf-8"))
        for task in tasks:
            task["annotations"] = [{"result": [{"value": {"choices": ["good"]}}]}]
        path.write_text(json.dumps(tasks), "utf-8")
    one = read_labels(path)
    assert one == {f"d{n}": "good" for n in range(6)}
    reviewed = agreed(one, {**dict.fromkeys(list(one)[:3], "good"), "d3": "bad", "x": "bad"})
    assert list(reviewed.labels) == ["d0", "d1", "d2"]
    assert reviewed.disputed == {"d3": ("good", "bad")}


def test_variants_are_marked_and_repeatable() -> None:
    document = Document("我们都很喜欢这家酒店的早餐和服务", id="d", label="pos")
    augment = Augment(delete=0.2, swap=0.1, synonyms={"喜欢": ["喜爱"]}, synonym_share=1.0)
    made = augment.of(document, 5)
    assert made == augment.of(document, 5)
    assert len({one.text for one in made}) == len(made) >= 3
    assert all(one.label == "pos" and one.meta == {"augmented_from": "d"} and one.id != "d" for one in made)
    assert not any("喜欢" in one.text for one in made)
    assert (
        Augment(through=lambda texts: [text.upper() for text in texts]).of(Document("ab", id="e"), 2)[0].text
        == "AB"
    )
