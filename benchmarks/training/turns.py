"""The referee: sides take turns, and the ratios of each round are compared.

Beside the time by the clock stands that of the processor, which neighbours on a busy machine disturb less.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median


@dataclass
class Side:
    """A name to print and the command that runs it. `units`: tokens or samples of a step."""

    name: str
    command: list[str]
    rates: list[float] = field(default_factory=list)
    cpu_rates: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    peak_mb: float = 0.0
    process: subprocess.Popen[str] | None = None

    def start(self, log: Path) -> None:
        """Loads; nothing is timed yet."""
        with log.open("w") as errors:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
            )

    def ask(self, order: str) -> dict[str, object]:
        """Send an order, if any, and wait for the answer."""
        assert self.process is not None
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        if order:
            self.process.stdin.write(order + "\n")
            self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended: see its log")
        answer: dict[str, object] = json.loads(line)
        return answer


def race(
    what: str,
    unit: str,
    units_of_step: list[float],
    sides: list[Side],
    folder: Path,
    *,
    warmup: int,
    rounds: int,
    steps: int,
) -> None:
    """Ours is the first side. `units_of_step[i]` is what the i-th step is worth, warm-up included,
    where a side does not say itself."""
    started = []
    for number, side in enumerate(sides):
        side.start(folder / f"side-{number}.log")
        try:
            side.ask("")
            side.ask(f"go {warmup}")  # compiles
            started.append(side)
        except RuntimeError as error:
            print(f"  {error}: left out\n{(folder / f'side-{number}.log').read_text()[-2000:]}")
    for turn in range(rounds):
        first = warmup + turn * steps
        done = sum(units_of_step[first : first + steps])
        for side in started if turn % 2 == 0 else started[::-1]:
            told = side.ask(f"go {steps}")
            worth = float(str(told["units"])) or done
            side.rates.append(worth / float(str(told["seconds"])))
            side.cpu_rates.append(worth / float(str(told["cpu_seconds"])))
        latest = ", ".join(f"{side.rates[-1]:,.0f}" for side in started)
        print(f"  round {turn + 1} of {rounds}: {latest} {unit}/s", file=sys.stderr, flush=True)
    for side in started:
        last = side.ask("end")
        side.losses, side.peak_mb = list(last["losses"]), float(str(last["peak_mb"]))  # type: ignore[call-overload]
    _report(what, unit, started)


def _report(what: str, unit: str, sides: list[Side]) -> None:
    print(f"\n{what}  ({os.cpu_count()} processors)")
    ours = sides[0]
    for side in sides:
        spread = f"[{min(side.rates):,.0f} … {max(side.rates):,.0f}]"
        print(f"  {side.name:<40} {median(side.rates):>8,.0f} {unit}/s {spread:<18} {side.peak_mb:>6,.0f} MB")
    for side in sides[1:]:
        clock = median(a / b for a, b in zip(ours.rates, side.rates, strict=True))
        processor = median(a / b for a, b in zip(ours.cpu_rates, side.cpu_rates, strict=True))
        print(
            f"  we / {side.name:<35} {clock:>8.2f} × the speed by the clock, {processor:.2f} × by the processor's time,"
            f" {ours.peak_mb / side.peak_mb:.2f} × the memory"
        )
    count = min(len(side.losses) for side in sides)
    if count:
        shown = sorted({0, count // 2, count - 1})
        print("  loss at step " + ", ".join(str(step + 1) for step in shown))
        for side in sides:
            print(f"    {side.name:<42} " + "  ".join(f"{side.losses[step]:.4f}" for step in shown))
