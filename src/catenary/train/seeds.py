"""Randomness as a function of where one stands.

Nothing random is carried from one step to the next: each step draws from generators seeded by the run's
seed and its own number. So there is no generator state to save, a resumed run draws what the uninterrupted
one would have drawn, and a validation in between changes nothing.
"""

from __future__ import annotations

import numpy as np

# One stream a use, so that no two uses draw the same numbers.
ORDER, DROPOUT, MASKS, VALIDATION_MASKS, CHOICE = range(5)


def seed_at(seed: int, stream: int, position: int, part: int = 0) -> int:
    """32 bits (what torch's CPU generator takes) that depend on all; `part`: of a step that is taken in several."""
    place = [seed, stream, position, *([part] if part else [])]
    return int(np.random.SeedSequence(place).generate_state(1)[0])


def order_generator(seed: int, epoch: int) -> np.random.Generator:
    """The generator that orders the documents of an epoch."""
    return np.random.default_rng([seed, ORDER, epoch])
