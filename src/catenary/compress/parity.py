"""Does the exported model answer as the trained one does? Asked on real texts that neither was trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from catenary.errors import InvalidInput
from catenary.inference import Scores
from catenary.progress import SILENT, Progress

Predict = Callable[[Sequence[str]], Sequence[Scores]]
"""Texts → what a classifier says of each: `Classifier.classify`."""

TEXTS_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A text (its place among those asked) that the two models label differently, with their probabilities."""

    index: int
    text: str
    trained: str
    trained_probability: float
    exported: str
    exported_probability: float


@dataclass(frozen=True, slots=True)
class Parity:
    """`agreement` is the share of `n` texts with the same label; `max_difference` the largest difference of
    any label's probability; `disagreements` those of the surest trained answers first.
    """

    agreement: float
    n: int
    max_difference: float
    disagreements: tuple[Disagreement, ...]


def parity(
    trained: Predict, exported: Predict, texts: Sequence[str], *, shown: int = 10, progress: Progress = SILENT
) -> Parity:
    """Compare two models on `texts`; at most `shown` disagreements are told.

    Raises InvalidInput for no texts, or models with different labels.
    """
    if not texts:
        raise InvalidInput("Parity needs at least one text.")
    progress.begin("comparing the exported model with the trained one", total=len(texts), unit="texts")
    differing: list[Disagreement] = []
    largest = 0.0
    for start in range(0, len(texts), TEXTS_AT_ONCE):
        some = texts[start : start + TEXTS_AT_ONCE]
        for place, (before, after) in enumerate(zip(trained(some), exported(some), strict=True), start=start):
            if before.probabilities.keys() != after.probabilities.keys():
                raise InvalidInput(
                    "The exported model has other labels than the trained one.",
                    got=", ".join(after.probabilities),
                    expected=", ".join(before.probabilities),
                )
            for label, probability in before.probabilities.items():
                largest = max(largest, abs(probability - after.probabilities[label]))
            if before.label != after.label:
                differing.append(
                    Disagreement(
                        index=place,
                        text=texts[place],
                        trained=before.label,
                        trained_probability=before.probabilities[before.label],
                        exported=after.label,
                        exported_probability=after.probabilities[after.label],
                    )
                )
        progress.advance(len(some))
    differing.sort(key=lambda one: (-one.trained_probability, one.index))
    return Parity(1 - len(differing) / len(texts), len(texts), largest, tuple(differing[:shown]))
