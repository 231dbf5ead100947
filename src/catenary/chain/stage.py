"""What a stage is: the kind of a link, as a value. `stages/` makes them; this room plans and runs them.

A stage says what settings it takes, which links it stands on, and does its work in a staging folder. It never
commits and knows no catalog: it receives a `Work` and returns a report.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from catenary.progress import Progress

if TYPE_CHECKING:
    from catenary.store import Artifact


class Settings(BaseModel):
    """Settings of a link: strict keys, frozen."""

    # Built when first used: a command pays only for the settings of the stages that its chain names.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, defer_build=True)


@dataclass(frozen=True)
class Ref:
    """Marks a settings field (`Annotated[str, Ref("datasets")]`) whose value names a link of an earlier section.

    With `parts`, a dotted rest may follow the name: `reviews.test`. With `ahead`, it may be a link of a later section
    (a dataset's tagger is a model), as long as no link comes to stand on itself.
    """

    section: str
    parts: bool = False
    ahead: bool = False


@dataclass(frozen=True)
class How:
    """Marks a settings field that says how the work is done, not what comes of it: it is no part of the recipe."""


@dataclass(frozen=True)
class Estimate:
    """What a link is expected to take: seconds, peak memory and disk in bytes."""

    seconds: float
    memory_bytes: int = 300 << 20
    disk_bytes: int = 0


@dataclass(frozen=True)
class Known:
    """What is known beforehand of a link that another stands on: its settings, and its artifact where it is made, with
    all that was made from."""

    settings: BaseModel
    artifact: Artifact | None
    ancestors: tuple[Artifact, ...] = ()


S = TypeVar("S", bound=BaseModel)


@dataclass(frozen=True)
class Work(Generic[S]):
    """All that a stage may see: its settings, its opened inputs, and where to write."""

    link: str  # "datasets.reviews"
    settings: S
    inputs: Mapping[str, Artifact]  # role → artifact
    names: Mapping[str, str]  # role → the link it came from
    content: Mapping[str, Any]  # what `Stage.content` found when the recipe was made
    base: Path  # the chain file's folder
    out: Path  # becomes the artifact
    state: Path  # checkpoints; outlives a kill, not the commit
    progress: Progress
    ancestors: Callable[[str], Sequence[Artifact]]  # artifact id → all it was made from
    sha_of: Callable[[Path], str]  # of a file outside the store, as `Stage.content` has it
    # What this link made last, where that is still there: to save work with, never to make anything else of.
    before: Artifact | None = None


Report = Mapping[str, Any]
ShaOf = Callable[[Path], str]


@dataclass(frozen=True)
class Stage(Generic[S]):
    """A kind of link. `version` is part of every recipe: raise it when the same settings make other bytes."""

    name: str
    version: int
    section: str
    kind: str  # of the artifact: collection, dataset, tokenizer, model, evaluation, release
    owner: str  # the role that answers for it (access/roles.py)
    settings: type[S]
    run: Callable[[Work[S]], Report]
    takes: Callable[[Mapping[str, Any]], bool] = field(default=lambda raw: True)
    families: tuple[str, ...] = ()  # the values of `family:` that it takes, in a section where links have one
    inputs: Callable[[S], Mapping[str, str]] | None = None  # role → "section.name"; default: the Ref fields
    # role → the settings of the link it stands on: what can only be checked together; raises InvalidInput
    check: Callable[[S, Mapping[str, BaseModel]], None] | None = None
    # canonical settings; default: all but the Ref and How fields
    recipe: Callable[[S], Mapping[str, Any]] | None = None
    content: Callable[[str, S, Path, ShaOf], Mapping[str, Any]] | None = None  # facts from outside the store
    estimate: Callable[[S, Sequence[int]], Estimate] = field(
        default=lambda settings, input_bytes: Estimate(1.0, disk_bytes=sum(input_bytes))
    )

    # role → what is known of the links it stands on, and whether this machine may be measured for it (takes seconds);
    # None: not enough is known, and `estimate` is asked instead
    forecast: Callable[[S, Mapping[str, Known], bool], Estimate | None] | None = None

    def inputs_of(self, settings: S) -> dict[str, str]:
        """role → "section.name" of every link that `settings` stands on."""
        return dict(self.inputs(settings) if self.inputs else references(settings))

    def ahead_of(self, settings: S) -> set[str]:
        """The links of later sections that `settings` stands on."""
        ahead = {key for key, mark in _reference_fields(type(settings)) if mark.ahead}
        inputs = references(settings)
        return {target for role, target in inputs.items() if role.split(".")[0] in ahead}

    def recipe_of(self, settings: S) -> dict[str, Any]:
        """The canonical settings: what the result depends on besides its inputs; no names of links."""
        if self.recipe:
            return dict(self.recipe(settings))
        named = {key for key, _ in _reference_fields(type(settings))} | _how_fields(type(settings))
        dumped = settings.model_dump(mode="json", by_alias=True)
        return {key: value for key, value in dumped.items() if key not in named}


def _reference_fields(settings: type[BaseModel]) -> list[tuple[str, Ref]]:
    return [
        (info.alias or name, mark)
        for name, info in settings.model_fields.items()
        for mark in info.metadata
        if isinstance(mark, Ref)
    ]


def _how_fields(settings: type[BaseModel]) -> set[str]:
    return {
        info.alias or name
        for name, info in settings.model_fields.items()
        if any(isinstance(mark, How) for mark in info.metadata)
    }


def references(settings: BaseModel) -> dict[str, str]:
    """role → "section.name" from the fields marked with `Ref`; a list's roles are `field.name`."""
    found: dict[str, str] = {}
    dumped = settings.model_dump(mode="json", by_alias=True)
    for key, mark in _reference_fields(type(settings)):
        value = dumped[key]
        if isinstance(value, list):
            for item in value:
                found[f"{key}.{item}"] = f"{mark.section}.{_name(item, mark)}"
        elif value is not None:
            found[key] = f"{mark.section}.{_name(value, mark)}"
    return found


def _name(value: str, mark: Ref) -> str:
    return value.split(".", 1)[0] if mark.parts else value
