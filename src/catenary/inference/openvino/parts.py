"""What a graph is built from: a model's weights by our own names, and the numbers that it computes once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from catenary.models import Model

Array = NDArray[np.float32]


def parts_of(model: Model) -> tuple[dict[str, Array], float]:
    """The tensors, and what rotary cosines and sines are multiplied by.

    Beside the weights stand, under each stack's name: `rotary.angles` (K/2,), `embed_positions.weight` where positions
    are sinusoidal, and `distance_bias` (2 M + 1, H), T5's bias at the distances −M … M; past M it stays the same.
    """
    tensors = {name: _array(tensor) for name, tensor in model.state_dict().items()}
    stacks: dict[str, Any] = {"model": model.model}
    for side in ("encoder", "decoder"):
        if getattr(model.model, side, None) is not None:
            stacks[f"model.{side}"] = getattr(model.model, side)
    magnitude = 1.0
    for at, stack in stacks.items():
        rotary = getattr(stack, "rotary", None)
        if rotary is not None:
            tensors[f"{at}.rotary.angles"], magnitude = _array(rotary.values), rotary.magnitude
        table = getattr(getattr(stack, "embed_positions", None), "values", None)
        if table is not None:  # sinusoidal
            tensors[f"{at}.embed_positions.weight"] = _array(table)
        bias = getattr(stack, "relative_attention_bias", None)
        if bias is not None:
            most = model.config.relative_max_distance
            bias_HTS = _array(bias(most + 1, most + 1))[0]
            both = np.concatenate([bias_HTS[:, -1], bias_HTS[:, 0, 1:]], axis=1)
            tensors[f"{at}.distance_bias"] = np.ascontiguousarray(both.T)
    return tensors, magnitude


def _array(tensor: object) -> Array:
    return np.asarray(tensor.detach().float().numpy())  # type: ignore[attr-defined]
