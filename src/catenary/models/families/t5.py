"""T5: an encoder–decoder that turns every task into text (Raffel et al. 2020, 1910.10683)."""

from __future__ import annotations

from typing import Any

from catenary.errors import InvalidInput
from catenary.models.config import TransformerConfig
from catenary.models.families.family import Family, HeadFiles, Pairs, Settings, Tensors

FEED_FORWARD = {  # theirs → (activation, gated); T5 1.1 is gated (Shazeer 2020)
    "relu": ("relu", False),
    "gated-gelu": ("gelu_new", True),
    "gated-silu": ("silu", True),
    "gated-relu": ("relu", True),
    "gelu": ("gelu", False),
}
WRITTEN = {"gelu_tanh": "gelu_new"}


def read(settings: Settings) -> dict[str, object]:
    kind = settings.get("feed_forward_proj", "relu")
    if not isinstance(kind, str) or kind not in FEED_FORWARD:
        raise InvalidInput(
            "This feed_forward_proj is not supported.",
            got=repr(kind),
            expected="{kinds}",
            kinds=", ".join(FEED_FORWARD),
        )
    activation, gated = FEED_FORWARD[kind]
    tied = settings.get("tie_word_embeddings", True)
    rate = settings.get("dropout_rate", 0.1)
    pad = settings.get("pad_token_id", 0)
    return {
        "activation": activation,
        "gated": gated,
        # T5 1.1 neither ties nor scales; newer files say so apart.
        "logits_scaled": settings.get("scale_decoder_outputs", tied),
        "hidden_dropout": rate,
        "attention_dropout": rate,
        "activation_dropout": rate,
        "decoder_start_token_id": settings.get("decoder_start_token_id", pad),
    }


def write(config: TransformerConfig) -> dict[str, Any]:
    made = (WRITTEN.get(config.activation, config.activation), config.gated)
    return {
        "feed_forward_proj": next(kind for kind, parts in FEED_FORWARD.items() if parts == made),
        "scale_decoder_outputs": config.logits_scaled,
        "dropout_rate": config.hidden_dropout,
        "is_encoder_decoder": True,
    }


def pack(tensors: Tensors, config: TransformerConfig) -> Tensors:
    """A gated feed-forward's `up_proj` is `wi_1`, a plain one's `wi`."""
    if not config.gated:
        return tensors
    return {
        name.replace("DenseReluDense.wi.", "DenseReluDense.wi_1."): tensor for name, tensor in tensors.items()
    }


def block(side: str, feed_forward: int) -> Pairs:
    """The names of one stack's layers; `feed_forward` is the number of its feed-forward in a layer."""
    theirs, ours, f = f"{side}.block.{{n}}.layer", f"{side}.layers.{{n}}", feed_forward
    return (
        *((f"{theirs}.0.SelfAttention.{part}", f"{ours}.self_attn.{part}_proj") for part in "qkvo"),
        *((f"{theirs}.1.EncDecAttention.{part}", f"{ours}.cross_attn.{part}_proj") for part in "qkvo"),
        (f"{side}.block.0.layer.0.SelfAttention.relative_attention_bias", f"{side}.relative_attention_bias"),
        (f"{theirs}.{f}.DenseReluDense.wi", f"{ours}.mlp.up_proj"),
        (f"{theirs}.{f}.DenseReluDense.wi_1", f"{ours}.mlp.up_proj"),
        (f"{theirs}.{f}.DenseReluDense.wi_0", f"{ours}.mlp.gate_proj"),
        (f"{theirs}.{f}.DenseReluDense.wo", f"{ours}.mlp.down_proj"),
        (f"{theirs}.0.layer_norm", f"{ours}.input_layernorm"),
        (f"{theirs}.{f}.layer_norm", f"{ours}.post_attention_layernorm"),
        (f"{theirs}.1.layer_norm", f"{ours}.cross_attn_layernorm"),
        (f"{side}.final_layer_norm", f"{side}.norm"),
    )


T5 = Family(
    model_type="t5",
    paper="Raffel et al. 2020, 1910.10683",
    fixed={
        "kind": "encoder-decoder",
        "position": "relative",
        "norm": "rms",
        "norm_at": "pre",
        "attention_scaled": False,
        "pooling": "last",
    },
    settings={
        "vocab_size": "vocab_size",
        "d_model": "hidden_size",
        "d_kv": "head_dim",
        "d_ff": "intermediate_size",
        "num_layers": "num_hidden_layers",
        "num_decoder_layers": "num_decoder_layers",
        "num_heads": "num_attention_heads",
        "relative_attention_num_buckets": "relative_buckets",
        "relative_attention_max_distance": "relative_max_distance",
        "layer_norm_epsilon": "norm_eps",
        "classifier_dropout": "classifier_dropout",
        "tie_word_embeddings": "tie_word_embeddings",
        "pad_token_id": "pad_token_id",
        "eos_token_id": "eos_token_id",
        "decoder_start_token_id": "decoder_start_token_id",
    },
    defaults={
        "vocab_size": 32128,
        "hidden_size": 512,
        "head_dim": 64,
        "intermediate_size": 2048,
        "num_hidden_layers": 6,
        "num_attention_heads": 8,
        "norm_eps": 1e-6,
        "activation": "relu",
        "logits_scaled": True,
        "hidden_dropout": 0.1,
        "attention_dropout": 0.1,
        "activation_dropout": 0.1,
        "classifier_dropout": 0.0,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "decoder_start_token_id": 0,
    },
    inert=frozenset(
        {"n_positions", "dense_act_fn", "is_gated_act"}
    ),  # the first counts what it was trained on
    keys=frozenset({"feed_forward_proj", "dropout_rate", "scale_decoder_outputs"}),
    read=read,
    write=write,
    prefix="",
    pack=pack,
    names=block("encoder", 1) + block("decoder", 2),
    heads={
        "seq2seq": HeadFiles("T5ForConditionalGeneration", (("lm_head", "head.out_proj"),)),
        "classify": HeadFiles(
            "T5ForSequenceClassification",
            (("classification_head.dense", "head.dense"), ("classification_head.out_proj", "head.out_proj")),
            prefix="transformer",
        ),
        "tag": HeadFiles(
            "T5ForTokenClassification", (("classifier", "head.out_proj"),), prefix="transformer"
        ),
        "span": HeadFiles("T5ForQuestionAnswering", (("qa_outputs", "head.out_proj"),)),
        "embed": HeadFiles("T5EncoderModel", prefix=""),
    },
    # A bias that the first files held and nothing read.
    unused=(r"model\.decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight",),
    copies={r"model\.(encoder|decoder)\.embed_tokens\.weight": "model.shared.weight"},
)
