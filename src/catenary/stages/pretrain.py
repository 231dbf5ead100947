"""pretrain: a dataset's training split → an encoder that has read it, by masked language modelling from scratch.

    models:
      base: {family: bert, size: nano, objective: mlm, from: reviews, tokenizer: zh}

`size:` is a dial (`sizes.py`); `hidden_size`, `epochs`, `learning_rate` … can each be set on their own. The model
carries its tokenizer and its training settings, so nothing after it needs to be told of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema, field_validator, model_validator

from catenary.chain.stage import Estimate, Ref, Stage, Work
from catenary.data.texts import texts_of
from catenary.stages.pictures import draw_losses
from catenary.stages.settings import part_of
from catenary.stages.sizes import PRETRAINING, SHAPE, Size, dialled, shape
from catenary.train.settings import MaskedLMSettings, TrainSettings

BYTES_PER_TOKEN = 6  # of a dataset's Parquet files, which are compressed
FLOPS_PER_SECOND = 120e9  # of small steps on two cores
SECONDS_PER_TOKEN = 2e-5  # what a small step costs besides its matrix products

ONE_OR_SEVERAL = {
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]
}


class PretrainSettings(TrainSettings, MaskedLMSettings):
    """The encoder's shape, how it is trained (TrainSettings), what is hidden from it (MaskedLMSettings)."""

    family: Literal["bert"]
    size: Size = "nano"
    objective: Literal["mlm"] = "mlm"
    from_: Annotated[list[str], Ref("datasets"), WithJsonSchema(ONE_OR_SEVERAL)] = Field(
        alias="from", min_length=1
    )
    tokenizer: Annotated[str, Ref("tokenizers")]
    # The dial sets these where they are left out; the defaults, `nano`'s, only tell the schema that they may be.
    hidden_size: int = Field(default=128, ge=8)
    num_hidden_layers: int = Field(default=2, ge=1)
    num_attention_heads: int = Field(default=4, ge=1)
    intermediate_size: int = Field(default=512, ge=8)
    max_position_embeddings: int = Field(default=512, ge=8)

    @model_validator(mode="before")
    @classmethod
    def _dial(cls, raw: Any) -> Any:
        size = raw.get("size", "nano") if isinstance(raw, dict) else ""
        return dialled(raw, {**PRETRAINING[size], **shape(size)}) if size in PRETRAINING else raw

    @field_validator("from_", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value


def run(work: Work[PretrainSettings]) -> Mapping[str, Any]:
    from catenary.models import configure
    from catenary.tokenizer import load
    from catenary.train import pretrain

    settings = work.settings
    datasets = [artifact.path for role, artifact in work.inputs.items() if role.startswith("from.")]
    tokenizer = work.inputs["tokenizer"].path
    vocabulary = load(tokenizer)
    report = pretrain(
        [text for dataset in datasets for text in texts_of(dataset, "train")],
        tokenizer,
        configure(
            settings.family,
            vocab_size=vocabulary.vocab_size,
            pad_token_id=vocabulary.pad_id,
            **{name: getattr(settings, name) for name in SHAPE},
        ),
        part_of(settings, TrainSettings),
        work.out,
        masking=part_of(settings, MaskedLMSettings),
        valid=[text for dataset in datasets for text in texts_of(dataset, "valid")],
        state=work.state,
        progress=work.progress,
    )
    draw_losses(report, work.out)
    headline = {
        "parameters": report["parameters"],
        "steps": report["steps"],
        "loss": round(report["curve"][-1][1], 3),
    }
    if report["valid"]:
        headline["valid loss"] = round(report["valid"]["loss"], 3)
    return {"headline": headline, **report}


def estimate(settings: PretrainSettings, sizes: Sequence[int]) -> Estimate:
    """Six floating-point operations a weight and token (Kaplan et al. 2020, 2001.08361), and the tokens' own cost."""
    tokens = sum(sizes) / BYTES_PER_TOKEN * (settings.epochs or 1)
    if settings.steps and settings.batch_tokens:
        tokens = settings.steps * settings.batch_tokens
    weights = (
        settings.num_hidden_layers
        * settings.hidden_size
        * (4 * settings.hidden_size + 2 * settings.intermediate_size)
    )
    return Estimate(
        5 + tokens * (6 * weights / FLOPS_PER_SECOND + SECONDS_PER_TOKEN),
        (1400 << 20) + 16 * weights,
        4 * weights + (8 << 20),
    )


PRETRAIN = Stage(
    name="pretrain",
    version=1,
    section="models",
    kind="model",
    owner="training_engineer",
    settings=PretrainSettings,
    run=run,
    families=("bert",),
    takes=lambda raw: "init" not in raw,
    estimate=estimate,
)
