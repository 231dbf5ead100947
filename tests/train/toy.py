"""A model, data and an objective small enough that a step takes well under a millisecond."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from catenary.train.batches import Batch, Batches, TokenRows
from catenary.train.objectives import Loss
from catenary.train.settings import TrainSettings


class Toy(nn.Module):
    """Bag of embeddings, a norm, dropout and a linear layer: all that resuming can trip over."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.embedding = nn.Embedding(50, 8)
            self.norm = nn.LayerNorm(8)
            self.dropout = nn.Dropout(0.2)
            self.head = nn.Linear(8, 2)
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    def forward(self, input_ids_BT: torch.Tensor) -> torch.Tensor:
        return self.head(self.dropout(self.norm(self.embedding(input_ids_BT).mean(1))))


class ToyObjective:
    """Cross-entropy under a noise drawn from the step's generator."""

    identity = "toy"

    def loss(self, model: nn.Module, batch: Batch, generator: torch.Generator) -> Loss:
        model.seen += 1
        logits = model(batch.input_ids_BT)
        noise = torch.rand(logits.shape, generator=generator)
        return Loss(nn.functional.cross_entropy(logits.float() + 0.1 * noise, batch.labels_B), len(logits))


def settings(**changed: object) -> TrainSettings:
    values = {"epochs": 3, "batch_size": 8, "learning_rate": 0.01, "precision": "fp32", "ema": 0.9}
    return TrainSettings(**{**values, **changed})


def data(chosen: TrainSettings, rows: int = 100) -> Batches:
    """Two classes told apart by which half of the vocabulary they use."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, rows)
    ids = [random.integers(1 + 24 * y, 25 + 24 * y, random.integers(3, 12)).tolist() for y in labels]
    return Batches.of(TokenRows.of(ids), chosen, pad_id=0, labels=labels.tolist())
