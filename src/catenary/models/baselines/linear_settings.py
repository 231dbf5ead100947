"""How texts become the features of the linear control, and how hard its weights are held back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from catenary.errors import InvalidInput

Analysis = Literal["characters", "characters_in_words", "words"]
Length = Annotated[int, Field(ge=1, le=8)]

# Written without spaces between words: Chinese, Japanese, Thai, Lao, Khmer, Burmese.
SPACELESS = frozenset({"zh", "ja", "th", "lo", "km", "my"})


class LinearSettings(BaseModel):
    """The settings of `fit_linear`. `ngrams` are the least and the most characters (or words) in one feature."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    analysis: Analysis = "characters"
    ngrams: Annotated[tuple[Length, Length], Field(strict=False)] = (1, 3)
    min_df: Annotated[int, Field(ge=1)] = 2  # documents that a feature must stand in
    sublinear: bool = True
    C: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 10.0  # best of 1, 3, 10 on held-out reviews
    max_iterations: Annotated[int, Field(ge=1)] = 500

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.ngrams[0] > self.ngrams[1]:
            raise InvalidInput(
                "The lengths of the n-grams are the wrong way round.",
                got=list(self.ngrams),
                expected="the least, then the most",
            )
        return self

    @classmethod
    def for_languages(cls, languages: Sequence[str], **changes: Any) -> Self:
        """Characters for languages written without spaces; characters within words where all have spaces."""
        if languages and SPACELESS.isdisjoint(languages):
            changes = {"analysis": "characters_in_words", "ngrams": (1, 4)} | changes
        return cls.model_validate(changes)
