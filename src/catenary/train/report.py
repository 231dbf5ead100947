"""What a training run tells of itself: a value without clock times, so that the same run tells the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import numpy as np
from pydantic import BaseModel
from torch import nn

from catenary.train.best_and_worst import Samples
from catenary.train.loop import Fit
from catenary.train.settings import TrainSettings

CURVE_POINTS = 200
SETTINGS_FILE = "training.json"


class TrainReport(TypedDict):
    """`curve`: [step, mean loss of the steps up to it]; `validations`: a figure each, with its `step`."""

    parameters: int
    documents: int
    steps: int
    tokens: int
    curve: list[list[float]]
    validations: list[dict[str, float]]
    valid: dict[str, float]  # of the weights that were kept; empty without validation texts
    samples: NotRequired[Samples]  # of the validation texts, where the objective tells them apart


def train_report(model: nn.Module, fitted: Fit, documents: int) -> TrainReport:
    """The report of a finished run."""
    kept = fitted.best or (fitted.validations[-1] if fitted.validations else None)
    return {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "documents": documents,
        "steps": fitted.steps,
        "tokens": fitted.tokens,
        "curve": thinned(fitted.losses),
        "validations": [{"step": one.step, **one.figures} for one in fitted.validations],
        "valid": dict(kept.figures) if kept is not None else {},
    }


def thinned(losses: Sequence[float], points: int = CURVE_POINTS) -> list[list[float]]:
    """At most `points` pairs [step, mean loss of the steps since the pair before]."""
    parts = np.array_split(np.asarray(losses), min(points, len(losses))) if losses else []
    ends = np.cumsum([len(part) for part in parts])
    return [[int(end), float(part.mean())] for end, part in zip(ends, parts, strict=True)]


def write_settings(folder: Path, settings: TrainSettings, objective: BaseModel) -> None:
    """Keep beside the weights how they were trained."""
    told: dict[str, Any] = {
        "objective": {"name": type(objective).__name__, **objective.model_dump(mode="json")},
        "settings": settings.model_dump(mode="json"),
    }
    text = json.dumps(told, indent=2, sort_keys=True, ensure_ascii=False)
    (folder / SETTINGS_FILE).write_text(text + "\n", "utf-8")
