"""Mistral: a Llama whose tokens look back over a window (Jiang et al. 2023, 2310.06825)."""

from __future__ import annotations

from catenary.models.families.family import Family
from catenary.models.families.llama import DEFAULTS, FIXED, SETTINGS, heads
from catenary.models.families.rotary import KEYS, read_rotary, write_rotary

MISTRAL = Family(
    model_type="mistral",
    paper="Jiang et al. 2023, 2310.06825",
    fixed=FIXED,
    settings=SETTINGS | {"sliding_window": "sliding_window"},
    defaults=DEFAULTS
    | {
        "intermediate_size": 14336,
        "num_key_value_heads": 8,
        "max_position_embeddings": 131_072,
        "sliding_window": 4096,
    },
    keys=KEYS,
    read=read_rotary,
    write=write_rotary,
    prefix="model",
    names=(),
    heads=heads("Mistral", span_prefix=None),
)
