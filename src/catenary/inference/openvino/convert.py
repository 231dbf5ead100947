"""From a model folder to OpenVINO's files: `openvino_model.xml` and `.bin`, beside the configuration and tokenizer.

Made with our own core and torch; what is made is read without either.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from catenary.inference.folder import OPENVINO_FILE
from catenary.inference.openvino.weights import Precision

if TYPE_CHECKING:
    import openvino as ov

    from catenary.models import Model


def graph_of(model: Model, precision: Precision = "int8") -> ov.Model:
    """The graph of a causal language model of ours. Raises InvalidInput for an architecture that has none."""
    from catenary.inference.openvino.graph import decoder_graph

    tensors = {name: _array(tensor) for name, tensor in model.state_dict().items()}
    rotary = getattr(model.model, "rotary", None)
    angles = None if rotary is None else _array(rotary.values)
    magnitude = 1.0 if rotary is None else rotary.magnitude
    return decoder_graph(model.config, tensors, precision=precision, angles=angles, magnitude=magnitude)


def write_openvino(model: Model, folder: Path, precision: Precision = "int8") -> None:
    """Write the graph's two files into `folder`; the same model gives the same bytes."""
    import openvino as ov

    ov.save_model(graph_of(model, precision), folder / OPENVINO_FILE, compress_to_fp16=False)


def convert(source: Path, folder: Path, precision: Precision = "int8") -> None:
    """Write what OpenVINO serves the model of `source` from: the graph, the configuration and the tokenizer."""
    from catenary import models
    from catenary.inference.torch_engine import read_model

    write_openvino(read_model(source, None), folder, precision)
    shutil.copyfile(source / "config.json", folder / "config.json")
    models.copy_companions(source, folder)


def _array(tensor: object) -> NDArray[np.float32]:
    return np.asarray(tensor.detach().float().numpy())  # type: ignore[attr-defined]
