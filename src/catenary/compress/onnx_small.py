"""Other precisions of an ONNX file than float32 and dynamic int8.

    half      weights stored as bf16 or fp16, widened when the file is loaded: half the bytes, float32 arithmetic
    static    int8 with each activation's scale fixed by calibration: nothing is measured while it answers
    int4      weights of 4 bits in blocks of 32 with a scale each (MatMulNBits), rounded one after another so that later
              ones make up for the errors of earlier ones (GPTQ: Frantar et al. 2022, 2210.17323)

Static scales cut off what lies outside the range that was seen; whether that costs anything is measured
on the release's
own held-out texts, never assumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from catenary.compress.calibrate import Activation
from catenary.compress.onnx_int8 import with_int8
from catenary.compress.quantise import WORTH_ELEMENTS

BLOCK = 32  # weights that share a scale, as in llama.cpp's Q4_0
DAMPING = 0.01  # of the mean diagonal, which keeps the inverse stable (2210.17323, §3.3)
NBITS_DOMAIN = "com.microsoft"  # onnxruntime's own operators


def with_half(model: ModelProto, kind: Literal["bf16", "fp16"]) -> ModelProto:
    """`model` with every weight that is worth it stored in 16 bits."""
    changed = ModelProto()
    changed.CopyFrom(model)
    graph = changed.graph
    widened: list[NodeProto] = []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < WORTH_ELEMENTS:
            continue
        name, values = tensor.name, numpy_helper.to_array(tensor)
        stored = f"{name}_{kind}"
        if kind == "fp16":
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), stored))
        else:
            tensor.CopyFrom(_bf16(values, stored))
        widened.append(helper.make_node("Cast", [stored], [name], f"{name}_widen", to=TensorProto.FLOAT))
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend([*widened, *nodes])
    return changed


def with_static_int8(model: ModelProto, seen: Mapping[str, Activation]) -> ModelProto:
    """`model` in int8, each activation with the scale that covers the range seen of it."""
    changed = with_int8(model)
    graph = changed.graph
    nodes: list[NodeProto] = []
    fixed: list[TensorProto] = []
    for node in graph.node:
        if node.op_type != "DynamicQuantizeLinear":
            nodes.append(node)
            continue
        x, (int8, scale, zero) = node.input[0], node.output
        low, high = min(seen[x].low, 0.0), max(seen[x].high, 0.0)  # nought must have a number of its own
        step = (high - low) / 255 or 1.0
        fixed += [
            numpy_helper.from_array(np.array(step, dtype=np.float32), scale),
            numpy_helper.from_array(np.array(min(max(round(-low / step), 0), 255), dtype=np.uint8), zero),
        ]
        nodes.append(helper.make_node("QuantizeLinear", [x, scale, zero], [int8], node.name))
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend(fixed)
    return changed


def with_int4(model: ModelProto, seen: Mapping[str, Activation]) -> ModelProto:
    """`model` with 4-bit weights in its products and int8 embedding tables.

    A matrix whose rows are no multiple of the block stays int8.
    """
    changed = ModelProto()
    changed.CopyFrom(model)
    graph = changed.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    made: dict[str, list[TensorProto]] = {}
    for node in graph.node:
        if node.op_type != "MatMul" or node.input[1] not in weights or node.input[0] not in seen:
            continue
        x, name = node.input
        w_KN = numpy_helper.to_array(weights[name]).astype(np.float64)
        k, n = w_KN.shape
        if k % BLOCK or w_KN.size < WORTH_ELEMENTS or name in made:
            continue
        codes_KN, scales_GN = gptq(w_KN, seen[x].products)
        blocks_NGB = codes_KN.T.reshape(n, k // BLOCK, BLOCK)
        packed = (blocks_NGB[..., 0::2] | (blocks_NGB[..., 1::2] << 4)).astype(np.uint8)
        made[name] = [
            numpy_helper.from_array(packed, f"{name}_int4"),
            numpy_helper.from_array(scales_GN.T.astype(np.float32).reshape(-1), f"{name}_scales"),
        ]
        replaced = helper.make_node(
            "MatMulNBits", [x, f"{name}_int4", f"{name}_scales"], [node.output[0]], node.name,
            domain=NBITS_DOMAIN, K=k, N=n, bits=4, block_size=BLOCK,
        )  # fmt: skip
        node.CopyFrom(replaced)
    kept = [tensor for tensor in graph.initializer if tensor.name not in made]
    del graph.initializer[:]
    graph.initializer.extend([*kept, *(tensor for pair in made.values() for tensor in pair)])
    if made and all(one.domain != NBITS_DOMAIN for one in changed.opset_import):
        changed.opset_import.append(helper.make_opsetid(NBITS_DOMAIN, 1))
    return with_int8(changed)


def gptq(
    w_KN: NDArray[np.float64], products_KK: NDArray[np.float64]
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Codes 0 to 15 (K, N) and scales (K / BLOCK, N): w ≈ (code − 8) · scale.

    Row after row is rounded, and what that gets wrong is taken off the rows to come, in the proportion in which the
    activations go together (`products_KK` = Σ x xᵀ).
    """
    k, n = w_KN.shape
    hessian = products_KK.copy()
    unused = np.diag(hessian) == 0
    hessian[unused, unused] = 1.0
    hessian[np.diag_indices(k)] += DAMPING * float(np.mean(np.diag(hessian)))
    upper_KK = np.linalg.cholesky(np.linalg.inv(hessian)).T
    rest = w_KN.copy()
    codes = np.empty((k, n), dtype=np.uint8)
    scales = np.empty((k // BLOCK, n))
    for row in range(k):
        group = row // BLOCK
        if row % BLOCK == 0:
            scales[group] = _scales(rest[row : row + BLOCK])
        codes[row] = np.clip(np.round(rest[row] / scales[group]) + 8, 0, 15)
        wrong = (rest[row] - (codes[row].astype(np.float64) - 8) * scales[group]) / upper_KK[row, row]
        rest[row + 1 :] -= np.outer(upper_KK[row, row + 1 :], wrong)
    return codes, scales


def _scales(block_BN: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each column the scale, of several that cut off more or less, with the least squared error."""
    largest = np.abs(block_BN).max(axis=0)
    best, least = np.where(largest > 0, largest / 7.5, 1.0), np.full(block_BN.shape[1], np.inf)
    chosen = best
    for share in np.linspace(0.7, 1.07, 12):
        scale = np.where(largest > 0, share * largest / 7.5, 1.0)
        codes = np.clip(np.round(block_BN / scale), -8, 7)
        error = ((block_BN - codes * scale) ** 2).sum(axis=0)
        chosen = np.where(error < least, scale, chosen)
        least = np.minimum(error, least)
    return chosen


def _bf16(values: NDArray[np.float32], name: str) -> TensorProto:
    """Rounded to the nearest, ties to even: the upper half of each float32."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32).astype(np.uint64)
    rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    return helper.make_tensor(name, TensorProto.BFLOAT16, values.shape, rounded.tobytes(), raw=True)
