"""Tables that `catenary apply` wrote, and figures with their intervals, as the measures print them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from catenary.evaluate.estimate import Estimate
from catenary.evaluate.intervals import bootstrap, wilson

Row = dict[str, str]


def table(path: str) -> list[Row]:
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def mean(scores: Sequence[float]) -> str:
    return ratio([(score, 1.0) for score in scores])


def ratio(parts: Sequence[tuple[float, float]]) -> str:
    """The sum of the firsts by that of the seconds; items are drawn as a whole."""
    return drawn(parts, lambda s: s[..., 0] / np.maximum(s[..., 1], 1e-9))


def drawn(items: Sequence[Sequence[float]], statistic: Callable[[Any], Any]) -> str:
    return shown(bootstrap(np.array(items, float), np.ones(len(items), np.int64), statistic))


def share(right: Sequence[bool]) -> str:
    return shown(wilson(sum(right), len(right)))


def shown(one: Estimate) -> str:
    return f"{one.value:.3f} [{one.low:.2f}, {one.high:.2f}]"


def line(*cells: object) -> None:
    print(f"| {' | '.join(str(cell) for cell in cells)} |")


def head(*cells: str) -> None:
    print()
    line(*cells)
    print("| --- " * len(cells) + "|")
