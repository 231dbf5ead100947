"""Llama: a decoder with rotary positions, RMS norms and a gated feed-forward (Touvron et al. 2023, 2302.13971).

SmolLM and many others are Llamas by another name. Our own names are Llama's, so nothing is renamed.
"""

from __future__ import annotations

from catenary.models.config import HeadName
from catenary.models.families.family import Family, HeadFiles
from catenary.models.families.rotary import KEYS, read_rotary, write_rotary

FIXED: dict[str, object] = {
    "kind": "decoder",
    "position": "rotary",
    "norm": "rms",
    "norm_at": "pre",
    "gated": True,
    "pooling": "last",
    "pooler": False,
}

SETTINGS = {
    "vocab_size": "vocab_size",
    "hidden_size": "hidden_size",
    "num_hidden_layers": "num_hidden_layers",
    "num_attention_heads": "num_attention_heads",
    "num_key_value_heads": "num_key_value_heads",
    "head_dim": "head_dim",
    "intermediate_size": "intermediate_size",
    "max_position_embeddings": "max_position_embeddings",
    "hidden_act": "activation",
    "attention_dropout": "attention_dropout",
    "classifier_dropout": "classifier_dropout",
    "rms_norm_eps": "norm_eps",
    "initializer_range": "initializer_range",
    "tie_word_embeddings": "tie_word_embeddings",
    "pad_token_id": "pad_token_id",
    "bos_token_id": "bos_token_id",
    "eos_token_id": "eos_token_id",
}

DEFAULTS: dict[str, object] = {
    "vocab_size": 32000,
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "intermediate_size": 11008,
    "max_position_embeddings": 2048,
    "activation": "silu",
    "norm_eps": 1e-6,
    "tie_word_embeddings": False,
}


def heads(prefix: str, span_prefix: str | None = "transformer") -> dict[HeadName, HeadFiles]:
    """The heads of Llama and its kin: their classes start with `prefix`."""
    return {
        "clm": HeadFiles(f"{prefix}ForCausalLM", (("lm_head", "head.out_proj"),)),
        "classify": HeadFiles(f"{prefix}ForSequenceClassification", (("score", "head.out_proj"),)),
        "tag": HeadFiles(f"{prefix}ForTokenClassification", (("score", "head.out_proj"),)),
        "span": HeadFiles(
            f"{prefix}ForQuestionAnswering", (("qa_outputs", "head.out_proj"),), prefix=span_prefix
        ),
        "embed": HeadFiles(f"{prefix}Model", prefix=""),
    }


LLAMA = Family(
    model_type="llama",
    paper="Touvron et al. 2023, 2302.13971",
    fixed=FIXED,
    settings=SETTINGS | {"mlp_bias": "mlp_bias"},
    defaults=DEFAULTS,
    only={"rope_interleaved": (False,)},
    keys=KEYS | {"attention_bias"},
    read=lambda settings: {
        **read_rotary(settings),
        "attention_bias": settings.get("attention_bias", False),
        "attention_output_bias": settings.get("attention_bias", False),
    },
    write=lambda config: {**write_rotary(config), "attention_bias": config.attention_bias},
    prefix="model",
    names=(),
    heads=heads("Llama"),
    unused=(r"model\.layers\.\d+\.self_attn\.rotary_emb\.inv_freq",),  # which `transformers` used to save
)
