"""Which numbers a model computes with."""

from __future__ import annotations

from functools import cache
from typing import Literal

import torch


def compute_dtype(precision: Literal["auto", "fp32", "bf16"]) -> torch.dtype:
    """What the model's own copy of the weights is in, and so its products and activations.

    The masters, the optimiser, the averages and the losses are fp32 in both cases (`weights.py`); bf16 has the range
    of fp32 and needs no loss scaling (Kalamkar et al. 2019). `auto` is bf16 where the processor multiplies it and
    fp32 where torch would have to emulate it, many times slower. A recipe with `auto` gives the same bits on machines
    of one type, which is all that floating-point sums allow anyway.
    """
    bf16 = precision == "bf16" or (precision == "auto" and has_bf16())
    return torch.bfloat16 if bf16 else torch.float32


@cache
def has_bf16() -> bool:
    """Whether the processor multiplies bf16 in hardware."""
    return torch.cpu._is_avx512_bf16_supported()
