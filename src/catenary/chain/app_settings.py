"""`apps:` applications over the chain's indexes and endpoints, by their `kind:`.

apps:
  handbook: {kind: documents, index: handbook}                  # quotes passages; no model needed
  helper:   {kind: documents, index: handbook, model: small}    # an endpoint's model writes from them
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from catenary.access.roles import role
from catenary.chain.stage import Settings
from catenary.errors import InvalidInput


class Names:
    """Marks a field (`Annotated[str, Names("endpoints")]`) of an endpoint's name, or of a link's in a section."""

    def __init__(self, section: str) -> None:
        self.section = section


Endpoint = Annotated[str, Names("endpoints")]
Index = Annotated[str, Names("indexes")]
Dataset = Annotated[str, Names("datasets")]
Signer = Annotated[str, AfterValidator(lambda name: role(name).name)]
"""The role of the person whom each answer waits for."""


class AppSettings(Settings):
    """What every application has. `risk`: a field whose answers say that they are no advice.

    `sign_off`: a role; each answer waits until a person who holds it has signed it.
    """

    kind: str
    risk: Literal["medicine", "law", "finance"] | None = None
    sign_off: Signer | None = None


class DocumentsSettings(AppSettings):
    """Answers from an index of passages, with citations; `not_found` is said where it has no answer.

    `least` is the share of a question that a passage must speak of, `least_cosine` how near it must come in meaning.
    `knowledge` is a graph of the index's facts: passages that define what the question names are found too.
    `rerank` is the endpoint of a classifier of pairs, which reads the question with each of the `rerank_best` passages;
    `rerank_languages` are those that it reads, all where none is named.
    """

    kind: Literal["documents"]
    index: Index
    knowledge: Index | None = None
    rerank: Endpoint | None = None
    rerank_best: int = Field(20, ge=1, le=50)
    rerank_languages: list[Literal["zh", "en"]] = Field(default=[])
    model: Endpoint | None = None
    passages: int = Field(4, ge=1, le=20)
    quotes: int = Field(3, ge=1, le=10)
    least: float = Field(0.5, ge=0, le=1)
    least_cosine: float = Field(0.55, ge=0, le=1)
    not_found: str | None = None


class AssistantSettings(AppSettings):
    """Customer service. `hours`: weekday → [opening, closing hour]; `sentiment` is a classifier's endpoint."""

    kind: Literal["assistant"]
    faq: dict[str, str] = Field(default={})
    index: Index | None = None
    model: Endpoint | None = None
    sentiment: Endpoint | None = None
    upset: list[str] = Field(default=["negative"], min_length=1)
    above: float = Field(0.8, ge=0, le=1)
    hours: dict[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], tuple[int, int]] = Field(default={})
    instruction: str | None = None


class SummariseSettings(AppSettings):
    """Key points of a text; with a model, what it writes."""

    kind: Literal["summarise"]
    points: int = Field(5, ge=1, le=50)
    model: Endpoint | None = None


class TranslateSettings(AppSettings):
    """A text in the other language, or in `to`, line by line; `terms`: how terms must be translated."""

    kind: Literal["translate"]
    model: Endpoint
    to: Literal["zh", "en"] | None = None
    terms: dict[str, str] = Field(default={})


class ProofreadSettings(AppSettings):
    """What to change in a text."""

    kind: Literal["proofread"]
    model: Endpoint | None = None


class ExtractSettings(AppSettings):
    """The fields of a JSON schema, from a text."""

    kind: Literal["extract"]
    model: Endpoint
    fields: dict[str, Any] = Field(min_length=1, description="a JSON schema")


class ClassifySettings(AppSettings):
    """The labels of a text's lines; `flags`: those to act upon, `above` this probability."""

    kind: Literal["classify"]
    classifier: Endpoint
    flags: list[str] = Field(default=[])
    above: float = Field(0.5, ge=0, le=1)


class WriteSettings(AppSettings):
    """A text of a form; `words` is its length."""

    kind: Literal["write"]
    model: Endpoint
    form: Literal["article", "product", "advertising", "email", "poem"] = "article"
    style: str | None = None
    words: int | None = Field(None, ge=10, le=5000)


class CodeSettings(AppSettings):
    """Program text: what is done with it."""

    kind: Literal["code"]
    model: Endpoint
    do: Literal["complete", "explain", "review", "document"] = "explain"


class TutorSettings(AppSettings):
    """A subject: explained, asked about, laid out as a path (by code with `topics`), or answers to it marked.

    `rubric` and `topics` are YAML files beside the chain file.
    """

    kind: Literal["tutor"]
    do: Literal["explain", "ask", "path", "mark"] = "explain"
    model: Endpoint | None = None
    rubric: str | None = None
    topics: str | None = None

    @model_validator(mode="after")
    def _together(self) -> Self:
        for key, does, given in (("rubric", "mark", self.rubric), ("topics", "path", self.topics)):
            if given is not None and self.do != does:
                raise InvalidInput(
                    "`{key}:` goes with `do: {does}`.",
                    key=key,
                    does=does,
                    got=given,
                    expected="`do: {does}`, or no `{key}:`",
                )
        if self.do == "mark" and self.rubric is None:
            raise InvalidInput(
                "A tutor that marks needs a rubric.",
                got="do",
                expected="`rubric: {file}` with criteria",
                file="rubric.yaml",
            )
        if self.topics is not None and self.model is not None:
            raise InvalidInput(
                "The path through `topics:` is found by code; no model is asked.",
                got="model",
                expected="`topics:` or `model:`, not both",
            )
        if self.rubric is None and self.topics is None and self.model is None:
            raise InvalidInput(
                "A tutor needs a model for this.",
                got="do",
                expected="`model:` with an endpoint, or `do: mark` with `rubric:`, or `do: path` with `topics:`",
            )
        return self


class ReportSettings(AppSettings):
    """A report by a template. `points`: key points of the news, or of a long section; `model` may write the note.

    Its field's notice stands below each answer; `risk` names another.
    """

    kind: Literal["report"]
    template: Literal["note", "contract", "record"]
    points: int = Field(3, ge=1, le=50)
    model: Endpoint | None = None

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.model is not None and self.template != "note":
            raise InvalidInput(
                "This report is made by code; no model is asked.",
                got=f"template: {self.template}, model: {self.model}",
                expected="`template: note`, or no `model:`",
            )
        return self


class RecommendSettings(AppSettings):
    """Items of an index, by text and history, with reasons. A document is an item, its first line the item's name.

    A document of `histories`, of its training split, is what one person had, a name a line. `diversity` is from 0 (the
    best) to 1 (the most unlike).
    """

    kind: Literal["recommend"]
    index: Index
    histories: Dataset | None = None
    items: int = Field(5, ge=1, le=50)
    exclude: list[str] = Field(default=[])
    diversity: float = Field(0.0, ge=0, le=1)


KINDS: dict[str, type[AppSettings]] = {
    "documents": DocumentsSettings,
    "assistant": AssistantSettings,
    "summarise": SummariseSettings,
    "translate": TranslateSettings,
    "proofread": ProofreadSettings,
    "extract": ExtractSettings,
    "classify": ClassifySettings,
    "write": WriteSettings,
    "code": CodeSettings,
    "tutor": TutorSettings,
    "recommend": RecommendSettings,
    "report": ReportSettings,
}


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
