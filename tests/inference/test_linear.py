"""The linear control behind the port."""

from __future__ import annotations

from pathlib import Path

import pytest

from catenary.errors import Damaged, Interrupted, InvalidInput
from catenary.inference import Classifier, load
from catenary.models.baselines import LinearSettings, fit_linear


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    texts, labels = ["很好看", "好极了", "太差了", "真差"], ["好", "好", "差", "差"]
    made = tmp_path_factory.mktemp("linear")
    fit_linear(texts, labels, LinearSettings(min_df=1)).save(made)
    return made


@pytest.fixture(scope="module")
def classifier(folder: Path) -> Classifier:
    return load(folder)


def test_it_answers_like_any_other(classifier: Classifier) -> None:
    assert list(classifier.labels) == ["好", "差"] or list(classifier.labels) == ["差", "好"]
    told = classifier.classify(["好", "差差", ""] * 200)
    assert [scores.label for scores in told[:2]] == ["好", "差"]
    assert told[:3] == told[-3:]
    assert sum(told[0].probabilities.values()) == pytest.approx(1)


def test_it_counts_characters_and_cuts_nothing(classifier: Classifier) -> None:
    scores = classifier.classify(["好" * 5000])[0]
    assert (scores.tokens, scores.truncated) == (5000, False)


def test_it_refuses_and_stops_as_the_port_says(classifier: Classifier) -> None:
    with pytest.raises(InvalidInput):
        classifier.classify(["\ud83d"])
    with pytest.raises(Interrupted):
        classifier.classify(["好"], stop=lambda: True)


def test_damage_is_told(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(Damaged):
        load(tmp_path)
