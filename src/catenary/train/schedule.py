"""The learning rate over the steps of a run."""

from __future__ import annotations

import math
from typing import Literal


def rate(
    step: int,
    steps: int,
    *,
    schedule: Literal["linear", "cosine", "constant"] = "linear",
    warmup: float = 0.0,
) -> float:
    """The share of the peak learning rate to use at `step` of `steps` (counted from 0): 0 < rate <= 1.

    It rises linearly over the first `warmup` share of the steps (Goyal et al. 2017, §2.2), reaches 1, and
    then falls to 0 just after the last step: in a line, as half a cosine (Loshchilov and Hutter 2017), or
    not at all.
    """
    rising = math.ceil(warmup * steps)
    if step < rising:
        return (step + 1) / (rising + 1)
    if schedule == "constant":
        return 1.0
    fallen = (step - rising) / max(1, steps - rising)
    return 1.0 - fallen if schedule == "linear" else 0.5 * (1.0 + math.cos(math.pi * fallen))
