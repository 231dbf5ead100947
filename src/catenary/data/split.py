"""Split: into train, valid and test, by what a text says and never by chance of order.

The split of a document is a hash of its text and the seed. So equal texts are always in one split, and adding or
removing documents moves no other. `group: file` hashes what documents have in common instead, and `time: meta.date`
puts later ones aside; both ask for `dedup`, for equal texts could be in two groups. Near duplicates cannot cross
either: `dedup: {near: …}` keeps one of each cluster.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from catenary.data.settings import Settings
from catenary.errors import InvalidInput

Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = ("train", "valid", "test")


class SplitSettings(Settings):
    """Shares of the kept documents; what remains is for training."""

    valid: float = Field(default=0.0, ge=0.0, lt=1.0)
    test: float = Field(default=0.0, ge=0.0, lt=1.0)
    seed: int = 17
    # What documents have in common that must not be split: a file, a source, or a key of their metadata.
    group: str | None = Field(default=None, pattern=r"^(file|source|meta\..+)$")
    # Or by time: documents of these moments and later; compared as text, so ISO 8601.
    time: str | None = Field(default=None, pattern=r"^meta\..+$")
    valid_from: str | None = None
    test_from: str | None = None
    later: ClassVar[frozenset[str]] = frozenset(("group", "time", "valid_from", "test_from"))

    @model_validator(mode="after")
    def _one_way(self) -> SplitSettings:
        timed = self.time is not None
        if (timed and (self.group or self.valid or self.test)) or timed != bool(
            self.valid_from or self.test_from
        ):
            raise InvalidInput(
                "A split is by shares or by time.",
                expected="`valid:` and `test:`, perhaps `group:`; or `time:` with `valid_from:` and `test_from:`",
                where="split",
            )
        return self

    @model_validator(mode="after")
    def _something_to_train_on(self) -> SplitSettings:
        if self.valid + self.test >= 1.0:
            raise InvalidInput(
                "The splits leave nothing to train on.",
                got=f"valid {self.valid} + test {self.test}",
                expected="shares that sum to less than 1",
                where="split",
            )
        return self


def split_at(moment: str, settings: SplitSettings) -> Split:
    """The split of a document of this moment."""
    if settings.test_from and moment >= settings.test_from:
        return "test"
    return "valid" if settings.valid_from and moment >= settings.valid_from else "train"


def split_of(text: str, settings: SplitSettings) -> Split:
    """The split of a text."""
    return splits_of([text], settings)[0]


def splits_of(texts: Iterable[str], settings: SplitSettings) -> list[Split]:
    """The split of each text."""
    head = hashlib.sha256(b"split:%d:" % settings.seed)
    valid_below = settings.valid * 2**64
    test_below = (settings.valid + settings.test) * 2**64
    found: list[Split] = []
    for text in texts:
        sha256 = head.copy()
        sha256.update(text.encode())
        point = int.from_bytes(sha256.digest()[:8], "big")
        found.append("valid" if point < valid_below else "test" if point < test_below else "train")
    return found
