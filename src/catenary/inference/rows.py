"""Rows of answers that are written together, a token each in a step: what an engine gives to be written with.

B rows · V vocabulary
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.float32]


class Rows(Protocol):
    """Rows that have read their prompts."""

    def read(self, tokens: Sequence[int]) -> Logits:
        """Read one more token a row; the logits (B, V) of the one after it."""

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows, in this order; one may come several times."""


class RowsModel(Protocol):
    """A model that starts rows. Safe to call from several threads."""

    def start(self, prompts: Sequence[Sequence[int]], new_tokens: int) -> tuple[Rows, Logits]:
        """Rows that have read `prompts`, with room for `new_tokens` each, and the logits (B, V) of what comes first."""

    def row_bytes(self, prompt_tokens: int, new_tokens: int) -> int:
        """What one row keeps while it is written."""
