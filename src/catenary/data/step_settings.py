"""What a chain may say of each step. The steps themselves are in the files of their names, imported when they run."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from catenary.data.personal_data import KINDS
from catenary.data.settings import Settings, unknown
from catenary.errors import InvalidInput

Form = Literal["nfkc", "nfc", "none"]
Replacement = Literal["placeholder", "mask"]


class NormaliseSettings(Settings):
    """See the module's docstring."""

    unicode: Form = "nfkc"
    punctuation: Literal["keep", "full", "half"] = "keep"
    whitespace: Literal["lines", "single", "keep"] = "lines"


class LanguageSettings(Settings):
    """`language: [zh, en]` keeps texts in these."""

    shorthand: ClassVar[str] = "languages"

    languages: Annotated[tuple[str, ...], Field(strict=False, min_length=1)]
    keep_undetermined: bool = False  # texts without letters, and those whose language no rule can tell

    @field_validator("languages")
    @classmethod
    def _sorted(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted(set(value)))


class LengthSettings(Settings):
    """Bounds, both included. Words are what white space separates: leave them alone for Chinese."""

    min_chars: int | None = Field(default=None, ge=0)
    max_chars: int | None = Field(default=None, ge=1)
    min_words: int | None = Field(default=None, ge=0)
    max_words: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _something(self) -> LengthSettings:
        if not any(value is not None for value in self.model_dump().values()):
            raise InvalidInput(
                "The rule `length` has no bound.",
                expected="at least one of: {names}",
                names=", ".join(LengthSettings.model_fields),
            )
        return self


class RedactSettings(Settings):
    """`redact: [phone, email]` replaces these kinds; `redact` alone replaces all."""

    shorthand: ClassVar[str] = "kinds"

    kinds: Annotated[tuple[str, ...], Field(strict=False, min_length=1)] = tuple(sorted(KINDS))
    replace: Replacement = "placeholder"

    @field_validator("kinds")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for kind in value:
            if kind not in KINDS:
                raise unknown("There is no such kind of personal data.", kind, KINDS, "redact")
        return tuple(sorted(set(value)))


class DedupSettings(Settings):
    """`dedup` alone drops equal texts; `dedup: {near: 0.8}` near-equal ones too."""

    near: float | None = Field(default=None, gt=0.0, lt=1.0)
