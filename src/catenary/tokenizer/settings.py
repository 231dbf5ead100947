"""What a chain may say of a tokenizer; `train.py` tells what the kinds are."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from catenary.errors import InvalidInput
from catenary.tokenizer.special import SPECIAL_TOKENS

Kind = Literal["bpe", "byte_bpe", "unigram", "wordpiece", "char"]
BYTES = 256


class TokenizerSettings(BaseModel):
    """What a chain says about a tokenizer. `vocab_size` counts the seven special tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: Kind = "bpe"
    vocab_size: int = Field(default=8000, gt=len(SPECIAL_TOKENS))
    min_frequency: int = Field(default=2, ge=1)  # a merge must occur so often
    lowercase: bool = False

    @model_validator(mode="after")
    def _room_for_bytes(self) -> TokenizerSettings:
        if self.kind == "byte_bpe" and self.vocab_size < BYTES + len(SPECIAL_TOKENS):
            raise InvalidInput(
                "A vocabulary over bytes needs room for all of them.",
                got=self.vocab_size,
                expected="at least {least}",
                least=BYTES + len(SPECIAL_TOKENS),
            )
        return self
