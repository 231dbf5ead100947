"""Any classifier of a chain behind one function, whatever family it is of."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from catenary.stages.labelled import one_text
from catenary.store import Artifact

if TYPE_CHECKING:
    from catenary.evaluate import Predictions

Text = str | tuple[str, str]
Predict = Callable[[Sequence[Text]], "Predictions"]


def is_control(model: Artifact) -> bool:
    """Whether a model is one that others are measured against: a linear, n-gram, hidden Markov or recurrent model."""
    return model.stage in ("fit", "count", "count_tags", "recurrent", "remember", "match")


def predictor(folder: Path) -> Predict:
    """texts (or pairs of them) → labels and how sure the model is of each."""
    import numpy as np

    from catenary.evaluate import Predictions

    config = json.loads((folder / "config.json").read_text("utf-8"))

    def predict(texts: Sequence[Text]) -> Predictions:
        singles = [text for text in texts if isinstance(text, str)]
        if config.get("family") == "linear":
            from catenary.models.baselines import LinearClassifier

            linear = LinearClassifier.load(folder)
            told = linear.predict_proba([one_text(text) for text in texts])
            return Predictions.from_probabilities(told, linear.labels)
        if len(singles) < len(texts):
            from catenary.inference.score import score

            scored = score(folder, texts)
            return Predictions.from_probabilities(scored.values, scored.labels)
        from catenary.inference import load

        classifier = load(folder)
        labels = list(classifier.labels)
        told = np.array(
            [[one.probabilities[label] for label in labels] for one in classifier.classify(singles)]
        )
        return Predictions.from_probabilities(told.reshape(-1, len(labels)), labels)

    return predict
