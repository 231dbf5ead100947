"""What each model said of each item, a line an item."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catenary.files import write_whole

if TYPE_CHECKING:
    from catenary.evaluate.ask import Asked


def write_answers(path: Path, asked: Asked) -> None:
    """A .jsonl file: the item, its prompt, and each model's answer."""
    lines = []
    for at, item in enumerate(asked.task.items):
        row = {"item": at + 1, **item, "said": {name: _said(told, at) for name, told in asked.told.items()}}
        if asked.task.kind not in ("tag", "dialogue"):
            row["asked"] = asked.task.asked(at)
        lines.append(json.dumps(row, ensure_ascii=False, default=str))
    write_whole(path, ("\n".join(lines) + "\n").encode("utf-8", "replace"))


def _said(told: Any, at: int) -> Any:
    return told.labels[at] if hasattr(told, "labels") else told[at]
