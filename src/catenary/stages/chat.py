"""chat: a language model and conversations → one that answers; preferences between replies → one that answers better.

    models:
      helper: {init: base, task: chat, from: talk}
      light:  {init: base, task: chat, from: talk, adapter: {lora: {rank: 16}}}    # an adapter of a few megabytes
      polite: {init: helper, task: preference, from: votes, beta: 0.1}
      small:  {init: tiny, task: chat, from: talk, teacher: helper}                # learns what its teacher thinks

The loss counts what the assistant says, by the model's own chat template; `first_batch.md` shows tokens and mask of the
first step. With `teacher:` a student of the same vocabulary learns its distribution; with `from_samples: true` the
teacher's own replies take the place of the dataset's, whatever its vocabulary, and are kept in `samples.jsonl`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from catenary.chain.stage import Estimate, Ref, Stage, Work
from catenary.errors import InvalidInput
from catenary.models.adapter_settings import LoraSettings
from catenary.stages.dialogues import Talk, preferences_of, questions_of, talks_of
from catenary.stages.launched import LaunchedSettings
from catenary.stages.open_model import open_model
from catenary.stages.pictures import draw_losses
from catenary.stages.settings import part_of
from catenary.stages.sizes import ADAPTING, ANSWERING, PREFERRING, dialled
from catenary.stages.watched import watched
from catenary.train.settings import TrainSettings
from catenary.train.text_settings import ChatSettings, DistilSettings, PreferenceSettings

BYTES_PER_SECOND = 3e3  # of a dataset's Parquet files and one pass, for a model of 135M on two cores
ADAPTER_BYTES = 1 << 20  # a rank, on the layers of such a model
TRAINING_MEMORY = 6  # times the model's file: masters, averages, gradients and what a step holds


class AdapterSettings(BaseModel):
    """`adapter:` what learns beside frozen weights. DoRA is `lora: {dora: true}`."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    lora: LoraSettings


class ChatStageSettings(LaunchedSettings, ChatSettings):
    """What to start from, whose conversations, and how (TrainSettings, ChatSettings)."""

    init: Annotated[str, Ref("models")]
    task: Literal["chat"]
    from_: Annotated[str, Ref("datasets")] = Field(alias="from")
    adapter: AdapterSettings | None = None
    teacher: Annotated[str | None, Ref("models")] = None
    from_samples: bool = Field(False, description="learn the teacher's own replies, not its distribution")
    max_new_tokens: int = Field(128, ge=1, description="of a sampled reply")
    sample_temperature: float = Field(0.0, ge=0, description="of a sampled reply; 0: the likeliest")
    distil: DistilSettings = DistilSettings()

    @model_validator(mode="before")
    @classmethod
    def _dial(cls, raw: Any) -> Any:
        if not isinstance(raw, dict):
            return raw
        return dialled(raw, ADAPTING if raw.get("adapter") else ANSWERING)

    @model_validator(mode="after")
    def _fits(self) -> ChatStageSettings:
        if self.from_samples and self.teacher is None:
            raise InvalidInput(
                "Samples come from a teacher.", got="from_samples", expected="`teacher: <link>`"
            )
        return self


class PreferenceStageSettings(LaunchedSettings, PreferenceSettings):
    """What to start from (it is the reference too), whose preferences, and how."""

    init: Annotated[str, Ref("models")]
    task: Literal["preference"]
    from_: Annotated[str, Ref("datasets")] = Field(alias="from")
    adapter: AdapterSettings | None = None

    @model_validator(mode="before")
    @classmethod
    def _dial(cls, raw: Any) -> Any:
        return dialled(raw, PREFERRING) if isinstance(raw, dict) else raw


def run_chat(work: Work[ChatStageSettings]) -> Mapping[str, Any]:
    from catenary.train import finetune_chat

    settings = work.settings
    dataset, init = work.inputs["from"].path, work.inputs["init"]
    talks: Sequence[Talk] = talks_of(dataset, "train")
    teacher = None
    if settings.teacher is not None and not settings.from_samples:
        teacher = (open_model(work, work.inputs["teacher"], "clm"), settings.distil)
    elif settings.teacher is not None:
        talks = _sampled(work)
    report = finetune_chat(
        open_model(work, init, "clm"),
        init.path,
        talks,
        part_of(settings, TrainSettings),
        work.out,
        chat=part_of(settings, ChatSettings),
        adapted=_adapted(settings.adapter, init.id),
        teacher=teacher,
        valid=talks_of(dataset, "valid"),
        show=lambda first: _show_first_batch(first, work.out),
        state=work.state,
        progress=work.progress,
        launch=work.settings.train,
    )
    draw_losses(report, work.out)
    first = report["first_batch"]
    headline = {
        "parameters": report["parameters"],
        "steps": report["steps"],
        "loss": round(report["curve"][-1][1], 3),
    }
    if report["valid"]:
        headline["perplexity of replies"] = round(report["valid"]["perplexity"], 3)
    rest = {name: value for name, value in report.items() if name != "first_batch"}
    return {"headline": headline, "counted": sum(counts for _, counts in first), **rest}


def run_preference(work: Work[PreferenceStageSettings]) -> Mapping[str, Any]:
    from catenary.train import Preference, finetune_preference

    dataset, init = work.inputs["from"].path, work.inputs["init"]
    report = finetune_preference(
        open_model(work, init, "clm"),
        init.path,
        [Preference(*one) for one in preferences_of(dataset, "train")],
        part_of(work.settings, TrainSettings),
        work.out,
        preference=part_of(work.settings, PreferenceSettings),
        adapted=_adapted(work.settings.adapter, init.id),
        valid=[Preference(*one) for one in preferences_of(dataset, "valid")],
        state=work.state,
        progress=work.progress,
        launch=work.settings.train,
    )
    draw_losses(report, work.out)
    headline = {
        "parameters": report["parameters"],
        "steps": report["steps"],
        "loss": round(report["curve"][-1][1], 3),
    }
    if report["valid"]:
        headline["valid accuracy"] = round(report["valid"]["accuracy"], 4)
        headline["margin"] = round(report["valid"]["margin"], 3)
    return {"headline": headline, **report}


def _adapted(adapter: AdapterSettings | None, base: str) -> Any:
    from catenary.train import Adapted

    return None if adapter is None else Adapted(adapter.lora, base)


def _sampled(work: Work[ChatStageSettings]) -> list[Talk]:
    """The dataset's prompts with the teacher's replies, which are kept beside the model."""
    from catenary.stages.answers import answer_talks

    _, prompts, _ = questions_of(work.inputs["from"].path, "train")
    settings, teacher = work.settings, work.inputs["teacher"]
    replies = answer_talks(
        open_model(work, teacher, "clm"),
        teacher.path,
        prompts,
        max_new_tokens=settings.max_new_tokens,
        temperature=settings.sample_temperature,
        seed=settings.seed,
        progress=work.progress,
    )
    talks = [
        [*prompt, {"role": "assistant", "content": reply}]
        for prompt, reply in zip(prompts, replies, strict=True)
    ]
    with (work.out / "samples.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps({"messages": talk}, ensure_ascii=False) + "\n" for talk in talks)
    return talks


def _show_first_batch(first: Sequence[tuple[str, bool]], out: Path) -> None:
    """On the terminal, what counts in green; in `first_batch.md`, what counts in bold brackets."""
    import sys

    from rich.console import Console
    from rich.text import Text

    text = Text()
    for token, counts in first:
        text.append(token, style="bold green" if counts else "dim")
    if sys.stderr.isatty():
        Console(stderr=True).print(text)
    told = "".join(f"⟦{token}⟧" if counts else token for token, counts in first)
    (out / "first_batch.md").write_text(f"⟦ ⟧\n\n```text\n{told}\n```\n", "utf-8")


def estimate(settings: TrainSettings, sizes: Sequence[int]) -> Estimate:
    """By the passes over the dataset."""
    data, model = min(sizes), max(sizes)
    adapter = getattr(settings, "adapter", None)
    memory = (1400 << 20) + (2 if adapter else TRAINING_MEMORY) * model
    disk = ADAPTER_BYTES * adapter.lora.rank if adapter else model
    return Estimate(20 + data * (settings.epochs or 1) / BYTES_PER_SECOND, memory, disk)


CHAT = Stage(
    name="chat",
    version=1,
    section="models",
    kind="model",
    owner="training_engineer",
    settings=ChatStageSettings,
    run=run_chat,
    takes=lambda raw: "init" in raw and raw.get("task") == "chat",
    estimate=estimate,
    forecast=watched,
)

PREFERENCE = Stage(
    name="preference",
    version=1,
    section="models",
    kind="model",
    owner="training_engineer",
    settings=PreferenceStageSettings,
    run=run_preference,
    takes=lambda raw: "init" in raw and raw.get("task") == "preference",
    estimate=estimate,
    forecast=watched,
)
