"""What a classifier said of each item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a model said of each item, and how sure it was of that (its probability), where known."""

    labels: Sequence[str]
    confidence: Sequence[float] | None = None
    probabilities_NK: NDArray[np.floating] | None = None  # of all `names`
    names: Sequence[str] = ()

    @classmethod
    def from_probabilities(cls, probabilities_NK: NDArray[np.floating], labels: Sequence[str]) -> Self:
        """The likeliest of `labels` (the names of the columns) for each row."""
        best_N = probabilities_NK.argmax(axis=1)
        return cls(
            [labels[k] for k in best_N.tolist()],
            probabilities_NK.max(axis=1).tolist(),
            probabilities_NK,
            tuple(labels),
        )
