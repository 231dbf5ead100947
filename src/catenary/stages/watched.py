"""What a link that trains will take on this machine: its own first steps on its own inputs, watched and broken off.

    FINETUNE = Stage(…, forecast=watched)

Nothing is kept of them but times. Where an input is not made yet, there is nothing to start from: None.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Mapping
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import fmean
from typing import Any, Protocol

from catenary.chain.stage import Estimate, Known, Stage, Work
from catenary.digest import file_sha256
from catenary.memory import peak_bytes
from catenary.store import Artifact
from catenary.train.forecast import remembered

STEPS = 8  # before the one validation that is waited for
SECONDS = 12.0  # quick steps are watched for so long, up to
MOST_STEPS = 1000
PATIENCE = 600  # seconds
WRITING = 200e6  # bytes of a model a second
# Several models, or a teacher's answers before the first step: one run's steps do not say how long it all takes.
OTHERS_FIRST = ("folds", "teacher", "from_samples", "unlabelled")


class Trained(Protocol):
    """What is asked of the settings of a link that trains."""

    epochs: int | None
    eval_every: int | None

    def model_copy(self, *, update: Mapping[str, Any]) -> Trained: ...


def watched(settings: Any, known: Mapping[str, Known], measure: bool) -> Estimate | None:
    """By the link's own first steps, watched once on each machine; None where that cannot be, or `measure` is False."""
    inputs = {role: one.artifact for role, one in known.items() if one.artifact is not None}
    if len(inputs) < len(known) or any(getattr(settings, name, None) for name in OTHERS_FIRST):
        return None
    stage = _stage_of(settings)
    wanted = {
        "stage": [stage.name, stage.version],
        "settings": stage.recipe_of(settings),
        "inputs": {role: artifact.id for role, artifact in inputs.items()},
    }
    lineage = {role: one.ancestors for role, one in known.items()}
    found = remembered(wanted, (lambda: _watch(settings, inputs, lineage)) if measure else None)
    if found is None:
        return None
    written = stage.estimate(settings, [artifact.manifest.size for artifact in inputs.values()]).disk_bytes
    steps = found["steps"]
    validations = steps // settings.eval_every if settings.eval_every else (settings.epochs or 1)
    return Estimate(
        found["start_seconds"]
        + steps * found["step_seconds"]
        + (validations + 1) * found["valid_seconds"]  # and once more for the best and the worst documents
        + written / WRITING,
        round(found["memory_bytes"]),
        written,
    )


def _watch(
    settings: Trained, inputs: Mapping[str, Artifact], lineage: Mapping[str, tuple[Artifact, ...]]
) -> dict[str, float] | None:
    """What the process that works tells, or None where it ended without a word."""
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    folder = Path(tempfile.mkdtemp(prefix="catenary-"))
    process = context.Process(
        target=_work, args=(theirs, settings, dict(inputs), dict(lineage), folder, time.time()), daemon=True
    )
    try:
        process.start()
        theirs.close()
        return ours.recv() if ours.poll(PATIENCE) else None
    except EOFError:
        return None
    finally:
        process.kill()
        process.join()
        shutil.rmtree(folder, ignore_errors=True)


def _work(
    told: Connection,
    settings: Trained,
    inputs: dict[str, Artifact],
    lineage: dict[str, tuple[Artifact, ...]],
    folder: Path,
    began: float,
) -> None:
    """In a process of its own: the stage's work, until enough has been seen of it."""
    stage = _stage_of(settings)
    above = {artifact.id: lineage[role] for role, artifact in inputs.items()}
    watch = Watch(began)
    (folder / "out").mkdir()
    (folder / "state").mkdir()
    work: Work[Any] = Work(
        link="",
        settings=settings.model_copy(update={"eval_every": STEPS, "patience": None}),
        inputs=inputs,
        names={role: role for role in inputs},
        content={},
        base=folder,
        out=folder / "out",
        state=folder / "state",
        progress=watch,
        ancestors=lambda id: above.get(id, ()),
        sha_of=file_sha256,
    )
    with contextlib.suppress(Enough):
        stage.run(work)
    seen = watch.seen()
    if seen is not None:
        told.send(seen)


class Enough(Exception):
    """The steps so far say what the rest will take."""


class Watch:
    """A Progress that takes the time of each step, and breaks off when it has seen enough."""

    def __init__(self, began: float) -> None:
        self.began = began  # as time.time() has it: another process's clock
        self.total = 0
        self.ready = self.last = 0.0
        self.steps: list[float] = []
        self.validations: list[float] = []
        self.validated = False

    def begin(self, what: str, total: float | None, unit: str) -> None:
        """A phase of steps is the training."""
        if unit == "steps" and total:
            self.total = int(total)
            self.ready = self.last = time.time()

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        """A validation's figures come before its step is told."""
        self.validated = self.validated or name.startswith("valid_")

    def advance(self, amount: float, **figures: float) -> None:
        """Raises Enough."""
        if not self.total or not amount or "loss" not in figures:
            return
        now = time.time()
        (self.validations if self.validated else self.steps).append(now - self.last)
        self.last, self.validated = now, False
        count = len(self.steps) + len(self.validations)
        if count >= self.total or count >= MOST_STEPS or (count >= STEPS and now - self.ready > SECONDS):
            raise Enough

    def seen(self) -> dict[str, float] | None:
        """What a start, a step and a validation take; None where no step was seen."""
        if not self.steps:
            return None
        half = len(self.steps) // 2  # the first steps make kernels and memory, for each new length again
        step = fmean(self.steps[half:])
        valid = max(0.0, min(self.validations, default=step) - step)
        extra = sum(self.steps[:half]) - half * step
        return {
            "start_seconds": self.ready - self.began + max(0.0, extra),
            "step_seconds": step,
            "valid_seconds": valid,
            "steps": self.total,
            "memory_bytes": peak_bytes(),
        }


def _stage_of(settings: Any) -> Stage[Any]:
    from catenary.stages import STAGES

    return next(stage for stage in STAGES if stage.settings is type(settings))
