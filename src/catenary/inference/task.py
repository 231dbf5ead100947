"""What a fine-tuned model is for, in `task.json` beside its weights: Hugging Face's config.json has no place for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from catenary.errors import Damaged
from catenary.files import write_whole

TASK_FILE = "task.json"
Name = Literal["classify", "tag", "read"]
Kind = Literal["one", "several", "number"]


@dataclass(frozen=True, slots=True)
class Task:
    """`kind`: a classifier gives each text one label, several, or a number. `thresholds`: from which probability on a
    label of several holds. `no_answer`: by how much an answer's score must beat that of none to be given (`read`)."""

    name: Name
    kind: Kind = "one"
    thresholds: Mapping[str, float] = field(default_factory=dict)
    no_answer: float = 0.0


def write_task(folder: Path, task: Task) -> None:
    """Write `task.json`."""
    text = json.dumps(asdict(task), ensure_ascii=False, indent=2, sort_keys=True)
    write_whole(folder / TASK_FILE, (text + "\n").encode())


def read_task(folder: Path) -> Task | None:
    """What `task.json` says, None where there is none: a model from elsewhere. Raises Damaged."""
    path = folder / TASK_FILE
    if not path.is_file():
        return None
    try:
        told = json.loads(path.read_text("utf-8"))
        task = Task(**told)
        thresholds = {str(name): float(value) for name, value in task.thresholds.items()}
        if task.name not in ("classify", "tag", "read") or task.kind not in ("one", "several", "number"):
            raise ValueError(task.name)
        return Task(task.name, task.kind, thresholds, float(task.no_answer))
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise Damaged("This file does not say what a model is for.", where=str(path), got=error) from error
