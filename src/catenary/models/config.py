"""What a Transformer is made of: one frozen value that says everything the arithmetic depends on.

Names are Hugging Face's (Llama's, where families differ). A family fixes most of them (`families/`); a size sets
the rest (`sizes.py`).

    >>> from catenary.models import configure
    >>> configure("bert", "nano", vocab_size=8000).hidden_size % 2
    0
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from catenary.errors import InvalidInput

Kind = Literal["encoder", "decoder", "encoder-decoder"]
Position = Literal["learned", "sinusoidal", "rotary", "relative", "none"]
Norm = Literal["layer", "rms"]
NormAt = Literal["pre", "post"]
Activation = Literal["gelu", "gelu_tanh", "relu", "silu", "tanh"]
Pooling = Literal["first", "last", "mean"]
HeadName = Literal["clm", "mlm", "mlm+nsp", "seq2seq", "classify", "tag", "span", "embed"]

MAX_DIMENSION = (
    1 << 24
)  # no published model is wider, deeper or has more tokens: past it, the file is damaged
Size = Annotated[int, Field(gt=0, le=MAX_DIMENSION)]
# The deepest that was published has 1,000 layers (Wang et al. 2022, DeepNet). Each is laid out before a tensor is seen.
Depth = Annotated[int, Field(gt=0, le=1024)]
TokenId = Annotated[int, Field(ge=-1, lt=MAX_DIMENSION)]  # −1 says in some files that there is none
MAX_TABLE = 1 << 25  # numbers of a computed table, 128 MiB; learned ones are as large as their file
Probability = Annotated[float, Field(ge=0, lt=1)]


DECODER_SIZES = {  # a decoder's size → the encoder's, which it follows where it is left out
    "num_decoder_layers": "num_hidden_layers",
    "decoder_attention_heads": "num_attention_heads",
    "decoder_intermediate_size": "intermediate_size",
}


class RotaryScaling(BaseModel):
    """How rotary positions are stretched past the length that they were trained on; Hugging Face's names.

    linear: Chen et al. 2023 (2306.15595); yarn: Peng et al. 2023 (2309.00071); llama3: the Llama 3 herd (2407.21783).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    rope_type: Literal["linear", "yarn", "llama3"]
    factor: Annotated[float, Field(ge=1)]
    original_max_position_embeddings: Size | None = None
    low_freq_factor: float = 1.0  # llama3
    high_freq_factor: float = 4.0  # llama3
    attention_factor: float | None = None  # yarn
    beta_fast: Annotated[float, Field(gt=0)] = 32.0  # yarn
    beta_slow: Annotated[float, Field(gt=0)] = 1.0  # yarn
    truncate: bool = True  # yarn

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.high_freq_factor <= self.low_freq_factor:
            raise ValueError("high_freq_factor must be larger than low_freq_factor")
        return self


class TransformerConfig(BaseModel):
    """All that the forward pass depends on. Sizes count elements; where there are two stacks, the encoder's."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    family: str
    kind: Kind

    # sizes
    vocab_size: Size
    hidden_size: Size
    num_hidden_layers: Depth
    num_attention_heads: Size
    num_key_value_heads: Size  # num_attention_heads where left out
    head_dim: Size  # hidden_size / num_attention_heads where left out
    intermediate_size: Size
    max_position_embeddings: Size = 512
    type_vocab_size: Annotated[int, Field(ge=0, le=MAX_DIMENSION)] = 0
    num_decoder_layers: Depth | None = None  # of an encoder-decoder; as the encoder's where left out
    decoder_attention_heads: Size | None = None
    decoder_intermediate_size: Size | None = None

    # positions
    position: Position = "learned"
    position_offset: Annotated[int, Field(ge=0, le=MAX_DIMENSION)] = 0  # rows of the table before position 0
    positions_skip_padding: bool = False  # count tokens that are not padding (RoBERTa)
    rope_theta: Annotated[float, Field(gt=1)] = 10_000.0
    rope_scaling: RotaryScaling | None = None
    relative_buckets: Size = 32
    relative_max_distance: Size = 128

    # norms
    norm: Norm = "layer"
    norm_at: NormAt = "pre"
    norm_eps: Annotated[float, Field(gt=0)] = 1e-5
    embedding_norm: bool = False
    final_norm: bool = True

    # attention and feed-forward
    attention_bias: bool = False  # of the query, key and value projections
    attention_output_bias: bool = False
    attention_scaled: bool = True  # by 1/√head_dim; T5 folds it into the initialisation
    qk_norm: bool = False
    sliding_window: Size | None = None  # tokens that a query looks back on, itself included
    sliding_from_layer: Annotated[int, Field(ge=0)] = 0  # the layers below look back without limit
    activation: Activation = "gelu"
    gated: bool = False
    mlp_bias: bool = False

    # embeddings and heads
    tie_word_embeddings: bool = True
    embedding_scaled: bool = False  # by √hidden_size (Marian)
    logits_scaled: bool = False  # by 1/√hidden_size (T5)
    logits_bias: bool = False  # of the language-model head (Marian, BART)
    pooling: Pooling = "first"  # what sequence classification reads
    pooler: bool = True  # dense and tanh before the classifier
    embedding_pooling: Pooling = "mean"  # what the head embed reads

    # training
    hidden_dropout: Probability = 0.0
    embedding_dropout: Probability | None = None  # hidden_dropout where None
    attention_dropout: Probability = 0.0
    activation_dropout: Probability = 0.0
    classifier_dropout: Probability | None = None  # hidden_dropout where None
    initializer_range: Annotated[float, Field(gt=0)] = 0.02

    # special tokens
    pad_token_id: TokenId | None = None
    bos_token_id: TokenId | None = None
    eos_token_id: TokenId | tuple[TokenId, ...] | None = None
    decoder_start_token_id: TokenId | None = None

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, values: dict[str, object]) -> dict[str, object]:
        filled = dict(values)
        if filled.get("kind") == "encoder-decoder":
            for decoders, encoders in DECODER_SIZES.items():
                if filled.get(decoders) is None:
                    filled[decoders] = filled.get(encoders)
        heads, hidden = filled.get("num_attention_heads"), filled.get("hidden_size")
        if filled.get("num_key_value_heads") is None:
            filled["num_key_value_heads"] = heads
        if (
            filled.get("head_dim") is None
            and isinstance(heads, int)
            and isinstance(hidden, int)
            and heads > 0
        ):
            if hidden % heads:
                raise ValueError("hidden_size must be a multiple of num_attention_heads")
            filled["head_dim"] = hidden // heads
        return filled

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.num_attention_heads % self.num_key_value_heads:
            raise ValueError("num_attention_heads must be a multiple of num_key_value_heads")
        if self.num_attention_heads * self.head_dim > MAX_DIMENSION:
            raise ValueError(f"num_attention_heads times head_dim must be at most {MAX_DIMENSION}")
        if self.position == "rotary" and self.head_dim % 2:
            raise ValueError("head_dim must be even for rotary positions")
        if self.position == "sinusoidal" and self.max_position_embeddings * self.hidden_size > MAX_TABLE:
            raise ValueError(f"max_position_embeddings times hidden_size must be at most {MAX_TABLE}")
        if self.position == "relative" and not 4 <= self.relative_buckets < 2 * self.relative_max_distance:
            raise ValueError("relative_buckets must be at least 4 and less than twice relative_max_distance")
        if self.head_dim * self.num_attention_heads % (self.decoder_attention_heads or 1):
            raise ValueError("decoder_attention_heads must divide the width of all heads")
        return self

    def decoder(self) -> TransformerConfig:
        """The decoder of an encoder–decoder as a configuration of its own (same widths, its own depth)."""
        heads = self.decoder_attention_heads or self.num_attention_heads
        return self.model_copy(
            update={
                "num_hidden_layers": self.num_decoder_layers or self.num_hidden_layers,
                "num_attention_heads": heads,
                "num_key_value_heads": heads,
                "head_dim": self.head_dim * self.num_attention_heads // heads,
                "intermediate_size": self.decoder_intermediate_size or self.intermediate_size,
            }
        )


def checked(values: Mapping[str, object], *, where: str | None = None) -> TransformerConfig:
    """A configuration from plain values; InvalidInput names the first setting that is wrong or unknown."""
    known = TransformerConfig.model_fields
    for key in values:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            raise InvalidInput(
                "Unknown model setting {key}.",
                key=key,
                got=key,
                expected="{near}" if near else "a setting of TransformerConfig",
                near=near[0] if near else "",
                where=where,
            )
    try:
        return TransformerConfig.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "settings"
        raise InvalidInput(
            "The model setting {key} cannot be used.",
            key=key,
            got=repr(first["input"])[:200] if first["loc"] else None,
            expected="{rule}",
            rule=str(first["msg"]).removeprefix("Value error, "),
            where=where,
        ) from None
