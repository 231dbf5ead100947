"""Int8 weights: a trained encoder in about a quarter of its bytes.

    w ≈ s_r · q_r,   s_r = max|w_r| / 127,   q_r = round(w_r / s_r)      for each row r of a weight

Symmetric, one scale for each output of a linear layer and for each token of an embedding: a large weight
costs precision only in its own row (Krishnamoorthi 2018, 1806.08342, §3.1.1; Jacob et al. 2018, 1712.05877).
Biases, norms and matrices too small to matter stay as they are. `inference/int8_weights.py` says how they lie
in the file.
Nothing is calibrated, so no text is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from catenary.errors import InvalidInput
from catenary.inference.folder import SAFETENSORS_FILE
from catenary.inference.int8_weights import KEY, METHOD, SCALE

if TYPE_CHECKING:
    from torch import Tensor

STEPS = 127  # of 128: symmetric, so that -w has the same size as w
WORTH_ELEMENTS = 4096  # a smaller matrix saves nothing that counts


@dataclass(frozen=True, slots=True)
class Quantised:
    """How much smaller the weights became, in bytes of the file, and how many tensors are int8 now."""

    bytes_before: int
    bytes_after: int
    quantised: int
    kept: int


def quantise(source: Path, target: Path) -> Quantised:
    """Write the model of folder `source` with int8 weights into folder `target`, its tokenizer beside it.

    The same model gives the same bytes. Raises InvalidInput where the weights are int8 already, and what
    reading a model folder raises.
    """
    from catenary.models import copy_companions
    from catenary.models.hub import write_json
    from catenary.models.model_files import read_settings
    from catenary.models.tensors import check_finite, read_folder, write_tensors

    settings = read_settings(source)
    if KEY in settings:
        raise InvalidInput("The weights of this folder are quantised already.", where=str(source))
    tensors = read_folder(source)
    check_finite(tensors, str(source))
    int8 = quantised_tensors(tensors)
    target.mkdir(parents=True, exist_ok=True)
    write_tensors(int8, target / SAFETENSORS_FILE)
    method = {"quant_method": METHOD, "version": 1, "bits": 8, "symmetric": True, "scales": "row"}
    write_json(settings | {"dtype": "float32", KEY: method}, target / "config.json")
    copy_companions(source, target)
    quantised = sum(name.endswith(SCALE) for name in int8)
    return Quantised(
        bytes_before=sum(tensor.nbytes for tensor in tensors.values()),
        bytes_after=(target / SAFETENSORS_FILE).stat().st_size,
        quantised=quantised,
        kept=len(tensors) - quantised,
    )


def quantised_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors, every weight worth it as int8 with its scales beside it, the others as float32."""
    made: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        plain = tensor.float() if tensor.is_floating_point() else tensor
        if plain.is_floating_point() and plain.dim() == 2 and plain.numel() >= WORTH_ELEMENTS:
            made[name], made[name + SCALE] = quantised_rows(plain)
        else:
            made[name] = plain
    return made


def quantised_rows(weight_RC: Tensor) -> tuple[Tensor, Tensor]:
    """int8 (R, C) and one scale a row (R,). A row of zeros has the scale 1."""
    scale_R = weight_RC.abs().amax(dim=1) / STEPS
    scale_R = scale_R.where(scale_R > 0, 1.0)
    rounded_RC = (weight_RC / scale_R[:, None]).round().clamp(-STEPS, STEPS)
    return rounded_RC.char(), scale_R
