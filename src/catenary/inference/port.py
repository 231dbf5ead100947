"""The port that every engine stands behind: texts in, scores out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from catenary.errors import Interrupted

Stop = Callable[[], bool]
"""Asked between batches; True ends the work with Interrupted."""


def never() -> bool:
    """A `Stop` that lets the work go on."""
    return False


@dataclass(frozen=True, slots=True)
class Scores:
    """What a classifier says of one text.

    `probabilities` holds every label, most probable first, summing to 1. `tokens` counts what the model read,
    special tokens included; `truncated` says that the text went on after that.
    """

    probabilities: Mapping[str, float]
    tokens: int
    truncated: bool

    @property
    def label(self) -> str:
        """The most probable label."""
        return next(iter(self.probabilities))


class Classifier(Protocol):
    """A loaded model that labels texts. Safe to call from several threads."""

    @property
    def labels(self) -> Sequence[str]:
        """Every label it can give, in the model's order."""

    def classify(self, texts: Sequence[str], *, stop: Stop = never) -> list[Scores]:
        """One `Scores` a text, in the order of `texts`.

        Raises InvalidInput for a text that is no Unicode text, Interrupted when `stop` says so.
        """


def ranked(labels: Sequence[str], probabilities: Sequence[float]) -> dict[str, float]:
    """Label → probability, most probable first; equal ones keep the model's order."""
    pairs = zip(labels, map(float, probabilities), strict=True)
    return dict(sorted(pairs, key=lambda pair: -pair[1]))


def go_on(stop: Stop) -> None:
    """Return unless `stop` says to end the work."""
    if stop():
        raise Interrupted("The classification was stopped before its end.")
