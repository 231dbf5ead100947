"""curate: collections → a dataset: documents kept, or dropped for a reason; then split.

    datasets:
      reviews:
        from: [reviews]
        steps: [normalise, {language: [zh]}, {length: {min_chars: 4}}, {redact: [phone]}, {dedup: {near: 0.8}}]
        split: {valid: 0.05, test: 0.10, seed: 17}

Beside these stands what steps need from elsewhere:

    against: [exam]                       sources of evaluation sets, for `decontaminate`
    good: [handbook]   bad: [spam]        sources of examples, for `score`
    reviewed: [anna.csv, bo.csv]          what reviewers have labelled, for `reviewed`
    tagger: names                         a model with `task: tag`, for `redact: [name, place]`
    augment: {copies: 1, delete: 0.1}     variants for the training split …
    back_translate: [zh_en, en_zh]        … and models that they go through, one after the other
    executor: {ray: auto}                 the nodes of a Ray cluster do the work; no part of the recipe

No document disappears: `documents.parquet` in the dataset says of each one whether it was kept, in which split, or
which step dropped it and why. Equal texts never stand in two splits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from catenary.chain.stage import Estimate, How, Ref, Settings, ShaOf, Stage, Work
from catenary.data.split import SplitSettings
from catenary.data.step_settings import AugmentSettings
from catenary.data.steps import STEPS, parse_steps
from catenary.errors import InvalidInput
from catenary.messages import LANGUAGES
from catenary.stages.curate_helpers import BackTranslation, EntityTagger, Examples, Folder, HeldOut, Reviews

BYTES_PER_SECOND = 8e6  # a core, with the rules of quality and near duplicates
WORTH_WORKERS = 8 << 20  # bytes of shards; less is done before further processes have started


class ExecutorSettings(Settings):
    """Who does the work, where that is not this machine: the Ray cluster at this address."""

    ray: str = Field(min_length=1)


class CurateSettings(Settings):
    """Which collections, through which steps, in which splits; and what the steps need beside."""

    from_: Annotated[list[str], Ref("sources")] = Field(alias="from", min_length=1)
    steps: list[Any] = Field(default=["normalise", "dedup"])
    split: SplitSettings = Field(default=SplitSettings())
    against: Annotated[list[str], Ref("sources")] = Field(default=[])
    good: Annotated[list[str], Ref("sources")] = Field(default=[])
    bad: Annotated[list[str], Ref("sources")] = Field(default=[])
    reviewed: list[str] = Field(default=[], max_length=2)
    tagger: Annotated[str | None, Ref("models", ahead=True)] = None
    augment: AugmentSettings | None = None
    back_translate: Annotated[list[str], Ref("models", ahead=True)] = Field(default=[])
    executor: Annotated[ExecutorSettings | None, How()] = None

    @field_validator("from_", "against", "good", "bad", "reviewed", "back_translate", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @field_validator("steps")
    @classmethod
    def _known(cls, value: list[Any]) -> list[Any]:
        parse_steps(value)
        return value

    @model_validator(mode="after")
    def _of_use(self) -> CurateSettings:
        """What no step would use, or what a step would lack, is told before anything runs."""
        needed = {STEPS[step.name].helper for step in parse_steps(self.steps)}
        for step, helper, given, keys in (
            ("decontaminate", "held_out", bool(self.against), "against"),
            ("score", "examples", bool(self.good and self.bad), "good, bad"),
            ("reviewed", "reviewed", bool(self.reviewed), "reviewed"),
        ):
            if (helper in needed) != given:
                raise InvalidInput(
                    "The step `{step}` and the settings `{keys}` go together.",
                    step=step,
                    keys=keys,
                    got=step if helper in needed else keys,
                    expected="both or neither",
                )
        if self.back_translate and self.augment is None:
            raise InvalidInput(
                "Back-translation makes variants, and none are asked for.",
                got="back_translate",
                expected="`augment: {example}` beside it",
                example="{copies: 1}",
            )
        return self


def content(name: str, settings: CurateSettings, base: Path, sha_of: ShaOf) -> Mapping[str, Any]:
    """What the reviewers' files hold."""
    return {"reviewed": [sha_of(base / file) for file in settings.reviewed]} if settings.reviewed else {}


def recipe(settings: CurateSettings) -> Mapping[str, Any]:
    """Every step with its version and all its settings, defaults too: a new default is a new recipe."""
    return {
        "steps": [
            {"name": step.name, "version": step.version, "settings": step.settings}
            for step in parse_steps(settings.steps)
        ],
        "split": settings.split.canonical(),
        **({"augment": settings.augment.canonical()} if settings.augment else {}),
    }


def run(work: Work[CurateSettings]) -> Mapping[str, Any]:
    from catenary.data import curate_files
    from catenary.data.card import card
    from catenary.data.executor import cores
    from catenary.data.shards import shard_paths

    def shards_of(role: str) -> tuple[Path, ...]:
        return tuple(
            shard
            for name, collection in work.inputs.items()
            if name.startswith(f"{role}.")
            for shard in shard_paths(collection.path, "raw")
        )

    settings = work.settings
    shards = shards_of("from")
    helpers: dict[str, Callable[..., Any]] = {"folder": Folder(work.base)}
    if settings.against:
        helpers["held_out"] = HeldOut(shards_of("against"))
    if settings.good:
        helpers["examples"] = Examples(shards_of("good"), shards_of("bad"))
    if settings.reviewed:
        helpers["reviewed"] = Reviews(tuple(work.base / one for one in settings.reviewed))
    if settings.tagger:
        tagger = work.inputs["tagger"]
        helpers["tagger"] = EntityTagger(tagger.path, tagger.manifest.settings.get("units", "words"))
    if settings.back_translate:
        roles = [f"back_translate.{name}" for name in settings.back_translate]
        helpers["through"] = BackTranslation(tuple(work.inputs[role].path for role in roles))
    large = sum(shard.stat().st_size for shard in shards) > WORTH_WORKERS
    made = curate_files(
        shards,
        settings.steps,
        settings.split,
        work.out,
        work.state,
        progress=work.progress,
        workers=cores() if large else 1,
        helpers=helpers,
        ray=settings.executor.ray if settings.executor else None,
        augment=settings.augment,
    )
    review = helpers["reviewed"]().summary() if settings.reviewed else {}
    for lang in LANGUAGES:
        for name, text in card(work.link.split(".", 1)[1], made, lang, review).items():
            (work.out / name).write_text(text, "utf-8")
    report = made.as_dict()
    share = report["kept"] / report["documents"]
    if review:
        report["review"] = review
    return {
        "headline": {"kept": report["kept"], "of": report["documents"], "share": round(share, 4)},
        **report,
    }


CURATE = Stage(
    name="curate",
    version=2,
    section="datasets",
    kind="dataset",
    owner="data_engineer",
    settings=CurateSettings,
    run=run,
    recipe=recipe,
    content=content,
    estimate=lambda settings, sizes: Estimate(
        1.0 + sum(sizes) / BYTES_PER_SECOND, (400 << 20) + sum(sizes), round(0.8 * sum(sizes))
    ),
)
