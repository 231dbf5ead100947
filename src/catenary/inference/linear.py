"""The linear control behind the same port, so that a chain can serve it or compare with it.

It reads characters and words, not tokens: `tokens` of its scores counts characters, and nothing is cut off.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from catenary.inference.batches import check_unicode
from catenary.inference.port import Scores, Stop, Text, go_on, never, ranked, singles

if TYPE_CHECKING:
    from catenary.models.baselines.linear import LinearClassifier

TEXTS_PER_BATCH = 256


def linear_classifier(folder: Path) -> LinearScores:
    """The linear classifier saved in `folder`. Raises NotFound and Damaged."""
    from catenary.models.baselines.linear import LinearClassifier

    return LinearScores(LinearClassifier.load(folder))


class LinearScores:
    """A `Classifier` over a fitted linear model."""

    def __init__(self, model: LinearClassifier) -> None:
        self.labels: Sequence[str] = model.labels
        self._model = model

    def classify(self, texts: Sequence[Text], *, stop: Stop = never) -> list[Scores]:
        """See `Classifier.classify`."""
        texts = singles(texts)
        check_unicode(texts)
        told: list[Scores] = []
        for start in range(0, len(texts), TEXTS_PER_BATCH):
            go_on(stop)
            some = texts[start : start + TEXTS_PER_BATCH]
            told += [
                Scores(ranked(self.labels, row), len(text), truncated=False)
                for text, row in zip(some, self._model.predict_proba(some), strict=True)
            ]
        return told
