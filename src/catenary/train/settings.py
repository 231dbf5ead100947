"""What a training run can be told, whatever its objective."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from catenary.errors import InvalidInput

Sharding = Literal["none", "fsdp2"]
SHARDABLE = ("adamw", "sgd")  # optimisers that treat each number alone

# What a smaller value of is better; every other figure is better when larger.
LOWER_IS_BETTER = frozenset(
    {"loss", "perplexity", "bits_per_byte", "mae", "mse", "rmse", "cer", "wer", "ter"}
)


def is_better(figure: str, one: float, other: float) -> bool:
    """Whether `one` is a better value of this figure than `other`."""
    return one < other if figure in LOWER_IS_BETTER or figure.endswith(("_loss", "_error")) else one > other


class TrainSettings(BaseModel):
    """How weights are moved. Every field changes the result, so all of them belong to a recipe.

    Either `steps` or `epochs` (whole passes, as many more as `least_steps` takes) says how long; either
    `batch_tokens` (a budget that padding counts against) or `batch_size` (documents) says how much at a time.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    steps: int | None = Field(None, ge=1)
    epochs: int | None = Field(None, ge=1)
    least_steps: int = Field(
        0, ge=0, description="with epochs: more passes are made until there are so many steps"
    )
    batch_tokens: int | None = Field(None, ge=1)
    batch_size: int | None = Field(None, ge=1)
    accumulate: int = Field(
        1,
        ge=1,
        description="parts that a step is taken in, one after the other: the same step in less memory",
    )

    optimiser: Literal["adamw", "sgd", "adafactor", "muon"] = "adamw"
    learning_rate: float = Field(1e-3, gt=0)
    schedule: Literal["linear", "cosine", "constant", "wsd", "plateau"] = "linear"
    decay: float = Field(
        0.2, gt=0, le=1, description="with wsd: share of the steps over which the rate falls at last"
    )
    plateau_factor: float = Field(
        0.5, gt=0, lt=1, description="with plateau: what the rate is multiplied with"
    )
    plateau_patience: int = Field(
        2, ge=1, description="with plateau: validations without a better figure before that"
    )
    warmup: float = Field(0.06, ge=0, le=1, description="share of the steps over which the rate rises from 0")
    weight_decay: float = Field(0.01, ge=0)
    beta1: float = Field(0.9, ge=0, lt=1)
    beta2: float = Field(0.98, ge=0, lt=1)
    momentum: float = Field(0.95, ge=0, lt=1, description="of sgd and muon")
    clip: float = Field(
        1.0, gt=0, description="largest norm of the gradient; longer ones are shortened to it"
    )
    dropout: float = Field(0.1, ge=0, lt=1)
    ema: float | None = Field(None, gt=0, lt=1, description="decay of the averaged weights; none: no average")
    freeze: list[str] = Field(
        default=[],
        description="patterns of the names of weights that stay as they are: `model.embed_tokens.*`",
    )
    spike: float | None = Field(
        8.0,
        gt=0,
        description="deviations that the loss may rise before the run is stopped; none: any; see watchdog.py",
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="of matrix products; see precision.py"
    )
    seed: int = Field(0, ge=0, lt=2**32)

    eval_every: int | None = Field(None, ge=1, description="steps between validations; none: once an epoch")
    monitor: str | None = Field(
        None, description="validation figure whose best weights are kept; none: the last"
    )
    patience: int | None = Field(
        None, ge=1, description="validations without a better figure before it stops"
    )

    @model_validator(mode="after")
    def _agrees(self) -> TrainSettings:
        if (self.steps is None) == (self.epochs is None):
            raise InvalidInput("Set either steps or epochs.", got=f"steps={self.steps}, epochs={self.epochs}")
        if (self.batch_tokens is None) == (self.batch_size is None):
            raise InvalidInput(
                "Set either batch_tokens or batch_size.",
                got=f"batch_tokens={self.batch_tokens}, batch_size={self.batch_size}",
            )
        if self.least_steps and self.epochs is None:
            raise InvalidInput("least_steps goes with epochs; steps alone says how long.")
        if self.schedule == "plateau" and self.monitor is None:
            raise InvalidInput("The schedule plateau needs monitor: the validation figure that it waits for.")
        if self.patience is not None and self.monitor is None:
            raise InvalidInput("patience needs monitor: the validation figure to be patient about.")
        return self


def require_shardable(settings: TrainSettings, sharding: Sharding) -> None:
    """Refuse to share out the state of an optimiser that looks at whole matrices. Raises InvalidInput."""
    if sharding != "none" and settings.optimiser not in SHARDABLE:
        raise InvalidInput(
            "This optimiser looks at whole matrices: its state cannot be shared out.",
            got=f"optimiser: {settings.optimiser}, sharding: {sharding}",
            expected="one of: {names}",
            names=", ".join(SHARDABLE),
        )


class LaunchSettings(BaseModel):
    """How a run is carried out. Nothing here changes what comes of it but by rounding: no part of a recipe."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    processes: int = Field(1, ge=1, description="that share each step; `accumulate` has to be as large")
    sharding: Sharding = Field(
        "none", description="fsdp2: each process holds its share of the weights and of the optimiser's state"
    )


class MaskedLMSettings(BaseModel):
    """What is hidden in masked-LM pretraining, and what the token embeddings start from."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    mask_rate: float = Field(0.15, gt=0, lt=1, description="share of the ordinary tokens that are hidden")
    masking: Literal["dynamic", "static"] = Field(
        "dynamic", description="hidden anew each time a text comes up, or the same each time"
    )
    whole_words: bool = Field(
        False, description="hide all tokens of a word together; Chinese words are jieba's"
    )
    pairs: Literal["none", "next", "order"] = Field(
        "none",
        description="beside it: does the second stretch follow (NSP, BERT), or come first (SOP, ALBERT)?",
    )
    embeddings: Literal["random", "cooccurrence", "word2vec"] = Field(
        "random", description="where token embeddings start; see embeddings.py and word2vec.py"
    )


class CausalLMSettings(BaseModel):
    """Nothing to choose: every next token of every document is predicted."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class RecurrentSettings(BaseModel):
    """The shape of a recurrent model, and what its token embeddings start from."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    embedding_size: int = Field(256, ge=1)
    hidden_size: int = Field(256, ge=1)
    num_hidden_layers: int = Field(1, ge=1, le=64)
    tie_word_embeddings: bool | None = Field(
        None, description="of a language model; none: where embedding_size is hidden_size"
    )
    bidirectional: bool = Field(True, description="of a classifier; a language model reads one way")
    max_position_embeddings: int = Field(
        256, ge=2, description="tokens of a text that a classifier reads, and of a piece in training"
    )
    embeddings: Literal["random", "cooccurrence", "word2vec"] = Field(
        "random", description="where token embeddings start; see embeddings.py and word2vec.py"
    )
