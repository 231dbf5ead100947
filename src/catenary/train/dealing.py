"""What the loop asks of those who bring the data: nothing but which documents a step sees, and a value to train on.

Padded rows (`batches.Batches`) are one answer. Packed streams, pairs, spans or what a decoder has to say are others:
whatever is in a batch is between the dealer and its objective, which share its type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from catenary.train.settings import TrainSettings


class Dealt(Protocol):
    """The data of a step, or of a part of one."""

    @property
    def documents(self) -> NDArray[np.int64]:
        """Which rows of the training data are in it: numbers in the order of the data."""

    @property
    def tokens(self) -> int:
        """Real ones: padding is not counted."""

    def split(self, parts: int) -> Sequence[Self]:
        """The same in at most `parts` parts, none empty, each about as much work."""


B = TypeVar("B", bound=Dealt)
B_co = TypeVar("B_co", bound=Dealt, covariant=True)
B_contra = TypeVar("B_contra", bound=Dealt, contravariant=True)


class Dealer(Protocol[B_co]):
    """Deals training data out in steps: a function of its data, its settings and the step alone, pass after pass.

    Batches are made ahead of their step in another thread (`ahead`): making one must draw nothing from torch's global
    generator.
    """

    @property
    def identity(self) -> str:
        """Equal for equal data in equal order."""

    def extent(self, settings: TrainSettings) -> tuple[int, list[int]]:
        """The steps that `settings` asks for, and how many are done at the end of each pass among them."""

    def documents_from(self, step: int) -> Iterator[NDArray[np.int64]]:
        """The documents of each step from the `step`-th (from 0) on, without end; cheap: no batch is made."""

    def from_step(self, step: int) -> Iterator[B_co]:
        """What each step from the `step`-th on is trained on, without end."""


class HeldOut(Protocol[B_co]):
    """Data that a model is measured on."""

    def in_order(self) -> Iterator[B_co]:
        """All of it once, always in the same order."""


def extent_of(settings: TrainSettings, steps_in: Callable[[int], int]) -> tuple[int, list[int]]:
    """The steps that `settings` asks for, and how many are done at the end of each pass among them, of a dealer whose
    `epoch`-th pass has `steps_in(epoch)` steps."""
    passes, least = settings.epochs or 0, settings.steps or settings.least_steps
    ends = [0]
    while len(ends) <= passes or ends[-1] < least:
        ends.append(ends[-1] + steps_in(len(ends) - 1))
    steps = settings.steps or ends[-1]
    return steps, [end for end in ends[1:] if end <= steps]
