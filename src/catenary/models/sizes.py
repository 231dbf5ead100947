"""The dial `size:`: how wide and deep a model of a family is.

Each size has several times the weights of the one before; every setting can still be given on its own.
"""

from __future__ import annotations

from difflib import get_close_matches

from catenary.errors import InvalidInput
from catenary.models.config import TransformerConfig
from catenary.models.families import FAMILIES, Family

_ENCODER: dict[str, dict[str, object]] = {
    "nano": {
        "hidden_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 512,
        "max_position_embeddings": 256,
    },
    # MiniLM's shape (Wang et al. 2020, 2002.10957)
    "small": {
        "hidden_size": 384,
        "num_hidden_layers": 6,
        "num_attention_heads": 12,
        "intermediate_size": 1536,
    },
    # BERT base (Devlin et al. 2019)
    "base": {
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
    },
}

_DECODER: dict[str, dict[str, object]] = {
    "nano": {
        "hidden_size": 192,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "intermediate_size": 512,
        "max_position_embeddings": 512,
    },
    # The 17M model that training is measured on
    "small": {
        "hidden_size": 384,
        "num_hidden_layers": 6,
        "num_attention_heads": 6,
        "intermediate_size": 1024,
        "max_position_embeddings": 1024,
    },
    # SmolLM2-135M's shape (Ben Allal et al. 2025, 2502.02737)
    "base": {
        "hidden_size": 576,
        "num_hidden_layers": 30,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "intermediate_size": 1536,
        "max_position_embeddings": 2048,
    },
}

# A feed-forward without a gate is four times as wide as the model (Vaswani et al. 2017, §3.3), and keys are not shared.
_GPT2: dict[str, dict[str, object]] = {
    "nano": {**_DECODER["nano"], "intermediate_size": 768},
    "small": {**_DECODER["small"], "intermediate_size": 1536},
    # GPT-2's smallest (Radford et al. 2019, table 2)
    "base": {**_ENCODER["base"], "max_position_embeddings": 1024},
}

_ENCODER_DECODER: dict[str, dict[str, object]] = {
    "nano": {
        "hidden_size": 192,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 384,
        "max_position_embeddings": 256,
    },
    "small": {
        "hidden_size": 384,
        "num_hidden_layers": 4,
        "num_attention_heads": 6,
        "intermediate_size": 1536,
        "max_position_embeddings": 512,
    },
    # The base model of Vaswani et al. 2017, which opus-mt has
    "base": {
        "hidden_size": 512,
        "num_hidden_layers": 6,
        "num_attention_heads": 8,
        "intermediate_size": 2048,
        "max_position_embeddings": 512,
    },
}

SIZES: dict[str, dict[str, dict[str, object]]] = {
    "bert": _ENCODER,
    "roberta": _ENCODER,
    "xlm-roberta": _ENCODER,
    "gpt2": _GPT2,
    "llama": _DECODER,
    "mistral": _DECODER,
    "qwen2": _DECODER,
    "qwen3": _DECODER,
    "t5": _ENCODER_DECODER,
    "bart": _ENCODER_DECODER,
    "marian": _ENCODER_DECODER,
}


def family_of(name: str, *, where: str | None = None) -> Family:
    """The family of this name; InvalidInput names the nearest one."""
    if name not in FAMILIES:
        near = get_close_matches(name, FAMILIES, n=1)
        raise InvalidInput(
            "Catenary does not know this model family.",
            got=name,
            expected="one of {families}" if not near else "{near}, or another of {families}",
            families=", ".join(FAMILIES),
            near=near[0] if near else "",
            where=where,
        )
    return FAMILIES[name]


def configure(family: str, size: str | None = None, **settings: object) -> TransformerConfig:
    """A configuration of `family`, as large as `size` says; `settings` (TransformerConfig's) have the last word.

    Raises InvalidInput for a family, size or setting that is not known, naming the nearest.
    """
    sizes = SIZES.get(family_of(family).model_type, {})
    if size is not None and size not in sizes:
        raise InvalidInput(
            "The family {family} has no such size.",
            family=family,
            got=size,
            expected="{sizes}",
            sizes=" / ".join(sizes) or "-",
        )
    return FAMILIES[family].configure(**{**(sizes[size] if size else {}), **settings})
