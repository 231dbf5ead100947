"""How the hidden Markov tagger counts."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class HmmSettings(BaseModel):
    """The settings of `fit_hmm`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    rare: Annotated[int, Field(ge=1)] = 10  # words seen at most so often teach the clues (Brants 2000, §2.3)
    suffix: Annotated[int, Field(ge=0, le=10)] = 3  # characters of a word's end that are looked at
    prior: Annotated[float, Field(gt=0)] = 1.0  # μ, in words: 0.1 … 2 tag held-out People's Daily alike
