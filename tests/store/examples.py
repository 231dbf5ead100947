"""Runs the example in a room's docstring."""

from __future__ import annotations

import textwrap
from types import ModuleType


def run_example(room: ModuleType) -> None:
    """Run the indented lines of what the room says of itself."""
    lines = (room.__doc__ or "").splitlines()
    code = [line for line in lines if line.startswith("    ") or not line.strip()]
    assert any(code), room
    exec(compile(textwrap.dedent("\n".join(code)), f"{room.__name__}.__doc__", "exec"), {})
