"""index_passages: a dataset's documents → passages that a question finds, for `catenary search` and applications.

indexes:
  handbook: {kind: passages, from: handbook}                                  # by words
  english:  {kind: passages, from: english, embed: minilm, embed_languages: [en]}     # in English, by meaning, too

A document that did not change is taken over from what the link made last, its vectors too; one that went is gone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from catenary.chain.stage import Estimate, How, Ref, Settings, Stage, Work
from catenary.errors import InvalidInput

if TYPE_CHECKING:
    import pyarrow as pa

    from catenary.search import SearchIndex

BYTES_PER_SECOND = 3e6
PASSAGES_EMBEDDED_PER_SECOND = 30
BYTES_OF_PASSAGE = 600
Split = Literal["train", "valid", "test"]


class PassageSettings(Settings):
    """Which dataset; how wide a passage is at most and what two share, in columns (a Chinese character is two).

    `embed` is a model that makes vectors of texts; `embed_languages` are those that it reads, all where none is named:
    questions in others are looked up by their words.
    """

    kind: Literal["passages"]
    from_: Annotated[str, Ref("datasets")] = Field(alias="from")
    embed: Annotated[str | None, Ref("models", ahead=True)] = None
    embed_languages: list[Literal["zh", "en"]] = Field(default=[])
    size: int = Field(1000, ge=100, le=20_000)
    overlap: int = Field(150, ge=0)
    splits: list[Split] = Field(default=["train", "valid", "test"], min_length=1)
    threads: Annotated[int | None, How()] = Field(None, ge=1)


def check(settings: PassageSettings, inputs: Mapping[str, Any]) -> None:
    """Raises InvalidInput."""
    if settings.overlap * 2 > settings.size:
        raise InvalidInput(
            "Two neighbours cannot share more than half of a passage.",
            got=settings.overlap,
            expected="`overlap:` of at most half of `size:`",
        )


def run(work: Work[PassageSettings]) -> Mapping[str, Any]:
    from dataclasses import asdict

    from catenary.data.executor import cores
    from catenary.search import ChunkSettings, Indexed, build_search

    settings = work.settings
    embedder = work.inputs.get("embed")
    built = build_search(
        _documents(work.inputs["from"].path, settings.splits),
        work.out,
        Indexed(
            ChunkSettings(settings.size, settings.overlap),
            None if embedder is None else embedder.id,
            tuple(settings.embed_languages),
        ),
        embed=None if embedder is None else _embed(embedder.path, settings.threads),
        before=_before(work),
        workers=cores(),
        progress=work.progress,
    )
    told = asdict(built)
    shown = ("documents", "passages", "new", "kept", "gone")
    return {"headline": {name: told[name] for name in shown}, **told}


def _documents(dataset: Path, splits: list[Split]) -> Iterator[pa.RecordBatch]:
    from catenary.data.shards import iter_split
    from catenary.errors import NotFound
    from catenary.search.build import COLUMNS

    for split in splits:
        try:
            yield from iter_split(dataset, split, COLUMNS, batch_rows=1024)
        except NotFound:
            continue


def _embed(folder: Path, threads: int | None) -> Any:
    from catenary.inference import load

    embedder = load(folder, "embed", threads=threads)
    return lambda texts: embedder.embed(texts).vectors


def _before(work: Work[PassageSettings]) -> SearchIndex | None:
    from catenary.errors import CatenaryError
    from catenary.search import SearchIndex

    if work.before is None or work.before.stage != "index_passages":
        return None
    try:
        return SearchIndex.open(work.before.path)
    except CatenaryError:  # of another version, or damaged: it would have saved time, no more
        return None


def estimate(settings: PassageSettings, sizes: list[int]) -> Estimate:
    """By the bytes of the documents, of which vectors cost by far the most."""
    passages = sum(sizes) / BYTES_OF_PASSAGE
    embedding = passages / PASSAGES_EMBEDDED_PER_SECOND if settings.embed else 0
    return Estimate(
        2.0 + sum(sizes) / BYTES_PER_SECOND + embedding, (200 << 20) + 8 * sum(sizes), 4 * sum(sizes)
    )


INDEX_PASSAGES = Stage(
    name="index_passages",
    version=2,
    section="indexes",
    kind="index",
    owner="data_engineer",
    settings=PassageSettings,
    run=run,
    takes=lambda raw: raw.get("kind") == "passages",
    check=check,
    estimate=lambda settings, sizes: estimate(settings, list(sizes)),
)
