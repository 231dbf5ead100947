"""curate: collections → a dataset: documents kept, or dropped for a reason; then split.

    datasets:
      reviews:
        from: [reviews]
        steps: [normalise, {language: [zh]}, {length: {min_chars: 4}}, {redact: [phone]}, {dedup: {near: 0.8}}]
        split: {valid: 0.05, test: 0.10, seed: 17}

`against: [exam]` names sources of evaluation sets, with which the step `decontaminate` compares.

No document disappears: `documents.parquet` in the dataset says of each one whether it was kept, in which split, or
which step dropped it and why. Equal texts never stand in two splits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator

from catenary.chain.stage import Estimate, Ref, Settings, Stage, Work
from catenary.data.split import SplitSettings
from catenary.data.steps import parse_steps
from catenary.messages import LANGUAGES

BYTES_PER_SECOND = 8e6  # a core, with the rules of quality and near duplicates
WORTH_WORKERS = 16 << 20  # bytes of shards; less is done before further processes have started


class CurateSettings(Settings):
    """Which collections, through which steps, in which splits."""

    from_: Annotated[list[str], Ref("sources")] = Field(alias="from", min_length=1)
    steps: list[Any] = Field(default=["normalise", "dedup"])
    split: SplitSettings = Field(default=SplitSettings())
    against: Annotated[list[str], Ref("sources")] = Field(
        default=[]
    )  # held-out sets, for the step `decontaminate`

    @field_validator("from_", "against", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @field_validator("steps")
    @classmethod
    def _known(cls, value: list[Any]) -> list[Any]:
        parse_steps(value)
        return value


@dataclass(frozen=True)
class Folder:
    """The chain file's folder, from which the files of custom steps are named."""

    path: Path

    def __call__(self) -> Path:
        return self.path


@dataclass(frozen=True)
class HeldOut:
    """The texts of collections, for who must not learn them."""

    shards: tuple[Path, ...]

    def __call__(self) -> Iterator[str]:
        import pyarrow.parquet as pq

        for shard in self.shards:
            yield from pq.read_table(shard, columns=["text"]).column("text").to_pylist()


def recipe(settings: CurateSettings) -> Mapping[str, Any]:
    """Every step with its version and all its settings, defaults too: a new default is a new recipe."""
    return {
        "steps": [
            {"name": step.name, "version": step.version, "settings": step.settings}
            for step in parse_steps(settings.steps)
        ],
        "split": settings.split.canonical(),
    }


def run(work: Work[CurateSettings]) -> Mapping[str, Any]:
    from catenary.data import curate_files
    from catenary.data.card import card
    from catenary.data.executor import cores
    from catenary.data.shards import shard_paths

    def shards_of(role: str) -> list[Path]:
        return [
            shard
            for name, collection in work.inputs.items()
            if name.startswith(f"{role}.")
            for shard in shard_paths(collection.path, "raw")
        ]

    shards = shards_of("from")
    helpers: dict[str, Callable[..., Any]] = {"folder": Folder(work.base)}
    if work.settings.against:
        helpers["held_out"] = HeldOut(tuple(shards_of("against")))
    large = sum(shard.stat().st_size for shard in shards) > WORTH_WORKERS
    made = curate_files(
        shards,
        work.settings.steps,
        work.settings.split,
        work.out,
        work.state,
        progress=work.progress,
        workers=cores() if large else 1,
        helpers=helpers,
    )
    for lang in LANGUAGES:
        for name, text in card(work.link.split(".", 1)[1], made, lang).items():
            (work.out / name).write_text(text, "utf-8")
    report = made.as_dict()
    share = report["kept"] / report["documents"]
    return {
        "headline": {"kept": report["kept"], "of": report["documents"], "share": round(share, 4)},
        **report,
    }


CURATE = Stage(
    name="curate",
    version=1,
    section="datasets",
    kind="dataset",
    owner="data_engineer",
    settings=CurateSettings,
    run=run,
    recipe=recipe,
    estimate=lambda settings, sizes: Estimate(
        1.0 + sum(sizes) / BYTES_PER_SECOND, (400 << 20) + sum(sizes), round(0.8 * sum(sizes))
    ),
)
