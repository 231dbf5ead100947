"""The held-out rows that a model finds easiest and hardest, by the objective that it was trained with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from catenary.train.best_and_worst import Samples, best_and_worst
from catenary.train.dealing import B, B_co
from catenary.train.objectives.objective import Objective
from catenary.train.seeds import VALIDATION_MASKS, seed_at

MOST_ROWS = 500  # each is read by itself


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
