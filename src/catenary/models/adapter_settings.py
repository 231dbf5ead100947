"""What a chain may say of an adapter; `adapters.py` has what it does."""

from __future__ import annotations

import math

from pydantic import BaseModel, ConfigDict, Field

ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
FEED_FORWARD = ("gate_proj", "up_proj", "down_proj")


class LoraSettings(BaseModel):
    """An adapter's shape. `targets`: layers by their last name (`q_proj`) or a glob over the whole
    (`*.layers.1?.mlp.*`); `alpha` is twice the rank where left out."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    rank: int = Field(16, ge=1)
    alpha: float | None = Field(None, gt=0, description="twice the rank where left out")
    dropout: float = Field(0.0, ge=0, lt=1, description="of what the adapter reads")
    targets: tuple[str, ...] = Field(
        ATTENTION + FEED_FORWARD, min_length=1, strict=False, description="layers, by last name or glob"
    )
    rslora: bool = Field(False, description="scale by α/√r in place of α/r")
    dora: bool = Field(False, description="learn each row's length apart from its direction")

    @property
    def scale(self) -> float:
        """s"""
        alpha = 2.0 * self.rank if self.alpha is None else self.alpha
        return alpha / math.sqrt(self.rank) if self.rslora else alpha / self.rank
