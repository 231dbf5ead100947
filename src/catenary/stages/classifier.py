"""Any classifier of a chain behind one function, whatever family it is of."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from catenary.store import Artifact

if TYPE_CHECKING:
    from catenary.evaluate import Predictions

Predict = Callable[[Sequence[str]], "Predictions"]


def is_control(model: Artifact) -> bool:
    """Whether a model is one that others are measured against: a linear, n-gram, hidden Markov or recurrent model."""
    return model.stage in ("fit", "count", "count_tags", "recurrent")


def predictor(folder: Path) -> Predict:
    """texts → labels and how sure the model is of each."""
    from catenary.evaluate import Predictions

    if json.loads((folder / "config.json").read_text("utf-8")).get("family") == "linear":
        from catenary.models.baselines import LinearClassifier

        linear = LinearClassifier.load(folder)
        return lambda texts: Predictions.from_probabilities(linear.predict_proba(texts), linear.labels)

    from catenary.inference import load

    classifier = load(folder)

    def predict(texts: Sequence[str]) -> Predictions:
        told = classifier.classify(texts)
        return Predictions(
            [scores.label for scores in told], [scores.probabilities[scores.label] for scores in told]
        )

    return predict
