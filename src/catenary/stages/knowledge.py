"""knowledge: an index of passages → a graph of what they state of the things they name, each fact with its sentence.

indexes:
  handbook: {kind: passages, from: handbook}
  facts:    {kind: knowledge, from: handbook}                                     # names by capitals
  people:   {kind: knowledge, from: news, tagger: names, tagger_languages: [zh]}  # and those that a tagger finds
apps:
  handbook: {kind: documents, index: handbook, knowledge: facts}

What documents that did not change state is taken over from what the link made last, by the same tagger.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, Field

from catenary.chain.stage import Estimate, Ref, Settings, Stage, Work
from catenary.errors import InvalidInput
from catenary.stages.index_passages import PassageSettings

if TYPE_CHECKING:
    from catenary.search.facts import Named
    from catenary.search.knowledge import Tagging
    from catenary.store import Artifact

BYTES_PER_SECOND = 1e6
BYTES_TAGGED_PER_SECOND = 3e4


class KnowledgeSettings(Settings):
    """Which index of passages the facts are read from.

    `tagger` is a model with `task: tag` that finds persons, places and organisations; `tagger_languages` are those that
    it reads, all where none is named.
    """

    kind: Literal["knowledge"]
    from_: Annotated[str, Ref("indexes")] = Field(alias="from")
    tagger: Annotated[str | None, Ref("models", ahead=True)] = None
    tagger_languages: list[Literal["zh", "en"]] = Field(default=[])


def check(settings: KnowledgeSettings, stands_on: Mapping[str, BaseModel]) -> None:
    """Raises InvalidInput for an index of another kind."""
    if not isinstance(stands_on["from"], PassageSettings):
        raise InvalidInput(
            "This index holds no passages.",
            got=settings.from_,
            expected="`indexes: {name: {kind: passages, from: …}}`",
        )
    if settings.tagger_languages and settings.tagger is None:
        raise InvalidInput(
            "Languages of a tagger are named, and there is none.",
            got="tagger_languages",
            expected="`tagger:` with a model that tags, or no `tagger_languages:`",
        )


def run(work: Work[KnowledgeSettings]) -> Mapping[str, Any]:
    from dataclasses import asdict

    from catenary.search import SearchIndex
    from catenary.search.knowledge import build_knowledge

    before, tagger = work.before, work.inputs.get("tagger")
    known = asdict(
        build_knowledge(
            SearchIndex.open(work.inputs["from"].path),
            work.out,
            tagging=None if tagger is None else _tagging(tagger, work.settings.tagger_languages),
            before=None if before is None or before.stage != "knowledge" else before.path,
            progress=work.progress,
        )
    )
    headline = {name: known.pop(name) for name in ("documents", "facts", "names")}
    # No names: a report outlives the documents that are erased.
    return {"headline": headline, **known}


def _tagging(tagger: Artifact, languages: list[Literal["zh", "en"]]) -> Tagging:
    from catenary.data.sentences import sentence_spans
    from catenary.inference.tag import named
    from catenary.messages import language_of
    from catenary.search.facts import Named
    from catenary.search.knowledge import Tagging
    from catenary.stages.curate_helpers import opened_tagger

    model, units = opened_tagger(tagger.path), tagger.manifest.settings.get("units", "words")

    def tag(text: str) -> list[Named]:
        spans = [
            (start, end)
            for start, end in sentence_spans(text)
            if not languages or language_of(text[start:end]) in languages
        ]
        told = named(model, [text[start:end] for start, end in spans], units)
        return [
            Named(one.kind, start + one.start, start + one.end)
            for (start, _), found in zip(spans, told, strict=True)
            for one in found
        ]

    return Tagging(tagger.id, tuple(languages), tag)


KNOWLEDGE = Stage(
    name="knowledge",
    version=2,
    section="indexes",
    kind="index",
    owner="data_engineer",
    settings=KnowledgeSettings,
    run=run,
    takes=lambda raw: raw.get("kind") == "knowledge",
    check=check,
    estimate=lambda settings, sizes: Estimate(
        2.0 + sum(sizes) / (BYTES_TAGGED_PER_SECOND if settings.tagger else BYTES_PER_SECOND),
        (200 << 20) + 4 * sum(sizes),
        sum(sizes),
    ),
)
