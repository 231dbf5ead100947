"""From a model folder to OpenVINO's files: `openvino_model.xml` and `.bin`, beside the configuration and tokenizer.

Made with our own core and torch; what is made is read without either.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from catenary.inference.folder import OPENVINO_FILE, OPENVINO_READER, OPENVINO_WRITER
from catenary.inference.openvino.parts import parts_of
from catenary.inference.openvino.weights import Precision

if TYPE_CHECKING:
    import openvino as ov

    from catenary.models import Model
    from catenary.models.config import HeadName


def graph_of(model: Model, precision: Precision = "int8") -> ov.Model:
    """The graph of a model of ours. Raises InvalidInput for an architecture or a head that has none."""
    from catenary.inference.openvino.decoder import decoder_graph
    from catenary.inference.openvino.encoder import reader_graph

    tensors, magnitude = parts_of(model)
    if model.head_name == "clm":
        return decoder_graph(model.config, tensors, precision=precision, magnitude=magnitude)
    return reader_graph(model.config, tensors, head=model.head_name, precision=precision, magnitude=magnitude)


def write_openvino(model: Model, folder: Path, precision: Precision = "int8") -> None:
    """Write the graph's files into `folder`, two graphs of an encoder–decoder; the same model gives the same bytes.

    Raises InvalidInput for an architecture or a head that has no graph.
    """
    import openvino as ov

    from catenary.inference.openvino.seq2seq import seq2seq_graphs

    if model.head_name == "seq2seq":
        tensors, _ = parts_of(model)
        made = seq2seq_graphs(model.config, tensors, precision=precision)
        graphs = dict(zip((OPENVINO_READER, OPENVINO_WRITER), made, strict=True))
    else:
        graphs = {OPENVINO_FILE: graph_of(model, precision)}
    for name, graph in graphs.items():
        ov.save_model(graph, folder / name, compress_to_fp16=False)


def convert(source: Path, folder: Path, precision: Precision = "int8", head: HeadName | None = None) -> None:
    """Write what OpenVINO serves the model of `source` from: the graph, the configuration and the tokenizer.

    `head` in place of the folder's own: `embed` makes vectors with a model that has no head.
    """
    from catenary import models
    from catenary.inference.torch_engine import read_model

    write_openvino(read_model(source, None, head), folder, precision)
    shutil.copyfile(source / "config.json", folder / "config.json")
    models.copy_companions(source, folder)
