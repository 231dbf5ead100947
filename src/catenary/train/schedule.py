"""The learning rate over the steps of a run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from catenary.train.settings import is_better


def rate(
    step: int,
    steps: int,
    *,
    schedule: Literal["linear", "cosine", "constant", "wsd", "plateau"] = "linear",
    warmup: float = 0.0,
    decay: float = 0.2,
) -> float:
    """The share of the peak learning rate to use at `step` of `steps` (counted from 0): 0 < rate <= 1.

    It rises linearly over the first `warmup` share of the steps (Goyal et al. 2017, §2.2), reaches 1, and
    then falls to 0 just after the last step: in a line, as half a cosine (Loshchilov and Hutter 2017), in a line over
    the last `decay` share of the steps (wsd: warm-up, stable, decay; Hu et al. 2024, 2404.06395, §4), or not at all
    (plateau: see `reductions`).
    """
    rising = math.ceil(warmup * steps)
    if step < rising:
        return (step + 1) / (rising + 1)
    if schedule in ("constant", "plateau"):
        return 1.0
    if schedule == "wsd":
        falling = max(1, math.ceil(decay * steps))
        return min(1.0, (steps - step) / falling)
    fallen = (step - rising) / max(1, steps - rising)
    return 1.0 - fallen if schedule == "linear" else 0.5 * (1.0 + math.cos(math.pi * fallen))


def reductions(monitor: str, values: Sequence[float], patience: int) -> int:
    """How often `patience` validations in a row have passed without a better value than the best before them.

    A function of what was measured, so nothing of it has to be saved.
    """
    count = waited = 0
    best: float | None = None
    for value in values:
        if best is None or is_better(monitor, value, best):
            best, waited = value, 0
            continue
        waited += 1
        if waited == patience:
            count, waited = count + 1, 0
    return count
