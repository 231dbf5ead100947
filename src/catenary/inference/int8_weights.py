"""Reading int8 weights: one byte a weight and one scale a row, on disk a quarter of the trained model.

In `model.safetensors` a quantised `X.weight` is int8 and beside it stands `X.weight_scale`, float32, one
number a row; row r of the weight is scale[r] × int8[r]. `config.json` says so under `quantization_config`.
What writes them is `compress/quantise.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from catenary.errors import Damaged, InvalidInput

if TYPE_CHECKING:
    from torch import Tensor

    from catenary.models import Model

METHOD = "catenary-int8"
KEY = "quantization_config"
SCALE = "_scale"


def is_int8(config: Mapping[str, Any]) -> bool:
    """Whether `config` (of config.json) says that the weights are stored as int8.

    Raises InvalidInput for another kind of quantised weights.
    """
    settings = config.get(KEY)
    if settings is None:
        return False
    if (
        not isinstance(settings, dict)
        or settings.get("quant_method") != METHOD
        or settings.get("version") != 1
    ):
        raise InvalidInput(
            "The weights are quantised in a way that Catenary does not read.",
            got=settings,
            expected="quant_method {method}, version 1",
            method=METHOD,
        )
    return True


def load_quantised(folder: Path) -> Model:
    """The model of a folder with int8 weights, dequantised to float32, in evaluation mode.

    Raises InvalidInput for a folder whose config says otherwise, and what `models.load` raises.
    """
    from catenary import models
    from catenary.models.hub import write_json
    from catenary.models.model_files import read_settings
    from catenary.models.tensors import read_folder, write_tensors

    settings = read_settings(folder)
    if not is_int8(settings):
        raise InvalidInput("This folder's weights are not quantised.", where=str(folder))
    with TemporaryDirectory(ignore_cleanup_errors=True) as made:  # the file may still be mapped
        plain = Path(made)
        write_json({key: value for key, value in settings.items() if key != KEY}, plain / "config.json")
        write_tensors(dequantise(read_folder(folder), where=str(folder)), plain / "model.safetensors")
        return models.load(plain)


def dequantise(tensors: Mapping[str, Tensor], *, where: str | None = None) -> dict[str, Tensor]:
    """The tensors as float32, every int8 weight times its rows' scales."""
    import torch

    plain: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if name.endswith(SCALE) and name.removesuffix(SCALE) in tensors:
            continue
        if tensor.dtype != torch.int8:
            plain[name] = tensor.float() if tensor.is_floating_point() else tensor
            continue
        scale = tensors.get(name + SCALE)
        if scale is None or scale.shape != tensor.shape[:1]:
            raise Damaged("The int8 tensor {tensor} has no scale for each row.", tensor=name, where=where)
        plain[name] = tensor.float() * scale[:, None]
    return plain
