"""pretrain: a dataset's training split → a model that has read it, from scratch or on from another model.

    models:
      base: {family: bert, size: nano, objective: mlm, from: reviews, tokenizer: zh}     # an encoder: masked tokens
      writer: {family: llama, size: nano, objective: clm, from: reviews, tokenizer: zh}  # a decoder: next tokens
      more: {init: writer, objective: clm, from: news}                                   # the same, read on

`size:` is a dial (`sizes.py`); `hidden_size`, `epochs`, `learning_rate` … can each be set on their own. The model
carries its tokenizer and its training settings, so nothing after it needs to be told of them. A decoder's perplexity
on the validation split is that of the n-gram control on the same tokens: each document's end counts as one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema, field_validator, model_validator

from catenary.chain.stage import Estimate, Known, Ref, Stage, Work
from catenary.data.texts import texts_of
from catenary.errors import InvalidInput
from catenary.stages.exposure import named_documents
from catenary.stages.launched import LaunchedSettings
from catenary.stages.pictures import draw_losses
from catenary.stages.reading import reading_of
from catenary.stages.settings import part_of
from catenary.stages.sizes import CAUSAL, GOING_ON, PRETRAINING, SHAPE, Size, dialled, shape
from catenary.stages.watched import watched
from catenary.train.settings import MaskedLMSettings, TrainSettings

START_SECONDS = 4.0  # to load torch, read the text and write the model
BYTES_PER_TOKEN = 6  # of a dataset's Parquet files, which are compressed
FLOPS_PER_SECOND = 120e9  # of small steps on two cores
SECONDS_PER_TOKEN = 2e-5  # what a small step costs besides its matrix products

ENCODERS, DECODERS = ("bert", "roberta"), ("gpt2", "llama", "mistral", "qwen2", "qwen3")
ONE_OR_SEVERAL = {
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]
}


class PretrainSettings(LaunchedSettings, MaskedLMSettings):
    """A new model's shape or the one to go on with, how it is trained (TrainSettings), what is hidden from an encoder
    (MaskedLMSettings)."""

    family: Literal["bert", "roberta", "gpt2", "llama", "mistral", "qwen2", "qwen3"] | None = None
    init: Annotated[str | None, Ref("models")] = None
    size: Size | None = None
    objective: Literal["mlm", "clm"] = "mlm"  # the dial says clm for decoders; `init:` says it itself
    from_: Annotated[list[str], Ref("datasets"), WithJsonSchema(ONE_OR_SEVERAL)] = Field(
        alias="from", min_length=1
    )
    tokenizer: Annotated[str | None, Ref("tokenizers")] = None
    # The dial sets these where they are left out; a model that is gone on with has its own.
    hidden_size: int | None = Field(default=None, ge=8)
    num_hidden_layers: int | None = Field(default=None, ge=1)
    num_attention_heads: int | None = Field(default=None, ge=1)
    num_key_value_heads: int | None = Field(default=None, ge=1)
    intermediate_size: int | None = Field(default=None, ge=8)
    max_position_embeddings: int | None = Field(default=None, ge=8)

    @model_validator(mode="before")
    @classmethod
    def _dial(cls, raw: Any) -> Any:
        if not isinstance(raw, dict):
            return raw
        if "init" in raw:
            return dialled(raw, GOING_ON)
        family, size = raw.get("family"), raw.get("size", "nano")
        causal = family in DECODERS
        dial = (CAUSAL if causal else PRETRAINING).get(size)
        if family not in (*ENCODERS, *DECODERS) or dial is None:
            return raw
        objective = "clm" if causal else "mlm"
        return dialled(raw, {"size": size, "objective": objective, **dial, **shape(family, size)})

    @field_validator("from_", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _fits(self) -> PretrainSettings:
        if (self.init is None) == (self.family is None):
            raise InvalidInput("Set either family, for a new model, or init, for one to go on with.")
        said = [name for name in ("size", "tokenizer", *SHAPE) if getattr(self, name) is not None]
        if self.init is not None and said:
            raise InvalidInput(
                "The model that is gone on with has its shape and its tokenizer.", got=", ".join(said)
            )
        if self.init is None and self.tokenizer is None:
            raise InvalidInput("A new model needs a tokenizer.", expected="`tokenizer: <link>`")
        if self.family is not None and (self.objective == "clm") != (self.family in DECODERS):
            raise InvalidInput(
                "This family does not learn by this objective.",
                got=f"{self.family}, {self.objective}",
                expected="mlm for {encoders}; clm for {decoders}",
                encoders=", ".join(ENCODERS),
                decoders=", ".join(DECODERS),
            )
        masked = sorted(self.model_fields_set & MaskedLMSettings.model_fields.keys())
        if self.objective == "clm" and "embeddings" in masked:
            raise InvalidInput(
                "Only masked language models start from counted embeddings; a causal one learns them with the rest.",
                got=f"embeddings: {self.embeddings}",
                expected="no `embeddings` with the objective clm",
            )
        if self.objective == "clm" and masked:
            raise InvalidInput("Nothing is masked in causal language modelling.", got=", ".join(masked))
        if self.objective == "clm" and self.batch_tokens is None:
            raise InvalidInput(
                "Causal language modelling packs documents: batch_tokens says how many tokens a step has.",
                got=f"batch_size={self.batch_size}",
                expected="`batch_tokens: 2048`, for example",
            )
        return self


@dataclass(frozen=True)
class SplitTexts:
    """The texts of a split of several datasets, read anew each time they are gone through."""

    datasets: Sequence[Path]
    split: str

    def __iter__(self) -> Iterator[str]:
        for dataset in self.datasets:
            yield from texts_of(dataset, self.split)


def run(work: Work[PretrainSettings]) -> Mapping[str, Any]:
    from catenary.models import TransformerConfig, configure
    from catenary.tokenizer import load
    from catenary.train import pretrain, pretrain_causal

    settings = work.settings
    datasets = [artifact.path for role, artifact in work.inputs.items() if role.startswith("from.")]
    texts, valid = SplitTexts(datasets, "train"), SplitTexts(datasets, "valid")
    start: TransformerConfig | Path
    if settings.family is None:
        start = tokenizer = work.inputs["init"].path
    else:
        tokenizer = work.inputs["tokenizer"].path
        vocabulary = load(tokenizer)
        ids: dict[str, Any] = {"pad_token_id": vocabulary.pad_id}
        if settings.objective == "clm":
            ids |= {"bos_token_id": vocabulary.bos_id, "eos_token_id": vocabulary.eos_id}
        chosen = {name: getattr(settings, name) for name in SHAPE}
        start = configure(
            settings.family,
            vocab_size=vocabulary.vocab_size,
            **ids,
            **{name: value for name, value in chosen.items() if value is not None},
        )
    with named_documents(datasets):
        if settings.objective == "clm":
            report = pretrain_causal(
                texts,
                tokenizer,
                start,
                part_of(settings, TrainSettings),
                work.out,
                valid=valid,
                state=work.state,
                progress=work.progress,
                processes=settings.train.processes,
                sharding=settings.train.sharding,
            )
        else:
            report = pretrain(
                list(texts),
                tokenizer,
                start,
                part_of(settings, TrainSettings),
                work.out,
                masking=part_of(settings, MaskedLMSettings),
                valid=list(valid),
                state=work.state,
                progress=work.progress,
                processes=settings.train.processes,
                sharding=settings.train.sharding,
            )
    draw_losses(report, work.out)
    headline = {
        "parameters": report["parameters"],
        "steps": report["steps"],
        "loss": round(report["curve"][-1][1], 3),
    }
    if report["valid"]:
        headline["valid loss"] = round(report["valid"]["loss"], 3)
        if settings.objective == "clm":
            headline["perplexity"] = round(report["valid"]["perplexity"], 3)
            headline["bits per byte"] = round(report["valid"]["bits_per_byte"], 4)
    return {"headline": headline, **report}


def estimate(settings: PretrainSettings, sizes: Sequence[int]) -> Estimate:
    """Six floating-point operations a weight and token (Kaplan et al. 2020, 2001.08361), and the tokens' own cost."""
    tokens = sum(sizes) / BYTES_PER_TOKEN * (settings.epochs or 1)
    if settings.steps and settings.batch_tokens:
        tokens = settings.steps * settings.batch_tokens
    layers, width, inner = settings.num_hidden_layers, settings.hidden_size, settings.intermediate_size
    weights = (layers or 2) * (width or 128) * (4 * (width or 128) + 2 * (inner or 512))
    return Estimate(
        5 + tokens * (6 * weights / FLOPS_PER_SECOND + SECONDS_PER_TOKEN),
        (1400 << 20) + 16 * weights,
        4 * weights + (8 << 20),
    )


def forecast(settings: PretrainSettings, known: Mapping[str, Known], measure: bool) -> Estimate | None:
    """By what a few steps of this shape take on this machine; None where the model's shape or text is not known."""
    if settings.init is not None:
        return watched(settings, known, measure)
    from catenary.train.forecast import forecast as costs

    tokenizer = known.get("tokenizer")
    reading = reading_of([one for role, one in known.items() if role.startswith("from.")], tokenizer)
    if tokenizer is None or settings.batch_tokens is None:
        return None
    if reading is None and (settings.steps is None or settings.objective == "mlm"):
        return None
    vocab_size = (
        tokenizer.artifact.manifest.report["headline"]["tokens"]
        if tokenizer.artifact
        else getattr(tokenizer.settings, "vocab_size", None)
    )
    chosen = {name: getattr(settings, name) for name in SHAPE}
    shape = {name: value for name, value in chosen.items() if value is not None}
    if vocab_size is None or not {"num_hidden_layers", "max_position_embeddings"} <= shape.keys():
        return None
    context = int(shape["max_position_embeddings"])
    tokens, documents = (reading.tokens, reading.documents) if reading else (context, 1)
    length = max(8, min(context, round(tokens / max(1, documents))))
    if settings.objective == "mlm":
        length = -(-length // 8) * 8  # padded
        tokens = length * documents
    in_pass = max(1, -(-tokens // settings.batch_tokens))
    passes = -(-settings.least_steps // in_pass)
    steps = settings.steps or in_pass * max(settings.epochs or 0, passes)
    # The last step of a pass is shorter than the others.
    step_tokens = tokens // in_pass if reading else settings.batch_tokens
    told = part_of(settings, TrainSettings)
    moving = {
        **{name: getattr(told, name) for name in ("optimiser", "precision", "dropout", "ema")},
        "steps": 1,
        "batch_tokens": settings.batch_tokens,
    }
    cost = costs(
        {
            "family": settings.family,
            "objective": settings.objective,
            "vocab_size": vocab_size,
            "shape": shape,
            "settings": moving,
            "document_tokens": length,
            "mask_rate": settings.mask_rate,
        },
        max(1, step_tokens // settings.accumulate),
        measure=measure,
    )
    if cost is None:
        return None
    validations = steps // settings.eval_every if settings.eval_every else -(-steps // in_pass)
    held_out = reading.held_out if reading else 0
    weights = approximate_weights(shape, int(vocab_size))
    return Estimate(
        START_SECONDS
        + cost.seconds(steps, settings.accumulate)
        + validations * held_out * cost.valid_token_seconds,
        cost.memory_bytes + (4 * weights if settings.monitor else 0),
        4 * weights + (8 << 20),
    )


def approximate_weights(shape: Mapping[str, Any], vocab_size: int) -> int:
    """Of a Transformer of this shape, biases and norms left out."""
    width, inner = shape.get("hidden_size", 128), shape.get("intermediate_size", 512)
    return int(vocab_size * width + shape["num_hidden_layers"] * width * (4 * width + 3 * inner))


PRETRAIN = Stage(
    name="pretrain",
    version=1,
    section="models",
    kind="model",
    owner="training_engineer",
    settings=PretrainSettings,
    run=run,
    families=(*ENCODERS, *DECODERS),
    takes=lambda raw: "init" not in raw or raw.get("objective") in ("mlm", "clm"),
    estimate=estimate,
    forecast=forecast,
)
