"""Distillation: another objective's text, with what a teacher thinks likely at each of its places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, Protocol

import torch
from torch import Tensor, nn

from catenary.digest import digest
from catenary.train.dealing import B, B_contra, HeldOut
from catenary.train.objectives.objective import Loss
from catenary.train.objectives.targets import IGNORED, mean_cross_entropy
from catenary.train.weights import weights_sha256


class Predicts(Protocol[B_contra]):
    """An objective that is a cross-entropy at some places of a batch."""

    @property
    def identity(self) -> str:
        """Equal for objectives that give equal losses."""

    def predicted(
        self, model: nn.Module, batch: B_contra, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """(logits (M, V), targets (M,)); targets that are IGNORED do not count."""

    def measure(self, model: nn.Module, held_out: HeldOut[B_contra]) -> Mapping[str, float]:
        """Figures of held-out data."""


@dataclass(frozen=True)
class Distilled(Generic[B]):
    """L = w T² KL(teacher ‖ student) + (1 − w) L_text, both distributions at temperature T (Hinton et al. 2015, §2).

    The teacher has the student's vocabulary, is not trained, and sees the same batch with the same draws.
    """

    teacher: nn.Module
    of: Predicts[B]
    temperature: float
    weight: float

    @cached_property
    def identity(self) -> str:
        """Equal for objectives that give equal losses."""
        teacher = weights_sha256(dict(self.teacher.named_parameters()))
        return digest(["distilled", teacher, self.of.identity, self.temperature, self.weight])

    def loss(self, model: nn.Module, batch: B, generator: torch.Generator) -> Loss:
        """The sum of both, a mean over the places that count."""
        start = generator.get_state()
        logits_MV, targets = self.of.predicted(model, batch, generator)
        generator.set_state(start)
        with torch.no_grad():
            known_MV, _ = self.of.predicted(self.teacher, batch, generator)
        text = mean_cross_entropy(logits_MV, targets)
        said_MV = (logits_MV.float() / self.temperature).log_softmax(-1)
        taught_MV = (known_MV.float() / self.temperature).log_softmax(-1)
        apart_M = (taught_MV.exp() * (taught_MV - said_MV)).sum(-1)[targets != IGNORED]
        taught = self.temperature**2 * apart_M.sum() / max(1, text.of)
        return Loss(self.weight * taught + (1 - self.weight) * text.mean, text.of)

    def measure(self, model: nn.Module, held_out: HeldOut[B]) -> Mapping[str, float]:
        """Of the text alone."""
        return self.of.measure(model, held_out)
