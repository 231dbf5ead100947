"""A training run between two steps: all that moves, and so all that a checkpoint holds."""

from __future__ import annotations

import hashlib
import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from catenary.errors import CatenaryError, InvalidInput
from catenary.train.checkpoint import Checkpoint
from catenary.train.dealing import B
from catenary.train.freezing import freeze
from catenary.train.objectives.objective import Loss, Objective
from catenary.train.optimiser import Optimiser, optimiser
from catenary.train.precision import compute_dtype
from catenary.train.schedule import rate, reductions
from catenary.train.seeds import DROPOUT, MASKS, seed_at
from catenary.train.settings import TrainSettings, is_better
from catenary.train.team import ALONE, Team
from catenary.train.watchdog import FEW, has_spiked, is_calm
from catenary.train.weights import Named, Weights

if TYPE_CHECKING:
    from catenary.train.sharded import Sharded  # imports torch.distributed

Ints = NDArray[np.int64]
NAMED = 8  # documents named in a message; an error has them all
Validate = Callable[[nn.Module], Mapping[str, float]]


@dataclass(frozen=True)
class Validation:
    """What was found on held-out texts after `step` steps."""

    step: int
    figures: Mapping[str, float]


class Diverged(CatenaryError):
    """The loss or its gradient is no number any more, or the loss has risen and stays up: further steps would only
    spread it. `documents` are those of the last steps, the offending one last."""

    documents: Sequence[Sequence[int]] = ()


@dataclass
class Run:
    """A model on its way. `average` holds the averaged masters, laid out as they are.

    `final`: the weights at the end by name, put together while all processes are there.
    """

    model: nn.Module
    settings: TrainSettings
    weights: Weights | Sharded
    optimiser: Optimiser
    average: list[torch.Tensor] | None
    step: int = 0
    tokens: int = 0
    losses: list[float] = field(default_factory=list)
    validations: list[Validation] = field(default_factory=list)
    best: Validation | None = None
    best_weights: Named | None = None
    team: Team = ALONE
    # Asked to stop, and to save, by the leader: all processes know it after the same step.
    stopping: bool = False
    saving: bool = False
    final: Named | None = None
    seen: str = ""  # a digest over the documents of all steps, in order
    lately: deque[Ints] = field(default_factory=lambda: deque(maxlen=FEW))  # documents of the last steps

    @classmethod
    def start(cls, model: nn.Module, settings: TrainSettings, team: Team = ALONE) -> Run:
        """Before the first step. Raises InvalidInput where `freeze` names no weight."""
        freeze(model, settings.freeze)
        weights = Weights(model, compute_dtype(settings.precision))
        average = [master.clone() for master in weights.masters] if settings.ema is not None else None
        return cls(model, settings, weights, optimiser(weights, settings), average, team=team)

    def rate(self, steps: int) -> float:
        """The learning rate of the step to come, of `steps` in all."""
        chosen = self.settings
        share = rate(self.step, steps, schedule=chosen.schedule, warmup=chosen.warmup, decay=chosen.decay)
        if chosen.schedule == "plateau" and chosen.monitor is not None:
            values = [one.figures[chosen.monitor] for one in self.validations]
            share *= chosen.plateau_factor ** reductions(chosen.monitor, values, chosen.plateau_patience)
        return share * chosen.learning_rate

    def take(self, batch: B, objective: Objective[B], learning_rate: float) -> None:
        """One step.

        Raises Diverged, with nothing moved, when the loss or the gradient is no finite number; and after the step,
        when the loss has spiked.
        """
        self.lately.append(batch.documents)
        loss, collected = self.slopes(batch, objective, learning_rate)
        self.move(learning_rate, collected)
        self.step += 1
        self.tokens += batch.tokens
        self.losses.append(loss)
        self.seen = seen_after(self.seen, batch.documents)
        self._look_back(learning_rate)

    def move(self, learning_rate: float, collected: float | None) -> None:
        """Along the gradients that `slopes` left; `collected` is what it told."""
        norm = self.weights.gather_gradient(self.settings.clip, collected=collected)
        self._watch("gradient norm", norm, learning_rate)
        self.optimiser.step(learning_rate)
        self.weights.renew()
        if self.average is not None and self.settings.ema is not None:
            # Early on the average follows quickly, or it would long remember the first weights.
            decay = min(self.settings.ema, (1 + self.step) / (10 + self.step))
            for averaged, master in zip(self.average, self.weights.masters, strict=True):
                averaged.lerp_(master, 1 - decay)

    def slopes(self, batch: B, objective: Objective[B], learning_rate: float) -> tuple[float, float | None]:
        """(the loss, the weights of all parts): the gradients are there. Without parts the second is None."""
        parts = batch.split(self.settings.accumulate)
        if len(parts) == 1 and self.team.size == 1:
            loss = self._loss(parts[0], 0, objective).mean
            self._watch("loss", loss.item(), learning_rate)
            loss.backward()  # type: ignore[no-untyped-call]
            return loss.item(), None
        total, collected = 0.0, 0.0
        self.weights.begin_parts()
        with self.team.watched() if self.weights.apart else nullcontext():
            for number, part, counts in self.weights.turns(parts, self.team):
                mean, of = self._loss(part, number, objective)
                weight = of if counts else 0
                self.weights.backward(mean, weight)
                total += mean.item() * weight
                collected += weight
        total, collected, stopping, saving = self.team.add_up(
            self.weights.added_up, total, collected, float(self.stopping), float(self.saving)
        )
        self.stopping, self.saving = stopping > 0, saving > 0
        self._watch("loss", total, learning_rate)
        return total / max(1.0, collected), max(1.0, collected)

    def _loss(self, part: B, number: int, objective: Objective[B]) -> Loss:
        """The loss of a part of a step, with the draws that are its own."""
        masks = torch.Generator()
        masks.manual_seed(seed_at(self.settings.seed, MASKS, self.step, number))
        torch.manual_seed(seed_at(self.settings.seed, DROPOUT, self.step, number))
        return objective.loss(self.weights.computing, part, masks)

    def validate(self, validate: Validate | None) -> None:
        """Measure the averaged weights, or the weights themselves, in fp32; remember them if they are the best.

        Of several processes the leader measures; the others have nothing to measure with and take its figures.
        """
        shown = self.weights.named(self.average)
        figures: Mapping[str, float] | None = None
        if validate is not None:
            with self.weights.lent(shown):
                figures = {name: float(value) for name, value in validate(self.model).items()}
        figures = self.team.agreed(figures)
        self.weights.computing.train()
        now = Validation(self.step, figures)
        self.validations.append(now)
        monitor = self.settings.monitor
        if monitor is not None:
            if monitor not in figures:
                raise InvalidInput(
                    "There is no validation figure of the name that `monitor` gives.",
                    got=monitor,
                    expected="one of {names}",
                    names=", ".join(figures) or "-",
                )
            if self.best is None or is_better(monitor, figures[monitor], self.best.figures[monitor]):
                self.best = now
                if self.team.leads:
                    self.best_weights = {name: shown[name].clone() for name in self.weights.trained}

    @property
    def out_of_patience(self) -> bool:
        """Whether too many validations have passed without a better figure."""
        patience = self.settings.patience
        if patience is None or self.best is None:
            return False
        return sum(one.step > self.best.step for one in self.validations) >= patience

    @contextmanager
    def finished_at_last(self) -> Iterator[None]:
        """Leave the model in eval mode and fp32, whatever happens, with the best weights, the averaged or the last.

        Shares that could not be put together any more, for something failed, leave it without weights.
        """
        self.model.train()
        try:
            yield
        finally:
            if self.final is None and not self.weights.apart:
                self.final = self.weights.named(self.average)
            if self.final is not None:
                self.weights.settle(self.final | (self.best_weights or {}))
            self.model.eval()

    def shard(self) -> None:
        """From here on each process of the team holds its share of the weights, and of all that moves them."""
        from catenary.train.sharded import Sharded  # half a second of imports that few runs need

        assert isinstance(self.weights, Weights)
        state, average = self.optimiser.tensors(), self.average
        sharded = Sharded(self.weights, self.team)
        self.weights = sharded
        self.average = None if average is None else sharded.shares(average)
        self.optimiser = optimiser(sharded, self.settings)
        self.optimiser.restore(sharded.shared_state(state))
        sharded.computing.train()

    def gather(self) -> None:
        """At the end, by all processes: the weights as they are now, or averaged."""
        self.final = self.weights.named(self.average)

    def checkpoint(self, identity: str) -> Checkpoint:
        """Everything, as plain tensors and values; of several processes with shares, all make it together."""
        tensors = {f"buffer.{name}": tensor for name, tensor in self.weights.buffers.items()}
        tensors |= {f"best.{name}": tensor for name, tensor in (self.best_weights or {}).items()}
        for kind, shares in (("master", self.weights.masters), ("average", self.average)):
            if shares is not None:
                tensors |= {f"{kind}.{n}": whole for n, whole in enumerate(self.weights.whole(shares))}
        state = self.weights.whole_state(self.optimiser.tensors())
        tensors |= {f"optimiser.{name}": tensor for name, tensor in state.items()}
        tensors["losses"] = torch.tensor(self.losses, dtype=torch.float64)
        values = {
            "tokens": self.tokens,
            "seen": self.seen,
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
        for number, master in enumerate(self.weights.masters):
            master.copy_(found.tensors[f"master.{number}"])
            if self.average is not None:
                self.average[number] = found.tensors[f"average.{number}"]
        self.optimiser.restore(kept("optimiser."))
        self.weights.renew()
        self.best_weights = kept("best.") or None
        self.step = found.step
        self.tokens = found.values["tokens"]
        self.seen = found.values["seen"]
        self.losses = found.tensors["losses"].tolist()
        self.validations = [Validation(step, figures) for step, figures in found.values["validations"]]
        self.best = Validation(*found.values["best"]) if found.values["best"] else None

    @property
    def saves_now(self) -> bool:
        """Whether the leader asked for a checkpoint and this is the moment."""
        return self.saving and (self.stopping or self.is_calm)

    @property
    def is_calm(self) -> bool:
        """Whether this is a good moment for a checkpoint: the loss is not on the rise."""
        return is_calm(self.losses, self.settings.spike)

    def _watch(self, name: str, value: float, learning_rate: float) -> None:
        if not math.isfinite(value):
            raise self._diverged(
                Diverged(
                    "Training diverged at step {step}: the {name} is {value}.",
                    step=self.step + 1,
                    name=name,
                    value=value,
                    got=self._lately(learning_rate),
                    expected="a finite number",
                    next="lower learning_rate, or raise warmup",
                )
            )

    def _look_back(self, learning_rate: float) -> None:
        drawn = has_spiked(self.losses, self.settings.spike)
        if drawn is not None:
            raise self._diverged(
                Diverged(
                    "The loss has risen and stays up, at step {step}.",
                    step=self.step,
                    got=self._lately(learning_rate),
                    expected="{spike} deviations above the last mean at most: {mean} + {spike} × {deviation} = {limit}",
                    spike=f"{self.settings.spike:g}",
                    mean=f"{drawn.mean:.3g}",
                    deviation=f"{drawn.deviation:.2g}",
                    limit=f"{drawn.limit:.3g}",
                    next="lower learning_rate, look at the documents, or set `spike: null`",
                )
            )

    def _lately(self, learning_rate: float) -> str:
        return (
            f"losses: {', '.join(f'{loss:.3g}' for loss in self.losses[-FEW:]) or '-'}; "
            f"learning rate {learning_rate:.3g}; "
            f"documents of this step: {', '.join(map(str, self.lately[-1][:NAMED].tolist()))}"
            f"{' …' if len(self.lately[-1]) > NAMED else ''}"
        )

    def _diverged(self, error: Diverged) -> Diverged:
        error.documents = [documents.tolist() for documents in self.lately]
        return error


def seen_after(seen: str, documents: Ints) -> str:
    """The digest over all steps' documents, with those of one more step."""
    return hashlib.sha256(seen.encode() + np.ascontiguousarray(documents, np.int64).tobytes()).hexdigest()
