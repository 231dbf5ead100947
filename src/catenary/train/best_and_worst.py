"""The held-out documents that a model finds easiest and hardest: what a mean loss does not show."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

SHOWN = 5  # of each
CHARACTERS = 120


class Sample(TypedDict):
    """A document's number in its split, its loss, and how it begins."""

    document: int
    loss: float
    text: str


class Samples(TypedDict):
    """Best first in `best`, worst first in `worst`."""

    best: list[Sample]
    worst: list[Sample]


def best_and_worst(losses: NDArray[np.float64], texts: Iterable[str]) -> Samples:
    """Of documents with these losses and texts; no document is in both."""
    order = np.argsort(losses, kind="stable").tolist()
    count = min(SHOWN, len(order) // 2)
    best, worst = order[:count], order[::-1][:count]
    wanted = {*best, *worst}
    found = {number: text for number, text in enumerate(texts) if number in wanted}

    def shown(number: int) -> Sample:
        text = " ".join(found[number].split())
        cut = text if len(text) <= CHARACTERS else text[: CHARACTERS - 1] + "…"
        return {"document": number, "loss": round(float(losses[number]), 4), "text": cut}

    return {"best": [shown(number) for number in best], "worst": [shown(number) for number in worst]}
