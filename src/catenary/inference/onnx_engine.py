"""onnxruntime as the engine: what serving needs, without torch."""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from catenary.errors import Damaged, NotFound
from catenary.inference.folder import ONNX_FILE, TextModelFolder, refuse_pickle
from catenary.inference.transformer import Forward, TransformerClassifier

INPUTS = ["input_ids", "attention_mask"]
OUTPUT = "logits"


def onnx_classifier(folder: TextModelFolder, threads: int | None) -> TransformerClassifier:
    """A classifier that runs the folder's `model.onnx` on the CPU; `threads` None is one a core.

    Each text runs alone and each thread takes its own text. So an answer depends on no other text (an int8 model
    scales its activations by all that it is given), nothing is padded, and on two cores it is 2 to 3 times as fast as
    batches of 4,096 tokens over both.
    """
    return TransformerClassifier(folder, onnx_forward(folder), tokens_per_batch=0, workers=threads or cores())


def cores() -> int:
    """How many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS and Windows
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def onnx_forward(folder: TextModelFolder) -> Forward:
    """The folder's `model.onnx`, ready to run a batch."""
    import onnxruntime

    file = folder.path / ONNX_FILE
    if not file.is_file():
        refuse_pickle(folder.path)
        raise NotFound("The model folder lacks a file.", where=str(folder.path), got=ONNX_FILE)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no base class but Exception
        raise Damaged("The ONNX model cannot be loaded.", where=str(file), got=error) from error
    names = [value.name for value in session.get_inputs()]
    if sorted(names) != sorted(INPUTS) or OUTPUT not in [value.name for value in session.get_outputs()]:
        raise Damaged(
            "The ONNX model takes other inputs than a text classifier does.",
            where=str(file),
            got=", ".join(names),
            expected="input_ids and attention_mask in, logits out",
        )

    def forward(input_ids_BT: NDArray[np.int64], attention_mask_BT: NDArray[np.int64]) -> NDArray[np.float32]:
        feed = {"input_ids": input_ids_BT, "attention_mask": attention_mask_BT}
        return np.asarray(session.run([OUTPUT], feed)[0], dtype=np.float32)

    return forward
