"""Labels: how far two people agree, and which labels are likely wrong.

>>> round(kappa(["a", "a", "b", "b"], ["a", "b", "b", "b"]), 3)
0.5
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from catenary.errors import InvalidInput


def kappa(one: Sequence[str], other: Sequence[str]) -> float:
    """Cohen's kappa of two people's labels of the same texts: 1 is agreement, 0 what chance gives.

    J. Cohen, A coefficient of agreement for nominal scales (1960). Raises InvalidInput for lists of different
    lengths, or without a text.
    """
    if len(one) != len(other) or not one:
        raise InvalidInput(
            "Agreement is measured on the same texts.",
            got=f"{len(one)}, {len(other)}",
            expected="two lists of one length",
        )
    agreed = sum(a == b for a, b in zip(one, other, strict=True)) / len(one)
    counts, others = Counter(one), Counter(other)
    chance = sum(counts[label] * others[label] for label in counts) / len(one) ** 2
    return 1.0 if chance == 1.0 else (agreed - chance) / (1.0 - chance)


@dataclass(frozen=True, slots=True)
class Suspect:
    """A label that is likely wrong, what the model says instead, and the probability that it gives the label."""

    row: int
    label: str
    likely: str
    probability: float


def bounds_of(
    given: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """For each class the mean probability of it among the rows that bear its label (`given`: its number, or -1)."""
    numbers = range(probabilities.shape[1])
    means = [probabilities[given == at, at].mean() if (given == at).any() else np.inf for at in numbers]
    return np.array(means, dtype=np.float64)


def suspects(
    labels: Sequence[str | None],
    probabilities: npt.NDArray[np.float64],
    classes: Sequence[str],
    bounds: npt.NDArray[np.float64] | None = None,
) -> list[Suspect]:
    """Labels that out-of-fold `probabilities` (rows, classes) speak against, the surest first.

    A row counts for a class when its probability is at least the mean one of the rows that bear that label; where the
    likeliest of these is another than the label, the label is suspect. Rows without a label are passed over.
    `bounds` are those means where more rows than these speak (`bounds_of`).

    C. Northcutt, L. Jiang, I. Chuang, Confident learning: estimating uncertainty in dataset labels (2021), §3.
    """
    number = {name: at for at, name in enumerate(classes)}
    given = np.array([-1 if one is None else number.get(one, -1) for one in labels], dtype=np.int64)
    bounds = bounds_of(given, probabilities) if bounds is None else bounds
    confident = np.where(probabilities >= bounds, probabilities, -1.0)
    likely = confident.argmax(axis=1)
    wrong = np.flatnonzero((confident.max(axis=1) >= 0) & (likely != given) & (given >= 0))
    found = [
        Suspect(int(row), classes[given[row]], classes[likely[row]], float(probabilities[row, given[row]]))
        for row in wrong
    ]
    return sorted(found, key=lambda one: (one.probability, one.row))
