"""`catenary.lock`: what every link resolved to, beside the chain file, for people and version control.

It is an output, never an input: the ids in it follow from the chain file, the sources and the stages' versions.
"""

from __future__ import annotations

import json
import os

from catenary.chain.plan import Plan

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
    text = json.dumps(locked, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    if path.exists() and path.read_text("utf-8") == text:
        return
    temporary = path.with_name(f".{LOCK_NAME}.{os.getpid()}")
    temporary.write_text(text, "utf-8")
    temporary.replace(path)
