"""What the loop asks of an objective."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import nn

from catenary.train.dealing import B_contra


class Loss(NamedTuple):
    """A mean loss, and how many things it is the mean of.

    `of` (documents, predicted tokens …) weighs the parts of a step that is taken in several: the gradient of the whole
    is Σ ofᵢ · gradientᵢ / Σ ofᵢ, whatever the parts' sizes. It may be 0.
    """

    mean: torch.Tensor
    of: int


class Objective(Protocol[B_contra]):
    """What a model is trained to do. Beside it, an objective usually has `measure(model, held_out)` for validation."""

    @property
    def identity(self) -> str:
        """Equal for objectives that give equal losses."""

    def loss(self, model: nn.Module, batch: B_contra, generator: torch.Generator) -> Loss:
        """The loss of the batch; all randomness but dropout's comes from `generator`."""
