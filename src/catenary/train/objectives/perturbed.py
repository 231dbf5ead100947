"""Adversarial training: the same loss once more where the embeddings were moved to hurt most.

FGM moves them once, by ε g / ‖g‖ with g the gradient of a text's embeddings, and adds the loss there (Miyato, Dai and
Goodfellow 2017, eq. 5–8). FreeLB starts from a small random move, climbs K times within a ball of radius ε, and takes
the mean of the losses on the way (Zhu et al. 2020, alg. 1).

B documents, T tokens, D hidden size
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from catenary.digest import digest
from catenary.models import Model
from catenary.train.batches import Batch, Batches
from catenary.train.head_settings import PerturbSettings
from catenary.train.objectives.measured import Measured
from catenary.train.objectives.objective import Loss

At = Callable[["Move"], Loss]  # the loss with embeddings moved so


@dataclass(frozen=True)
class Perturbed:
    """`inner` on clean and on moved embeddings; measured as `inner` is."""

    inner: Measured
    settings: PerturbSettings

    @property
    def identity(self) -> str:
        """Equal for objectives that give equal losses."""
        return digest(["perturbed", self.inner.identity, self.settings.model_dump(mode="json")])

    def loss(self, model: nn.Module, batch: Batch, generator: torch.Generator) -> Loss:
        """fgm: (clean + moved) / 2; freelb: the mean over the ascents. Every pass draws the same masks."""
        draws = generator.get_state()

        def at(move: Move) -> Loss:
            generator.set_state(draws)
            with _moved(embedding_of(model), move):
                return self.inner.loss(model, batch, generator)

        if self.settings.method == "fgm":
            here = Move(None)
            clean = at(here)
            there = at(Move(_step(_slope(clean, here), self.settings.epsilon)))
            return Loss((clean.mean + there.mean) / 2, clean.of)
        return self._climb(at, batch)

    def _climb(self, at: At, batch: Batch) -> Loss:
        epsilon, losses = self.settings.epsilon, []
        chance = torch.Generator().manual_seed(int(batch.input_ids_BT.sum()))
        move = Move(None, start=epsilon / 10, generator=chance)
        for ascent in range(self.settings.steps):
            loss = at(move)
            losses.append(loss)
            if ascent + 1 < self.settings.steps:
                assert move.added is not None
                moved = move.added.detach() + _step(_slope(loss, move), self.settings.step_size)
                move = Move(moved * (epsilon / _norm(moved)).clamp(max=1))
        return Loss(torch.stack([loss.mean for loss in losses]).mean(), losses[0].of)

    def measure(self, model: nn.Module, batches: Batches) -> Mapping[str, float]:
        """As `inner` has it, with nothing moved."""
        return self.inner.measure(model, batches)


def perturbed(objective: Measured, settings: PerturbSettings | None) -> Measured:
    """The objective itself, or on moved embeddings too where that is asked for."""
    return objective if settings is None else Perturbed(objective, settings)


class Move:
    """What is added to the embeddings of a pass; `start`: the length of a random first move, none where 0."""

    def __init__(
        self, added: torch.Tensor | None, start: float = 0.0, generator: torch.Generator | None = None
    ) -> None:
        self.added, self.start, self.generator = added, start, generator

    def on(self, embeddings_BTD: torch.Tensor) -> torch.Tensor:
        """The embeddings, moved."""
        if self.added is None:
            move = torch.zeros(embeddings_BTD.shape)
            if self.start:
                move = torch.empty(embeddings_BTD.shape).uniform_(-1, 1, generator=self.generator)
                move = move * self.start / _norm(move)
            self.added = move
        self.added = self.added.to(embeddings_BTD.dtype).requires_grad_()
        return embeddings_BTD + self.added


def embedding_of(model: nn.Module) -> nn.Embedding:
    """The table of token embeddings of a model, or of the classifier beside a reader."""
    inside = model if isinstance(model, Model) else next(m for m in model.modules() if isinstance(m, Model))
    return inside.embedding


@contextmanager
def _moved(embedding: nn.Embedding, move: Move) -> Iterator[None]:
    """Within this context, what the table gives is moved."""
    hook = embedding.register_forward_hook(lambda module, given, found: move.on(found))
    try:
        yield
    finally:
        hook.remove()


def _slope(loss: Loss, move: Move) -> torch.Tensor:
    assert move.added is not None
    [slope_BTD] = torch.autograd.grad(loss.mean, [move.added], retain_graph=True)
    return slope_BTD.float()


def _step(slope_BTD: torch.Tensor, length: float) -> torch.Tensor:
    return length * slope_BTD / _norm(slope_BTD)


def _norm(x_BTD: torch.Tensor) -> torch.Tensor:
    """Of each text's embeddings together: (B, 1, 1)."""
    norm_B11: torch.Tensor = torch.linalg.vector_norm(x_BTD.float(), dim=(1, 2), keepdim=True)
    return norm_B11.clamp(min=1e-12)
