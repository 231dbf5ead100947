"""The dial `size:`: width, depth, batch and learning rate that go together; each can still be set on its own.

Shapes stand in `models/sizes.py`; here is how long and how fast each is trained. What a chain file sets
wins over the dial, and `catenary.lock` shows what it came to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from catenary.models.sizes import SIZES

Size = Literal["nano", "small", "base"]
SHAPE = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "intermediate_size",
    "max_position_embeddings",
)

# What pretraining by masked language modelling takes at each size.
PRETRAINING: Mapping[str, Mapping[str, Any]] = {
    "nano": {
        "epochs": 2,
        "least_steps": 600,  # a small dataset is read more often
        "batch_tokens": 1024,
        "learning_rate": 1e-3,
        "dropout": 0.0,
        "mask_rate": 0.2,
        "embeddings": "cooccurrence",
    },
    "small": {"epochs": 10, "batch_tokens": 8192, "learning_rate": 5e-4},
    "base": {"epochs": 40, "batch_tokens": 32768, "learning_rate": 2e-4},
}

# What pretraining by causal language modelling takes at each size: 20 tokens a weight would be best spent (Hoffmann et
# al. 2022, 2203.15556), which few collections of text have; so a small one is read more often.
CAUSAL: Mapping[str, Mapping[str, Any]] = {
    "nano": {
        "epochs": 3,
        "least_steps": 600,
        "batch_tokens": 2048,
        "learning_rate": 3e-3,
        "schedule": "cosine",
        "beta2": 0.95,
        "weight_decay": 0.1,
        "dropout": 0.0,
    },
    "small": {
        "epochs": 4,
        "batch_tokens": 8192,
        "learning_rate": 1e-3,
        "schedule": "cosine",
        "beta2": 0.95,
        "weight_decay": 0.1,
        "dropout": 0.0,
    },
    "base": {
        "epochs": 4,
        "batch_tokens": 65536,
        "accumulate": 8,
        "learning_rate": 6e-4,
        "schedule": "cosine",
        "beta2": 0.95,
        "weight_decay": 0.1,
        "dropout": 0.0,
    },
}

# What going on with a pretrained model takes, whatever its size: gentle steps that do not undo what it knows.
GOING_ON: Mapping[str, Any] = {"epochs": 1, "batch_tokens": 4096, "learning_rate": 2e-4, "dropout": 0.0}

# What fine-tuning into a classifier takes. The masked-LM loss beside it keeps a small model reading; without it
# accuracy on the example's reviews is about half a point lower.
FINETUNING: Mapping[str, Any] = {
    "epochs": 3,
    "least_steps": 300,
    "batch_size": 32,
    "learning_rate": 7e-4,
    "warmup": 0.1,
    "dropout": 0.2,
    "ema": 0.99,
    "mlm_weight": 0.5,
    "mask_rate": 0.2,
}

# What an encoder–decoder takes, from scratch, at each size: of pairs of texts, and of raw text that is damaged.
TRANSDUCING: Mapping[str, Mapping[str, Any]] = {
    "nano": {
        "epochs": 12,
        "least_steps": 600,
        "batch_tokens": 1024,
        "learning_rate": 2e-3,
        "dropout": 0.05,
        "embeddings": "paired",
    },
    "small": {"epochs": 20, "batch_tokens": 4096, "learning_rate": 1e-3, "embeddings": "paired"},
    "base": {"epochs": 30, "batch_tokens": 16384, "learning_rate": 5e-4},
}
RESTORING: Mapping[str, Mapping[str, Any]] = {
    size: {key: value for key, value in dial.items() if key != "embeddings"}
    for size, dial in TRANSDUCING.items()
}
# Until nearly every token is copied right; a model of 3 million parameters gets there in some 2,400 steps.
COPYING: Mapping[str, Any] = {"epochs": 6, "batch_tokens": 2048, "learning_rate": 2e-3, "dropout": 0.0}
TUNING: Mapping[str, Any] = {"epochs": 3, "batch_tokens": 4096, "learning_rate": 2e-4, "dropout": 0.1}

# What a chat model takes: the whole model, gently, or an adapter, ten times as fast (Hu et al. 2021, table 11).
ANSWERING: Mapping[str, Any] = {
    "epochs": 2,
    "batch_tokens": 1024,
    "learning_rate": 2e-5,
    "schedule": "cosine",
    "dropout": 0.0,
    "weight_decay": 0.0,
}
ADAPTING: Mapping[str, Any] = {**ANSWERING, "learning_rate": 5e-4}
PREFERRING: Mapping[str, Any] = {**ANSWERING, "epochs": 1, "learning_rate": 5e-6}


# What fine-tuning into a tagger of words or characters takes.
TAGGING: Mapping[str, Any] = {
    "epochs": 3,
    "least_steps": 300,
    "batch_tokens": 2048,
    "learning_rate": 1e-3,
    "warmup": 0.1,
    "dropout": 0.1,
    "ema": 0.99,
}

# What fine-tuning into a reader takes.
READING: Mapping[str, Any] = {
    "epochs": 3,
    "least_steps": 300,
    "batch_tokens": 4096,
    "learning_rate": 7e-4,
    "warmup": 0.1,
    "dropout": 0.1,
    "ema": 0.99,
}


def shape(family: str, size: str) -> dict[str, Any]:
    """The shape of this family's models at this size."""
    return {name: SIZES[family][size][name] for name in SHAPE if name in SIZES[family][size]}


def dialled(raw: Mapping[str, Any], dial: Mapping[str, Any]) -> dict[str, Any]:
    """`raw` with what is missing taken from the dial.

    `steps` and `epochs` are two ways to say one thing, and so are `batch_tokens` and `batch_size`: setting one
    of a pair leaves the dial's other aside.
    """
    pairs = (("steps", "epochs", "least_steps"), ("batch_tokens", "batch_size"))
    settled = {key for pair in pairs if any(key in raw for key in pair) for key in pair}
    return {**{key: value for key, value in dial.items() if key not in settled}, **raw}
