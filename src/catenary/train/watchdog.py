"""When to stop a run that goes wrong.

A loss or gradient that is no finite number stops it at once. A loss that rises stops it too: when the median of the
last FEW losses is more than `spike` standard deviations above the mean of the WINDOW before them. One hard batch moves
no median, so it takes a rise that stays. Deviations below LEAST count as that much: a loss that hardly moves would call
any movement a spike.

No checkpoint is written while the last loss is above that line: the newest on disk is from before the rise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median, pstdev

WINDOW, FEW = 100, 5  # steps
LEAST = 0.02  # nats: 1 % of the loss of a small language model


@dataclass(frozen=True)
class Line:
    """What losses should stay below: `mean + spike * deviation` of the window."""

    mean: float
    deviation: float
    limit: float


def line(losses: Sequence[float], spike: float | None) -> Line | None:
    """The line after these losses; None before there is a whole window to draw it from."""
    if spike is None or len(losses) < WINDOW + FEW:
        return None
    window = losses[-WINDOW - FEW : -FEW]
    mean, deviation = fmean(window), max(LEAST, pstdev(window))
    return Line(mean, deviation, mean + spike * deviation)


def has_spiked(losses: Sequence[float], spike: float | None) -> Line | None:
    """The line that the last losses are above, None while all is well."""
    drawn = line(losses, spike)
    return drawn if drawn is not None and median(losses[-FEW:]) > drawn.limit else None


def is_calm(losses: Sequence[float], spike: float | None) -> bool:
    """Whether the last loss is below the line: a good moment for a checkpoint."""
    drawn = line(losses, spike)
    return drawn is None or (math.isfinite(losses[-1]) and losses[-1] <= drawn.limit)
