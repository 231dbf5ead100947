"""Documents whose words have tags, as a tagger and its control see them: tags as they are, or entities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from catenary.data.tags import TagView
from catenary.errors import InvalidInput


class TagViewSettings(BaseModel):
    """`entities: [nr, ns, nt]` makes words with these tags entities and all others O.

    `join: [nr]` makes neighbouring words one entity; `units: characters` tags characters, not words.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    entities: list[str] = Field(default=[], description="tags of words that are entities; none: tags stay")
    join: list[str] = Field(default=[], description="entities whose neighbouring words are one")
    units: Literal["words", "characters"] = "words"

    @model_validator(mode="after")
    def _joins_entities(self) -> TagViewSettings:
        strangers = sorted(set(self.join) - set(self.entities))
        if strangers:
            raise InvalidInput(
                "join names tags that are no entities.",
                got=", ".join(strangers),
                expected="some of `entities`",
            )
        return self

    @property
    def view(self) -> TagView:
        """As the data room has it."""
        return TagView(tuple(self.entities), tuple(self.join), self.units)


@dataclass(frozen=True)
class Tagged:
    """Documents of a split: ids, words and their tags."""

    ids: list[str]
    words: list[list[str]]
    tags: list[list[str]]


def tagged_of(dataset: Path, split: str, view: TagView) -> Tagged:
    """The documents of a split seen so. Raises InvalidInput where one has no tags."""
    from catenary.data.annotations import annotated_documents_of

    documents = annotated_documents_of(dataset, split, ["tokens", "tags"])
    seen = [view.of(one.columns["tokens"], one.columns["tags"]) for one in documents]
    return Tagged([one.id for one in documents], [words for words, _ in seen], [tags for _, tags in seen])


def view_in(settings: Mapping[str, Any]) -> TagView:
    """The view that a model was made with, from its manifest."""
    return TagView(
        tuple(settings.get("entities", ())), tuple(settings.get("join", ())), settings.get("units", "words")
    )
