from __future__ import annotations

import numpy as np
import pytest

from catenary.errors import InvalidInput
from catenary.evaluate.classification import Predictions, classification_report, verdict

GOLD = ["good", "bad"] * 100
CONTROL = ["good", "bad"] * 70 + ["bad", "good"] * 30
BETTER = ["good", "bad"] * 95 + ["bad", "good"] * 5


def two_models(**options: object):
    models = {
        "neural": Predictions(BETTER, [0.6 + i / 1000 for i in range(200)]),
        "linear": Predictions(CONTROL),
    }
    return classification_report(GOLD, models, control="linear", resamples=500, **options)  # type: ignore[arg-type]


def test_every_figure_has_its_interval() -> None:
    report = two_models()
    figures = report.figures()
    assert figures["neural.accuracy"].value == pytest.approx(0.95)
    assert figures["linear.accuracy"].value == pytest.approx(0.70)
    for figure in figures.values():
        assert figure.low < figure.value < figure.high
        assert figure.n == 200
    good = report.models[0].classes["good"]
    assert (good.support, good.recall.n) == (100, 100)
    assert report.models[1].confusion == ((70, 30), (30, 70))
    assert report.labels == ("bad", "good")


def test_the_verdict_is_plain_in_both_languages() -> None:
    comparison = two_models().comparison("neural", "linear")
    assert comparison is not None
    assert verdict(comparison, "en").startswith("neural beats linear: accuracy +0.2500 [")
    assert verdict(comparison, "en").endswith("(p<0.0001, n=200).")
    assert "neural" in verdict(comparison, "zh")
    assert two_models().comparison("linear", "neural") is None


def test_the_most_confident_mistakes_and_right_answers_come_first() -> None:
    ids = [f"doc{i}" for i in range(200)]
    texts = [f"text {i}" for i in range(200)]
    neural, linear = two_models(ids=ids, texts=texts, worst=3).models
    assert [mistake.id for mistake in neural.worst] == ["doc199", "doc198", "doc197"]
    assert (neural.worst[0].text, neural.worst[0].gold, neural.worst[0].predicted) == (
        "text 199",
        "bad",
        "good",
    )
    assert neural.mistakes == 10
    assert [one.id for one in neural.best] == ["doc189", "doc188", "doc187", "doc186", "doc185"]
    assert all(one.gold == one.predicted for one in neural.best)
    assert linear.worst[0].confidence is None


def test_a_perfect_score_is_not_certain() -> None:
    report = classification_report(["a", "b", "b"], {"lucky": Predictions(["a", "b", "b"])})
    for figure in report.figures().values():
        assert figure.value == 1
        assert figure.low < 0.6
    assert report.models[0].classes["a"].f1.low < 0.3


def test_a_class_that_is_never_found_says_so() -> None:
    report = classification_report(
        ["a"] * 9 + ["b"], {"lazy": Predictions(["a"] * 10)}, metrics=["f1", "mcc"]
    )
    never = report.models[0].classes["b"]
    assert (never.recall.value, never.precision.n, never.f1.value) == (0, 0, 0)
    assert never.f1.high > 0.5
    assert report.figures()["lazy.mcc"].value == 0


def test_all_pairs_are_compared_the_control_first() -> None:
    models = {name: Predictions(BETTER) for name in ("control", "x", "y")}
    report = classification_report(GOLD, models, control="control", resamples=50)
    assert [(c.first, c.second) for c in report.comparisons if c.metric == "accuracy"] == [
        ("x", "control"),
        ("y", "control"),
        ("x", "y"),
    ]


def test_predictions_from_probabilities() -> None:
    predicted = Predictions.from_probabilities(np.array([[0.2, 0.8], [0.9, 0.1]]), ["no", "yes"])
    assert predicted.labels == ["yes", "no"]
    assert predicted.confidence == [0.8, 0.9]


def test_what_does_not_pair_is_refused() -> None:
    with pytest.raises(InvalidInput, match="one prediction"):
        classification_report(["a", "b"], {"m": Predictions(["a"])})
    with pytest.raises(InvalidInput, match="control"):
        classification_report(["a"], {"m": Predictions(["a"])}, control="n")
    with pytest.raises(InvalidInput, match="metric"):
        classification_report(["a"], {"m": Predictions(["a"])}, metrics=["beauty"])
