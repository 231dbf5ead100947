"""`catenary.lock`: what every link resolved to, beside the chain file, for people and version control.

It is an output, never an input: the ids in it follow from the chain file, the sources and the stages' versions.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from catenary.chain.plan import Plan
from catenary.files import json_blocks

LOCK_NAME = "catenary.lock"


def write_lock(plan: Plan) -> None:
    """Write the resolved settings and ids; untouched where nothing changed."""
    path = plan.chain.folder / LOCK_NAME
    locked = {
        "schema": 1,
        "project": plan.chain.project.name,
        "links": {
            step.link.full_name: {
                "id": step.id,
                "stage": f"{step.link.stage.name} {step.link.stage.version}",
                "settings": step.settings,
                "inputs": step.inputs,
            }
            for step in plan.steps
        },
    }
    if _holds(path, locked):
        return
    temporary = path.with_name(f".{LOCK_NAME}.{os.getpid()}")
    with temporary.open("wb") as file:
        file.writelines(json_blocks(locked))
    temporary.replace(path)


def _holds(path: Path, value: Any) -> bool:
    with suppress(FileNotFoundError), path.open("rb") as file:
        return all(file.read(len(block)) == block for block in json_blocks(value)) and not file.read(1)
    return False
