"""The held-out documents that a model finds easiest and hardest: what a mean loss does not show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from catenary.train.dealing import B, B_co
from catenary.train.objectives.objective import Objective
from catenary.train.seeds import VALIDATION_MASKS, seed_at

SHOWN = 5  # of each
CHARACTERS = 120
MOST_ROWS = 500  # each is read by itself


class Sample(TypedDict):
    """A document's number in its split, its loss, and how it begins."""

    document: int
    loss: float
    text: str


class Samples(TypedDict):
    """Best first in `best`, worst first in `worst`."""

    best: list[Sample]
    worst: list[Sample]


class ByRow(Protocol[B_co]):
    """Held-out rows, any of which can be had by itself."""

    def batch(self, rows: NDArray[np.int64], /) -> B_co:
        """These rows as tensors."""


@torch.no_grad()
def sampled(
    model: nn.Module,
    objective: Objective[B],
    held_out: ByRow[B],
    rows: int,
    texts: Sequence[str],
    which: Sequence[int] | None = None,
) -> Samples:
    """Of `rows` held-out rows, MOST_ROWS at most and evenly spread, the best and the worst by the objective's own loss.

    A document that stands in several rows has their mean. `texts` are those of the documents; `which` says whose text
    the n-th document is, where some have no row.
    """
    model.eval()
    generator = torch.Generator()
    sums: dict[int, float] = {}
    counts: dict[int, int] = {}
    for row in np.unique(np.linspace(0, rows - 1, min(rows, MOST_ROWS)).astype(np.int64)).tolist():
        batch = held_out.batch(np.array([row]))
        generator.manual_seed(seed_at(0, VALIDATION_MASKS, row))
        loss = objective.loss(model, batch, generator)
        if loss.of:
            document = int(batch.documents[0])
            sums[document] = sums.get(document, 0.0) + loss.mean.item() * loss.of
            counts[document] = counts.get(document, 0) + loss.of
    documents = sorted(sums)
    numbers = [document if which is None else which[document] for document in documents]
    losses = np.array([sums[document] / counts[document] for document in documents])
    found = best_and_worst(losses, [texts[number] for number in numbers])
    for sample in (*found["best"], *found["worst"]):
        sample["document"] = numbers[sample["document"]]
    return found


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
