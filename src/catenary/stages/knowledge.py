"""knowledge: an index of passages → a graph of what they state of the things they name, each fact with its sentence.

indexes:
  handbook: {kind: passages, from: handbook}
  facts:    {kind: knowledge, from: handbook}
apps:
  handbook: {kind: documents, index: handbook, knowledge: facts}

What documents that did not change state is taken over from what the link made last.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from catenary.chain.stage import Estimate, Ref, Settings, Stage, Work
from catenary.errors import InvalidInput
from catenary.stages.index_passages import PassageSettings

BYTES_PER_SECOND = 1e6


class KnowledgeSettings(Settings):
    """Which index of passages the facts are read from."""

    kind: Literal["knowledge"]
    from_: Annotated[str, Ref("indexes")] = Field(alias="from")


def check(settings: KnowledgeSettings, stands_on: Mapping[str, BaseModel]) -> None:
    """Raises InvalidInput for an index of another kind."""
    if not isinstance(stands_on["from"], PassageSettings):
        raise InvalidInput(
            "This index holds no passages.",
            got=settings.from_,
            expected="`indexes: {name: {kind: passages, from: …}}`",
        )


def run(work: Work[KnowledgeSettings]) -> Mapping[str, Any]:
    from dataclasses import asdict

    from catenary.search import SearchIndex
    from catenary.search.knowledge import build_knowledge

    before = work.before
    known = asdict(
        build_knowledge(
            SearchIndex.open(work.inputs["from"].path),
            work.out,
            before=None if before is None or before.stage != "knowledge" else before.path,
            progress=work.progress,
        )
    )
    shown = ("documents", "facts", "names", "new", "kept", "gone")
    # No names: a report outlives the documents that are erased.
    return {"headline": {name: known[name] for name in shown}, **known}


KNOWLEDGE = Stage(
    name="knowledge",
    version=1,
    section="indexes",
    kind="index",
    owner="data_engineer",
    settings=KnowledgeSettings,
    run=run,
    takes=lambda raw: raw.get("kind") == "knowledge",
    check=check,
    estimate=lambda settings, sizes: Estimate(
        2.0 + sum(sizes) / BYTES_PER_SECOND, (200 << 20) + 4 * sum(sizes), sum(sizes)
    ),
)
