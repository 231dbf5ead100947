"""An objective over padded rows that says how well a model does on held-out ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import nn

from catenary.train.batches import Batch, Batches
from catenary.train.objectives.objective import Loss


class Measured(Protocol):
    """What fine-tuning asks of an objective."""

    @property
    def identity(self) -> str:
        """Equal for objectives that give equal losses."""

    def loss(self, model: nn.Module, batch: Batch, generator: torch.Generator) -> Loss:
        """The loss of the batch."""

    def measure(self, model: nn.Module, batches: Batches) -> Mapping[str, float]:
        """Figures over all of the held-out rows."""
