"""Rotary settings as config.json holds them: `rope_theta` and `rope_scaling`, or both in `rope_parameters`."""

from __future__ import annotations

from typing import Any

from catenary.errors import InvalidInput
from catenary.models.config import TransformerConfig
from catenary.models.families.family import Settings

KEYS = frozenset({"rope_theta", "rope_scaling", "rope_parameters", "partial_rotary_factor"})
STRETCHED = {  # the settings of each kind of scaling
    "linear": ("rope_type", "factor"),
    "llama3": (
        "rope_type",
        "factor",
        "original_max_position_embeddings",
        "low_freq_factor",
        "high_freq_factor",
    ),
    "yarn": (
        *("rope_type", "factor", "original_max_position_embeddings", "attention_factor"),
        *("beta_fast", "beta_slow", "truncate"),
    ),
}


def read_rotary(settings: Settings) -> dict[str, object]:
    """Our rotary settings. InvalidInput for a kind of scaling that we do not have."""
    stored = settings.get("rope_parameters") or settings.get("rope_scaling") or {}
    if not isinstance(stored, dict):
        raise InvalidInput("rope_scaling in config.json is not a mapping.", got=repr(stored)[:200])
    given = dict(stored)
    theta = given.pop("rope_theta", settings.get("rope_theta", 10_000.0))
    kind = given.pop("rope_type", None) or given.pop("type", None) or "default"  # `type` in older files
    given.pop("type", None)
    if not isinstance(kind, str) or (kind != "default" and kind not in STRETCHED):
        raise InvalidInput(
            "This kind of rotary scaling is not supported.",
            got=repr(kind),
            expected="{kinds}",
            kinds=" / ".join(["default", *STRETCHED]),
        )
    partial = given.pop("partial_rotary_factor", settings.get("partial_rotary_factor"))
    if partial not in (None, 1, 1.0):
        raise InvalidInput(
            "Rotary positions on a part of a head are not supported.", got=partial, expected="1.0"
        )
    if kind == "default":
        return {"rope_theta": theta}
    unknown = sorted(given.keys() - set(STRETCHED[kind]))
    if unknown:
        raise InvalidInput(
            "This setting of rotary scaling is not supported: {key}", key=unknown[0], got=str(given)
        )
    return {"rope_theta": theta, "rope_scaling": {"rope_type": kind, **given}}


def write_rotary(config: TransformerConfig) -> dict[str, Any]:
    """As files have held them since Llama 2, which every reader knows."""
    scaling = None
    if config.rope_scaling is not None:
        keys = STRETCHED[config.rope_scaling.rope_type]
        scaling = config.rope_scaling.model_dump(include=set(keys), exclude_none=True)
    return {"rope_theta": config.rope_theta, "rope_scaling": scaling}
