"""What a run will take on this machine: seconds, tokens a second, peak memory. Needs no torch itself.

A model's cost is a + b · layers, and a step's is that of its parts and of the step. So models of one and of two layers,
else of the very shape, are trained for a few steps, once on each machine, and the rest is arithmetic. What was measured
is kept in the user's cache: it is no part of a recipe, and another machine has its own. What is measured on a busy
machine is wrong for an idle one, and the other way round.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catenary.digest import digest

FORMAT = 2
MOST_TOKENS = 4096  # of a part that is tried out; a larger one costs in proportion
SECONDS = 600  # a probe that takes longer is given up


@dataclass(frozen=True)
class Cost:
    """What parts and steps of a run take."""

    part_seconds: float
    step_seconds: float  # besides the parts: clipping, moving, averaging
    valid_token_seconds: float
    memory_bytes: int

    def seconds(self, steps: int, parts: int) -> float:
        """Of so many steps of so many parts."""
        return steps * (parts * self.part_seconds + self.step_seconds)


def forecast(wanted: Mapping[str, Any], part_tokens: int, *, measure: bool) -> Cost | None:
    """The cost of the model that `wanted` describes (see `probe`), with parts of so many tokens.

    None where this machine has not been measured for it and `measure` does not say to, or the measuring failed.
    """
    tokens = min(part_tokens, MOST_TOKENS)
    layers: int = wanted["shape"]["num_hidden_layers"]
    tried = {n: _tried({**wanted, "tokens": tokens, "layers": n}, measure) for n in (1, 2)}
    one, two = tried[1], tried[2]
    if one is None or two is None:
        return None
    first, second = one, two

    def at(name: str) -> float:
        return max(first[name] + (layers - 1) * (second[name] - first[name]), first[name])

    return Cost(
        at("part_seconds") * part_tokens / tokens,
        at("step_seconds"),
        at("valid_token_seconds"),
        round(at("memory_bytes")),
    )


def _tried(wanted: Mapping[str, Any], measure: bool) -> dict[str, float] | None:
    # The layers that are asked about are no part of what is tried.
    shape = {name: value for name, value in wanted["shape"].items() if name != "num_hidden_layers"}
    wanted = {**wanted, "shape": shape}
    return remembered(wanted, (lambda: _probed(wanted)) if measure else None)


def _probed(wanted: Mapping[str, Any]) -> dict[str, float] | None:
    try:
        told = subprocess.run(
            [sys.executable, "-m", "catenary.train.probe"],
            input=json.dumps(wanted),
            capture_output=True,
            text=True,
            check=True,
            timeout=SECONDS,
        ).stdout
        found: dict[str, float] = json.loads(told)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return found


def remembered(
    wanted: Mapping[str, Any], measure: Callable[[], dict[str, float] | None] | None
) -> dict[str, float] | None:
    """What this machine once took for `wanted`, or takes now by `measure`, which is kept; None where neither says."""
    path = _cache() / f"{digest([FORMAT, _machine(), wanted])}.json"
    try:
        kept: dict[str, float] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        pass
    else:
        return kept
    found = measure() if measure else None
    if found is None:
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}")
    part.write_text(json.dumps(found), "utf-8")
    part.replace(path)
    return found


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "catenary" / "forecasts"


def _machine() -> list[Any]:
    """What another figure is to be expected from."""
    from importlib.metadata import version

    return [platform.machine(), platform.processor(), _cpu(), os.cpu_count(), version("torch"), _threads()]


def _threads() -> str | None:
    return os.environ.get("OMP_NUM_THREADS")


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return ""
    return next((line for line in lines if line.startswith("model name")), "")
