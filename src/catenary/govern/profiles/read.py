"""Reading a profile: strict keys, and a digest that every gate's evidence names."""

from __future__ import annotations

import datetime
from importlib.resources import files
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from catenary.digest import digest
from catenary.errors import Damaged, InvalidInput

FOLDER = files("catenary.govern.profiles")
PROFILES: tuple[str, ...] = tuple(
    sorted(one.name.removesuffix(".yaml") for one in FOLDER.iterdir() if one.name.endswith(".yaml"))
)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Words(_Strict):
    """A text in both languages."""

    en: str
    zh: str


class Requirement(_Strict):
    """One figure of a profile. `source`: S secondary, K knowledge, O the official text itself.

    share      of `n_at_least` items (or of `of_corpus_at_least` of the corpus) a share that is large or small enough
    bank       so many items in so many classes, with so many of each class whose name begins so ("": of every other)
    reviewed   every item has an annotator and a reviewer, and they are two people
    answered   a test with items that passed, or one signed acceptance
    """

    id: str
    clause: str
    kind: Literal["share", "bank", "reviewed", "answered"]
    source: Literal["S", "K", "O"]
    title: Words
    n_at_least: int = 0
    of_corpus_at_least: float | None = None
    share_at_least: float | None = None
    share_at_most: float | None = None
    classes_at_least: int = 0
    each_at_least: dict[str, int] = Field(default_factory=dict)


class Profile(_Strict):
    """A rule set: what it is from, when it was last checked, and its figures."""

    id: str
    version: int
    title: Words
    document: str
    checked: datetime.date
    notice: Words
    requirements: tuple[Requirement, ...]

    @property
    def digest(self) -> str:
        """The digest of all of it: another figure is another profile."""
        return digest(["profile", self.model_dump(mode="json")])


def read_profile(name: str) -> Profile:
    """The profile of this name. Raises InvalidInput, naming those there are."""
    if name not in PROFILES:
        raise InvalidInput(
            "There is no profile of this name.",
            got=name,
            expected="one of: {names}",
            names=", ".join(PROFILES),
        )
    file = FOLDER / f"{name}.yaml"
    try:
        return Profile.model_validate(yaml.safe_load(file.read_text("utf-8")))
    except (yaml.YAMLError, ValidationError) as error:
        raise Damaged("A profile cannot be read.", where=str(file), got=str(error)[:300]) from error
