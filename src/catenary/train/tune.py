"""From a pretrained encoder with a new head to a folder that serves: what all fine-tuning has in common."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel
from torch import nn

from catenary.files import write_whole
from catenary.inference.task import Task, write_task
from catenary.models import Model, copy_companions, save
from catenary.progress import SILENT, Progress
from catenary.train.batches import Batches
from catenary.train.loop import CHECKPOINT_SECONDS, Fit, fit
from catenary.train.objectives.measured import Measured
from catenary.train.report import TrainReport, train_report, write_settings
from catenary.train.settings import LaunchSettings, TrainSettings

PROBLEM_TYPES = {"several": "multi_label_classification", "number": "regression"}


@dataclass(frozen=True)
class Session:
    """Where a run keeps its state, and to whom it tells how far it is."""

    state: Path | None = None
    progress: Progress = SILENT
    checkpoint_seconds: float = CHECKPOINT_SECONDS
    what: str = "Fine-tuning"
    launch: LaunchSettings = field(default_factory=LaunchSettings)


def learn(
    model: nn.Module,
    batches: Batches,
    objective: Measured,
    settings: TrainSettings,
    valid: Batches,
    session: Session,
) -> Fit:
    """`fit`, measured on `valid` where that holds anything."""
    return fit(
        model,
        batches,
        objective,
        settings,
        state=session.state,
        progress=session.progress,
        validate=(lambda m: objective.measure(m, valid)) if len(valid.rows) else None,
        checkpoint_seconds=session.checkpoint_seconds,
        what=session.what,
        processes=session.launch.processes,
        sharding=session.launch.sharding,
    )


def keep(model: Model, out: Path, init: Path, settings: TrainSettings, told: BaseModel, task: Task) -> None:
    """Write the model with its tokenizer, how it was trained and what it is for."""
    save(model, out)
    if task.kind in PROBLEM_TYPES:
        _say_problem_type(out, PROBLEM_TYPES[task.kind])
    copy_companions(init, out)
    write_settings(out, settings, told)
    write_task(out, task)


def _say_problem_type(folder: Path, name: str) -> None:
    """Hugging Face's name for the kind of classification, which its own classes choose their loss by."""
    path = folder / "config.json"
    config = json.loads(path.read_text("utf-8")) | {"problem_type": name}
    write_whole(path, (json.dumps(config, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode())


def reported(model: Model, fitted: Fit, documents: int) -> TrainReport:
    """The report of a run on so many documents."""
    return train_report(model, fitted, documents)
