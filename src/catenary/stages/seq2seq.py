"""seq2seq: pairs of texts → an encoder–decoder that writes one from the other; raw text → one that undoes damage.

    models:
      mt:    {family: marian, objective: translate, from: help, tokenizer: both}      # from scratch, on pairs
      base:  {family: t5, objective: span, from: news, tokenizer: zh}                 # T5's span corruption
      other: {family: bart, objective: denoise, from: news, tokenizer: zh}            # BART's denoising
      able:  {family: t5, objective: copy, from: help, tokenizer: both}               # copies rows of random tokens …
      edits: {init: able, task: translate, from: help, memory: pairs}                 # … and reads what is nearest
      brief: {init: base, task: summarise, from: briefs}                              # a pretrained one, tuned
      quick: {init: mt, task: translate, from: help, teacher: large}                  # learns from the teacher

Pairs stand in the columns `source` and `target` (docs/data-columns.md). With `from_samples: true` the teacher's own
targets take the place of the dataset's (Kim and Rush 2016, 1606.07947, §3.2), and are kept in `samples.jsonl`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from catenary.chain.stage import Estimate, Ref, Stage, Work
from catenary.data.texts import texts_of
from catenary.errors import InvalidInput
from catenary.stages.chat import AdapterSettings
from catenary.stages.dialogues import groups_of, pairs_of
from catenary.stages.launched import LaunchedSettings
from catenary.stages.open_model import open_model
from catenary.stages.pictures import draw_losses
from catenary.stages.settings import part_of
from catenary.stages.sizes import COPYING, RESTORING, SHAPE, TRANSDUCING, TUNING, Size, dialled, shape
from catenary.stages.watched import watched
from catenary.train.settings import TrainSettings
from catenary.train.text_settings import (
    CopySettings,
    DenoiseSettings,
    DistilSettings,
    Seq2SeqSettings,
    SpanSettings,
)

if TYPE_CHECKING:
    from catenary.models.baselines import Memory
    from catenary.models.baselines.memory import Places

FAMILIES = ("t5", "bart", "marian")
RESTORES = ("span", "denoise", "copy")  # the objectives that learn from raw text
BYTES_PER_SECOND = 9e3  # of a dataset's Parquet files and one pass, of the smallest size


class NewSeq2SeqSettings(LaunchedSettings, Seq2SeqSettings):
    """A new model's shape, what it learns from, and how (TrainSettings, Seq2SeqSettings)."""

    family: Literal["t5", "bart", "marian"]
    size: Size = "nano"
    objective: Literal["translate", "summarise", "span", "denoise", "copy"]
    from_: Annotated[str, Ref("datasets")] = Field(alias="from")
    tokenizer: Annotated[str, Ref("tokenizers")]
    hidden_size: int | None = Field(default=None, ge=8)
    num_hidden_layers: int | None = Field(default=None, ge=1)
    num_decoder_layers: int | None = Field(default=None, ge=1)
    num_attention_heads: int | None = Field(default=None, ge=1)
    intermediate_size: int | None = Field(default=None, ge=8)
    max_position_embeddings: int | None = Field(default=None, ge=8)
    span: SpanSettings | None = None
    denoise: DenoiseSettings | None = None
    copy_: CopySettings | None = Field(default=None, alias="copy")
    memory: Annotated[str | None, Ref("models")] = None

    @model_validator(mode="before")
    @classmethod
    def _dial(cls, raw: Any) -> Any:
        if not isinstance(raw, dict):
            return raw
        family, size = raw.get("family"), raw.get("size", "nano")
        restores = raw.get("objective") in RESTORES
        dials = RESTORING if restores else TRANSDUCING
        dial = COPYING if raw.get("objective") == "copy" else dials.get(size)
        if family not in FAMILIES or dial is None:
            return raw
        return dialled(raw, {**dial, **shape(family, size)})

    @model_validator(mode="after")
    def _fits(self) -> NewSeq2SeqSettings:
        for name, given in (("span", self.span), ("denoise", self.denoise), ("copy", self.copy_)):
            if given is not None and self.objective != name:
                raise InvalidInput(
                    "These settings belong to another objective.",
                    got=name,
                    expected="`objective: {name}`",
                    name=name,
                )
        pairs = sorted(self.model_fields_set & {*Seq2SeqSettings.model_fields, "memory"})
        if self.objective in RESTORES and pairs:
            raise InvalidInput(
                "These settings belong to another objective.",
                got=", ".join(pairs),
                expected="`objective: {name}`",
                name="translate",
            )
        return self


class TunedSeq2SeqSettings(LaunchedSettings, Seq2SeqSettings):
    """What to start from, what it learns from, and how (TrainSettings, Seq2SeqSettings)."""

    init: Annotated[str, Ref("models")]
    task: Literal["translate", "summarise"]
    from_: Annotated[str, Ref("datasets")] = Field(alias="from")
    adapter: AdapterSettings | None = None
    memory: Annotated[str | None, Ref("models")] = None
    teacher: Annotated[str | None, Ref("models")] = None
    from_samples: bool = Field(False, description="learn the teacher's own targets, not its distribution")
    beams: int = Field(1, ge=1, le=16, description="of the teacher's targets")
    max_new_tokens: int = Field(128, ge=1, description="of a target that the teacher writes")
    distil: DistilSettings = DistilSettings()

    @model_validator(mode="before")
    @classmethod
    def _dial(cls, raw: Any) -> Any:
        return dialled(raw, TUNING) if isinstance(raw, dict) else raw

    @model_validator(mode="after")
    def _fits(self) -> TunedSeq2SeqSettings:
        if self.from_samples and self.teacher is None:
            raise InvalidInput(
                "Samples come from a teacher.", got="from_samples", expected="`teacher: <link>`"
            )
        return self


def run_new(work: Work[NewSeq2SeqSettings]) -> Mapping[str, Any]:
    from catenary.models import configure
    from catenary.tokenizer import load
    from catenary.train import pretrain_seq2seq, train_seq2seq

    settings, dataset = work.settings, work.inputs["from"].path
    tokenizer = work.inputs["tokenizer"].path
    vocabulary = load(tokenizer)
    chosen = {name: getattr(settings, name, None) for name in (*SHAPE, "num_decoder_layers")}
    config = configure(
        settings.family,
        vocab_size=vocabulary.vocab_size,
        pad_token_id=vocabulary.pad_id,
        bos_token_id=vocabulary.bos_id,
        eos_token_id=vocabulary.eos_id,
        decoder_start_token_id=vocabulary.pad_id,
        **{name: value for name, value in chosen.items() if value is not None},
    )
    training = part_of(settings, TrainSettings)
    rest: dict[str, Any] = {"state": work.state, "progress": work.progress, "launch": settings.train}
    if settings.objective in RESTORES:
        damages: dict[str, SpanSettings | DenoiseSettings | CopySettings] = {
            "span": settings.span or SpanSettings(),
            "denoise": settings.denoise or DenoiseSettings(),
            "copy": settings.copy_ or CopySettings(),
        }
        report = pretrain_seq2seq(
            list(texts_of(dataset, "train")),
            config,
            tokenizer,
            training,
            work.out,
            damage=damages[settings.objective],
            valid=list(texts_of(dataset, "valid")),
            **rest,
        )
    else:
        report = train_seq2seq(
            pairs_of(dataset, "train")[1:],
            config,
            tokenizer,
            training,
            work.out,
            seq2seq=part_of(settings, Seq2SeqSettings),
            memory=_memory(work),
            valid=pairs_of(dataset, "valid")[1:],
            **rest,
        )
    return _told(work, report)


def run_tuned(work: Work[TunedSeq2SeqSettings]) -> Mapping[str, Any]:
    from catenary.train import Adapted, train_seq2seq

    settings, dataset, init = work.settings, work.inputs["from"].path, work.inputs["init"]
    _, sources, targets = pairs_of(dataset, "train")
    teacher = None
    if settings.teacher is not None and not settings.from_samples:
        teacher = (open_model(work, work.inputs["teacher"], "seq2seq"), settings.distil)
    elif settings.teacher is not None:
        targets = _sampled(work, sources)
    report = train_seq2seq(
        (sources, targets),
        open_model(work, init, "seq2seq"),
        init.path,
        part_of(settings, TrainSettings),
        work.out,
        seq2seq=part_of(settings, Seq2SeqSettings),
        adapted=None if settings.adapter is None else Adapted(settings.adapter.lora, init.id),
        teacher=teacher,
        memory=_memory(work),
        valid=pairs_of(dataset, "valid")[1:],
        state=work.state,
        progress=work.progress,
        launch=settings.train,
    )
    return _told(work, report)


def _memory(work: Work[Any]) -> tuple[Memory, list[Places]] | None:
    """The memory, and which of its pairs each pair of the dataset is not to find: itself, and those of its group where
    the dataset is split by groups, as no held-out pair finds one of its own."""
    from catenary.models.baselines import Memory

    if work.settings.memory is None:
        return None
    artifact, dataset = work.inputs["memory"], work.inputs["from"]
    if artifact.stage != "remember":
        raise InvalidInput(
            "This model is no memory.",
            where=f"{work.link}.memory",
            got=work.settings.memory,
            expected="family: memory",
        )
    memory = Memory.load(artifact.path)
    _, sources, targets = pairs_of(dataset.path, "train")
    groups = dict(zip(zip(sources, targets, strict=True), groups_of(dataset, "train"), strict=True))
    of: dict[str | None, list[int]] = {}
    for place, pair in enumerate(zip(memory.sources, memory.targets, strict=True)):
        of.setdefault(groups.get(pair), []).append(place)
    places = {group: np.asarray(found, np.int64) for group, found in of.items()}
    none = np.zeros(0, np.int64)
    return memory, [places.get(groups[pair], none) for pair in zip(sources, targets, strict=True)]


def _sampled(work: Work[TunedSeq2SeqSettings], sources: Sequence[str]) -> list[str]:
    """What the teacher writes for each source; kept beside the model."""
    from catenary.stages.answers import write_targets

    settings, teacher = work.settings, work.inputs["teacher"]
    targets = write_targets(
        open_model(work, teacher, "seq2seq"),
        teacher.path,
        sources,
        beams=settings.beams,
        max_new_tokens=settings.max_new_tokens,
        progress=work.progress,
    )
    with (work.out / "samples.jsonl").open("w", encoding="utf-8") as file:
        for source, target in zip(sources, targets, strict=True):
            file.write(json.dumps({"source": source, "target": target}, ensure_ascii=False) + "\n")
    return targets


def _told(work: Work[Any], report: Any) -> Mapping[str, Any]:
    draw_losses(report, work.out)
    headline = {
        "parameters": report["parameters"],
        "steps": report["steps"],
        "loss": round(report["curve"][-1][1], 3),
    }
    if report["valid"]:
        headline["valid loss"] = round(report["valid"]["loss"], 3)
    return {"headline": headline, **report}


def estimate(settings: TrainSettings, sizes: Sequence[int]) -> Estimate:
    """By the passes over the dataset."""
    return Estimate(20 + min(sizes) * (settings.epochs or 1) / BYTES_PER_SECOND, 1400 << 20, 64 << 20)


SEQ2SEQ = Stage(
    name="seq2seq",
    version=1,
    section="models",
    kind="model",
    owner="training_engineer",
    settings=NewSeq2SeqSettings,
    run=run_new,
    families=FAMILIES,
    takes=lambda raw: raw.get("family") in FAMILIES,
    estimate=estimate,
    forecast=watched,
)

TUNE_SEQ2SEQ = Stage(
    name="tune_seq2seq",
    version=1,
    section="models",
    kind="model",
    owner="training_engineer",
    settings=TunedSeq2SeqSettings,
    run=run_tuned,
    takes=lambda raw: "init" in raw and raw.get("task") in ("translate", "summarise"),
    estimate=estimate,
    forecast=watched,
)
