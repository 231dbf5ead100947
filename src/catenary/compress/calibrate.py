"""Calibration: what enters each product of a model, on real texts, so that rounding can spare what is used.

seen = calibrate(onnx_model, rows)         # rows of token ids
seen["x"].low, seen["x"].high              # for static int8: the range of an activation
seen["x"].products                         # for int4: Σ x xᵀ, (K, K)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from catenary.errors import InvalidInput

if TYPE_CHECKING:
    from onnx import ModelProto

TEXTS = 64  # more changes little (Frantar et al. 2022, 2210.17323, take 128 pieces of text)


@dataclass(frozen=True, slots=True)
class Activation:
    """One activation: the least and the largest number in it, and Σ x xᵀ over all tokens."""

    low: float
    high: float
    products: NDArray[np.float64]


def calibrate(model: ModelProto, rows: Sequence[Sequence[int]]) -> Mapping[str, Activation]:
    """What enters each MatMul by a weight of a plain (float32) classifier or tagger, by the activation's name.

    Raises InvalidInput without rows.
    """
    import onnxruntime
    from onnx import ModelProto, TensorProto, helper

    if not rows:
        raise InvalidInput(
            "This precision needs texts to calibrate on.", expected="held-out or training documents"
        )
    weights = {tensor.name for tensor in model.graph.initializer}
    names = sorted(
        {node.input[0] for node in model.graph.node if node.op_type == "MatMul" and node.input[1] in weights}
    )
    watched = ModelProto()
    watched.CopyFrom(model)
    watched.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        watched.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    found: dict[str, Activation] = {}
    for row in rows:
        ids_1T = np.array([list(row)], dtype=np.int64)
        outs = session.run(names, {"input_ids": ids_1T, "attention_mask": np.ones_like(ids_1T)})
        for name, value in zip(names, outs, strict=True):
            x_TK = np.asarray(value, dtype=np.float64).reshape(-1, value.shape[-1])
            one = Activation(float(x_TK.min()), float(x_TK.max()), x_TK.T @ x_TK)
            before = found.get(name)
            found[name] = (
                one
                if before is None
                else Activation(
                    min(before.low, one.low), max(before.high, one.high), before.products + one.products
                )
            )
    return found
