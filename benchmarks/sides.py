"""Two ways of doing the same work, taking turns."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

Work = Callable[[], float]
"""Does the work once and returns how many units of it were done."""

ROUNDS = 5


@dataclass(frozen=True)
class Side:
    """A name to print, and the work."""

    name: str
    work: Work


def race(what: str, unit: str, ours: Side, peer: Side, rounds: int = ROUNDS) -> float:
    """Print both sides' median rate in `unit` a second, its range and the median time, and return ours over theirs."""
    rates: dict[str, list[float]] = {ours.name: [], peer.name: []}
    times: dict[str, list[float]] = {ours.name: [], peer.name: []}
    for side in (ours, peer):
        side.work()  # the first time loads and compiles
    for _ in range(rounds):
        for side in (ours, peer):
            began = time.perf_counter()
            done = side.work()
            times[side.name].append(time.perf_counter() - began)
            rates[side.name].append(done / times[side.name][-1])
    print(f"\n{what}")
    for name, found in rates.items():
        spread = f"[{min(found):,.0f} … {max(found):,.0f}]"
        print(f"  {name:<58} {median(found):>10,.0f} {unit}/s   {spread}   {median(times[name]):.2f} s")
    ratio = median(rates[ours.name]) / median(rates[peer.name])
    print(f"  ratio {ratio:.2f}")
    return ratio
