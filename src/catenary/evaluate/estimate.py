"""A figure and how far it can be trusted: no metric leaves this room without its interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Method = Literal["wilson", "bca", "percentile"]

LEVEL = 0.95
RESAMPLES = 2000  # Efron & Tibshirani 1993, §14.2: BCa wants 1,000 or more


@dataclass(frozen=True, slots=True)
class Estimate:
    """`value`, measured on `n` items, and the interval `low` to `high` that covers the true one at `level`."""

    value: float
    low: float
    high: float
    n: int
    level: float = LEVEL
    method: Method = "bca"

    def __str__(self) -> str:
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}] (n={self.n:,})"
