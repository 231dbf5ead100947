"""`apps:` applications over the chain's indexes and endpoints, by their `kind:`.

apps:
  handbook: {kind: documents, index: handbook}                  # quotes passages; no model needed
  helper:   {kind: documents, index: handbook, model: small}    # an endpoint's model writes from them
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from catenary.chain.stage import Settings


class Names:
    """Marks a field (`Annotated[str, Names("endpoints")]`) of an endpoint's name, or of a link's in a section."""

    def __init__(self, section: str) -> None:
        self.section = section


Endpoint = Annotated[str, Names("endpoints")]
Index = Annotated[str, Names("indexes")]


class AppSettings(Settings):
    """What every application has."""

    kind: str


class DocumentsSettings(AppSettings):
    """Answers from an index of passages, with citations; `not_found` is said where it has no answer.

    `least` is the share of a question that a passage must speak of, `least_cosine` how near it must come in meaning.
    """

    kind: Literal["documents"]
    index: Index
    model: Endpoint | None = None
    passages: int = Field(4, ge=1, le=20)
    quotes: int = Field(3, ge=1, le=10)
    least: float = Field(0.5, ge=0, le=1)
    least_cosine: float = Field(0.55, ge=0, le=1)
    not_found: str | None = None


KINDS: dict[str, type[AppSettings]] = {"documents": DocumentsSettings}


def named_by(settings: AppSettings) -> list[tuple[str, str, str]]:
    """(field, section, name) of every endpoint and link that an application names."""
    found = []
    for name, info in type(settings).model_fields.items():
        marks = [mark for mark in _marks(info) if isinstance(mark, Names)]
        value = getattr(settings, name)
        if marks and isinstance(value, str):
            found.append((name, marks[0].section, value))
    return found


def _marks(info: Any) -> list[Any]:
    """The marks of a field, also those of `X | None`."""
    from typing import get_args

    inner = [mark for part in get_args(info.annotation) for mark in getattr(part, "__metadata__", ())]
    return [*info.metadata, *inner]
