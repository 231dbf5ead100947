"""AdamW over a model's two flat tensors."""

from __future__ import annotations

import torch

from catenary.train.settings import TrainSettings
from catenary.train.weights import Weights


def optimiser(weights: Weights, settings: TrainSettings) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter 2019), one kernel for the weights with decay and one for those without."""
    return torch.optim.AdamW(
        [
            {"params": [weights.decayed.master], "weight_decay": settings.weight_decay},
            {"params": [weights.kept.master], "weight_decay": 0.0},
        ],
        lr=settings.learning_rate,
        betas=(settings.beta1, settings.beta2),
        fused=True,
    )
