"""Qwen2 and Qwen3: Llamas with biased queries, keys and values, then with norms on queries and keys instead.

Yang et al. 2024 (2407.10671); Yang et al. 2025 (2505.09388).
"""

from __future__ import annotations

from typing import Any

from catenary.errors import InvalidInput
from catenary.models.config import TransformerConfig
from catenary.models.families.family import Family, Settings
from catenary.models.families.llama import DEFAULTS, FIXED, SETTINGS, heads
from catenary.models.families.rotary import KEYS, read_rotary, write_rotary


def read_window(settings: Settings) -> dict[str, object]:
    """From which layer on tokens look back over a window only: `max_window_layers`, or `layer_types` in newer files."""
    if not settings.get("use_sliding_window", False):
        return {"sliding_window": None}
    first = settings.get("max_window_layers", 28)
    if kinds := settings.get("layer_types"):
        first = kinds.count("full_attention") if isinstance(kinds, list) else 0
        if not isinstance(kinds, list) or any(kind != "sliding_attention" for kind in kinds[first:]):
            raise InvalidInput(
                "These layer_types are not supported.",
                got=str(kinds)[:200],
                expected="layers with full_attention first, then layers with sliding_attention",
            )
    return {"sliding_window": settings.get("sliding_window", 4096), "sliding_from_layer": first}


def write_window(config: TransformerConfig) -> dict[str, Any]:
    return {
        "use_sliding_window": config.sliding_window is not None,
        "sliding_window": config.sliding_window,
        "max_window_layers": config.sliding_from_layer,
    }


WINDOW_KEYS = frozenset({"use_sliding_window", "sliding_window", "max_window_layers", "layer_types"})
SIZES = {"vocab_size": 151_936, "intermediate_size": 22016, "max_position_embeddings": 32768}

QWEN2 = Family(
    model_type="qwen2",
    paper="Yang et al. 2024, 2407.10671",
    fixed=FIXED | {"attention_bias": True},
    settings={theirs: ours for theirs, ours in SETTINGS.items() if theirs != "head_dim"},
    defaults=DEFAULTS | SIZES | {"num_key_value_heads": 32},
    keys=KEYS | WINDOW_KEYS,
    read=lambda settings: {**read_rotary(settings), **read_window(settings)},
    write=lambda config: {**write_rotary(config), **write_window(config)},
    prefix="model",
    names=(),
    heads=heads("Qwen2"),
)

QWEN3 = Family(
    model_type="qwen3",
    paper="Yang et al. 2025, 2505.09388",
    fixed=FIXED | {"qk_norm": True},
    settings=SETTINGS,
    defaults=DEFAULTS | SIZES | {"num_key_value_heads": 32, "head_dim": 128},
    keys=KEYS | WINDOW_KEYS | {"attention_bias"},
    read=lambda settings: {
        **read_rotary(settings),
        **read_window(settings),
        "attention_bias": settings.get("attention_bias", False),
        "attention_output_bias": settings.get("attention_bias", False),
    },
    write=lambda config: {
        **write_rotary(config),
        **write_window(config),
        "attention_bias": config.attention_bias,
    },
    prefix="model",
    names=(),
    heads=heads("Qwen3"),
)
