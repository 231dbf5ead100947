"""The loop: batches in, better weights out; a run that was killed goes on as if it had not been.

`fit` is bit-exact: on one type of machine, with one number of threads and one version of torch, the same
model, data and settings give the same bits, whether the run was interrupted or not. Another processor or
number of threads sums in another order and gives another rounding.
"""

from __future__ import annotations

import time
from copy import deepcopy
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from torch import nn

from catenary.digest import digest
from catenary.errors import Interrupted
from catenary.progress import SILENT, Progress
from catenary.train.ahead import ahead
from catenary.train.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from catenary.train.dealing import B, Dealer
from catenary.train.interrupt import StopRequest
from catenary.train.memory import kept_memory
from catenary.train.objectives.objective import Objective
from catenary.train.run import Run, Validate, Validation
from catenary.train.settings import Sharding, TrainSettings, require_shardable
from catenary.train.team import Team, team_of
from catenary.train.weights import weights_sha256

CHECKPOINT_SECONDS = 15.0  # what a kill may cost
# At most this share of the time goes into writing checkpoints.
WRITING_SHARE = 0.05


@dataclass(frozen=True)
class Fit:
    """A finished run. `losses`: one a step; `best`: the validation whose weights were kept, if asked for."""

    steps: int
    tokens: int
    losses: list[float]
    validations: list[Validation]
    best: Validation | None
    resumed_from: int  # step; 0 for a run that started anew
    seconds: float  # of this call
    seen: str  # a digest over the documents of all steps; see exposures.py


def fit(
    model: nn.Module,
    batches: Dealer[B],
    objective: Objective[B],
    settings: TrainSettings,
    *,
    state: Path | None = None,
    progress: Progress = SILENT,
    validate: Validate | None = None,
    what: str = "Training",
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    processes: int = 1,
    sharding: Sharding = "none",
) -> Fit:
    """Train `model` in place; it is left in eval mode, in fp32, with the weights that `settings` asks to keep.

    With `state`, the run is saved there about every `checkpoint_seconds` and goes on from what it finds
    there. Ctrl-C and SIGTERM end it after the step in hand, with a checkpoint: it raises Interrupted.
    Raises Diverged when the loss or the gradient is infinite or no number, or the loss has spiked (`watchdog`); the
    checkpoint in `state` is then from before.

    With several `processes`, each takes some of the parts (`accumulate`) of every step: the losses are those of one
    process but for rounding, and a run goes on with any number of them. Raises ProcessLost when one of them ends.
    `sharding="fsdp2"`: each process holds its share of the weights and the optimiser's state (sharded.py).
    """
    began = time.monotonic()
    require_shardable(settings, sharding)
    steps, epoch_ends = batches.extent(settings)
    run = Run.start(model, settings)
    identity = digest(
        [
            settings.model_dump(mode="json"),
            batches.identity,
            objective.identity,
            weights_sha256(run.weights.named()),
        ]
    )
    found = read_checkpoint(state, identity) if state is not None else None
    if found is not None:
        run.restore(found)
    resumed_from, tokens_before = run.step, run.tokens
    progress.begin(what, steps, "steps")
    progress.advance(run.step)

    # Other processes start from here too: from copies, for what is sent is shared.
    begun = () if processes == 1 else (deepcopy(model), settings, deepcopy(run.checkpoint(identity)))
    with (
        torch.random.fork_rng(devices=[]),
        kept_memory(),
        run.finished_at_last(),
        team_of(
            processes,
            settings.accumulate,
            _follow,
            *begun,
            batches,
            objective,
            validate is not None,
            sharding,
        ) as run.team,
        ahead(islice(batches.from_step(run.step), steps - run.step)) as dealt,
        StopRequest() as stop,
    ):
        if sharding != "none" and processes > 1:
            run.shard()
        saved, pause = time.monotonic(), checkpoint_seconds

        def asked() -> tuple[bool, bool]:
            due = time.monotonic() - saved > pause
            return stop.asked, state is not None and (stop.asked or due)

        for batch in dealt:
            if run.out_of_patience:
                break
            run.stopping, run.saving = asked()
            learning_rate = run.rate(steps)
            run.take(batch, objective, learning_rate)
            if validate is not None and _is_due(run.step, steps, settings.eval_every, epoch_ends):
                run.validate(validate)
                for name, value in run.validations[-1].figures.items():
                    progress.metric(f"valid_{name}", value, run.step)
            progress.metric("train_loss", run.losses[-1], run.step)
            progress.advance(
                1,
                loss=run.losses[-1],
                lr=learning_rate,
                tokens_per_second=(run.tokens - tokens_before) / (time.monotonic() - began),
            )
            if processes == 1:  # several stop and save after the step in which all were told of it
                run.stopping, run.saving = asked()
            if state is not None and run.saves_now:
                writing = time.monotonic()
                write_checkpoint(state, run.checkpoint(identity))
                saved = time.monotonic()
                pause = max(checkpoint_seconds, (saved - writing) / WRITING_SHARE)
            if run.stopping:
                raise _interrupted(run.step, steps, saved=state is not None)
        run.gather()
    return Fit(
        steps=run.step,
        tokens=run.tokens,
        losses=run.losses,
        validations=run.validations,
        best=run.best,
        resumed_from=resumed_from,
        seconds=time.monotonic() - began,
        seen=run.seen,
    )


def _follow(
    team: Team,
    model: nn.Module,
    settings: TrainSettings,
    begun: Checkpoint,
    batches: Dealer[B],
    objective: Objective[B],
    validates: bool,
    sharding: Sharding,
) -> None:
    """The same steps as the leader's, in another process."""
    steps, epoch_ends = batches.extent(settings)
    # What was sent lies in memory that all processes see: each moves copies of its own.
    run = Run.start(deepcopy(model), settings, team)
    run.restore(deepcopy(begun))
    run.model.train()
    if sharding != "none":
        run.shard()
    with kept_memory(), ahead(islice(batches.from_step(run.step), steps - run.step)) as dealt:
        for batch in dealt:
            if run.out_of_patience:
                break
            run.take(batch, objective, run.rate(steps))
            if validates and _is_due(run.step, steps, settings.eval_every, epoch_ends):
                run.validate(None)
            if run.weights.apart and run.saves_now:
                run.checkpoint("")  # the leader writes it; its shares come from all
            if run.stopping:
                return
        if run.weights.apart:
            run.gather()


def _is_due(step: int, steps: int, every: int | None, epoch_ends: list[int]) -> bool:
    return step == steps or (step % every == 0 if every is not None else step in epoch_ends)


def _interrupted(step: int, steps: int, *, saved: bool) -> Interrupted:
    if saved:
        return Interrupted(
            "Training was stopped after step {step} of {steps}.",
            step=step,
            steps=steps,
            next="run the same again: it goes on from this step",
        )
    return Interrupted(
        "Training was stopped after step {step} of {steps}; nothing was saved.", step=step, steps=steps
    )
