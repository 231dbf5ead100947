"""A training run between two steps: all that moves, and so all that a checkpoint holds."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import nn

from catenary.errors import CatenaryError
from catenary.train.checkpoint import Checkpoint
from catenary.train.dealing import B
from catenary.train.objectives.objective import Objective
from catenary.train.optimiser import optimiser
from catenary.train.precision import compute_dtype
from catenary.train.settings import LOWER_IS_BETTER, TrainSettings
from catenary.train.weights import Named, Weights

Validate = Callable[[nn.Module], Mapping[str, float]]


@dataclass(frozen=True)
class Validation:
    """What was found on held-out texts after `step` steps."""

    step: int
    figures: Mapping[str, float]


class Diverged(CatenaryError):
    """The loss or its gradient is no number any more: further steps would only spread it."""


@dataclass
class Run:
    """A model on its way. `average` holds the averaged masters, laid out as they are."""

    model: nn.Module
    settings: TrainSettings
    weights: Weights
    optimiser: torch.optim.Optimizer
    average: list[torch.Tensor] | None
    step: int = 0
    tokens: int = 0
    losses: list[float] = field(default_factory=list)
    validations: list[Validation] = field(default_factory=list)
    best: Validation | None = None
    best_weights: Named | None = None

    @classmethod
    def start(cls, model: nn.Module, settings: TrainSettings) -> Run:
        """Before the first step."""
        weights = Weights(model, compute_dtype(settings.precision))
        average = [flat.master.data.clone() for flat in weights.flats] if settings.ema is not None else None
        return cls(model, settings, weights, optimiser(weights, settings), average)

    def take(self, batch: B, objective: Objective[B], masks: torch.Generator, learning_rate: float) -> None:
        """One step. Raises Diverged, with nothing moved, when the loss or the gradient is no finite number."""
        loss = objective.loss(self.model, batch, masks).mean
        self._watch("loss", loss.item(), learning_rate)
        loss.backward()  # type: ignore[no-untyped-call]
        self._watch("gradient norm", self.weights.gather_gradient(self.settings.clip), learning_rate)
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate
        self.optimiser.step()
        self.weights.renew()
        if self.average is not None and self.settings.ema is not None:
            # Early on the average follows quickly, or it would long remember the first weights.
            decay = min(self.settings.ema, (1 + self.step) / (10 + self.step))
            for averaged, flat in zip(self.average, self.weights.flats, strict=True):
                averaged.lerp_(flat.master.data, 1 - decay)
        self.step += 1
        self.tokens += batch.tokens
        self.losses.append(loss.item())

    def validate(self, validate: Validate) -> None:
        """Measure the averaged weights, or the weights themselves, in fp32; remember them if they are the best."""
        shown = self.weights.named(self.average)
        with self.weights.lent(shown):
            figures = {name: float(value) for name, value in validate(self.model).items()}
        self.model.train()
        now = Validation(self.step, figures)
        self.validations.append(now)
        monitor = self.settings.monitor
        if monitor is not None:
            sign = -1.0 if monitor in LOWER_IS_BETTER else 1.0
            if self.best is None or sign * figures[monitor] > sign * self.best.figures[monitor]:
                self.best = now
                self.best_weights = {name: tensor.clone() for name, tensor in shown.items()}

    @property
    def out_of_patience(self) -> bool:
        """Whether too many validations have passed without a better figure."""
        patience = self.settings.patience
        if patience is None or self.best is None:
            return False
        return sum(one.step > self.best.step for one in self.validations) >= patience

    @contextmanager
    def finished_at_last(self) -> Iterator[None]:
        """Leave the model in eval mode and fp32, whatever happens, with the best weights, the averaged or the last."""
        self.model.train()
        try:
            yield
        finally:
            self.weights.settle(self.best_weights or self.weights.named(self.average))
            self.model.eval()

    def checkpoint(self, identity: str) -> Checkpoint:
        """Everything, as plain tensors and values."""
        tensors = {f"buffer.{name}": tensor for name, tensor in self.weights.buffers.items()}
        tensors |= {f"best.{name}": tensor for name, tensor in (self.best_weights or {}).items()}
        for number, flat in enumerate(self.weights.flats):
            tensors[f"master.{number}"] = flat.master.data
            if self.average is not None:
                tensors[f"average.{number}"] = self.average[number]
            for key, tensor in self.optimiser.state[flat.master].items():
                tensors[f"optimiser.{number}.{key}"] = tensor
        tensors["losses"] = torch.tensor(self.losses, dtype=torch.float64)
        values = {
            "tokens": self.tokens,
            "validations": [[one.step, dict(one.figures)] for one in self.validations],
            "best": None if self.best is None else [self.best.step, dict(self.best.figures)],
        }
        return Checkpoint(self.step, identity, tensors, values)

    def restore(self, found: Checkpoint) -> None:
        """Stand where `found` was taken."""

        def kept(kind: str) -> Named:
            return {
                name.removeprefix(kind): one for name, one in found.tensors.items() if name.startswith(kind)
            }

        for name, tensor in self.weights.buffers.items():
            tensor.copy_(found.tensors[f"buffer.{name}"])
        for number, flat in enumerate(self.weights.flats):
            flat.master.data.copy_(found.tensors[f"master.{number}"])
            if self.average is not None:
                self.average[number] = found.tensors[f"average.{number}"]
            self.optimiser.state[flat.master] = kept(f"optimiser.{number}.")
        self.weights.renew()
        self.best_weights = kept("best.") or None
        self.step = found.step
        self.tokens = found.values["tokens"]
        self.losses = found.tensors["losses"].tolist()
        self.validations = [Validation(step, figures) for step, figures in found.values["validations"]]
        self.best = Validation(*found.values["best"]) if found.values["best"] else None

    def _watch(self, name: str, value: float, learning_rate: float) -> None:
        if not math.isfinite(value):
            raise Diverged(
                "Training diverged at step {step}: the {name} is {value}.",
                step=self.step + 1,
                name=name,
                value=value,
                got=f"losses before: {', '.join(f'{loss:.3g}' for loss in self.losses[-5:]) or '-'}; "
                f"learning rate {learning_rate:.3g}",
                expected="a finite number",
                next="lower learning_rate, or raise warmup",
            )
