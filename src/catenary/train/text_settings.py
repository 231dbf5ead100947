"""What the objectives that write text can be told, beside how weights are moved."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Seq2SeqSettings(BaseModel):
    """Translation, summaries: a source is read, a target is written."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    label_smoothing: float = Field(0.1, ge=0, lt=1, description="Vaswani et al. 2017, §5.4")
    embeddings: Literal["random", "paired"] = Field(
        "random", description="where a new model's token embeddings start; paired: see embeddings.py"
    )


class SpanSettings(BaseModel):
    """Span corruption (T5): what is cut out of a text, to be written."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    noise_density: float = Field(0.15, gt=0, lt=1, description="share of the tokens that are cut out")
    mean_span: float = Field(3.0, ge=1, description="tokens of a span, on average")


class DenoiseSettings(BaseModel):
    """Denoising (BART): what is done to a text, to be undone."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    mask_rate: float = Field(0.3, ge=0, lt=1, description="share of the tokens that masks stand for")
    mean_span: float = Field(3.0, gt=0, description="tokens that one mask stands for, on average (Poisson)")
    permute: bool = Field(True, description="put the sentences of a text in another order")


class CopySettings(BaseModel):
    """Copying: what a model learns before it is to work with a memory."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    longest: int = Field(20, ge=2, description="tokens of a row")
    bare: float = Field(
        0.4, ge=0, le=1, description="share of the rows with nothing in front of what is copied"
    )


class ChatSettings(BaseModel):
    """Supervised fine-tuning on conversations."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    turns: Literal["all", "last"] = Field("all", description="which of the assistant's replies are learnt")
    max_tokens: int | None = Field(
        None, ge=8, description="longer conversations lose their earliest turns; none: the model's positions"
    )


class PreferenceSettings(BaseModel):
    """Direct preference optimisation (Rafailov et al. 2023, 2305.18290)."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    beta: float = Field(0.1, gt=0, description="how much straying from the reference costs")
    label_smoothing: float = Field(
        0.0, ge=0, lt=0.5, description="chance that a preference is the wrong way round (Mitchell 2023)"
    )
    max_tokens: int | None = Field(None, ge=8, description="of prompt and reply; none: the model's positions")


class DistilSettings(BaseModel):
    """Learning what a teacher thinks likely (Hinton et al. 2015, 1503.02531)."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    temperature: float = Field(
        2.0, gt=0, description="of both distributions; what is unlikely weighs more above 1"
    )
    weight: float = Field(
        0.5, ge=0, le=1, description="of the teacher's distribution; the rest is the text's"
    )
