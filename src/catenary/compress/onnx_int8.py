"""Int8 in an ONNX file: the same weights as in the safetensors file, multiplied as whole numbers.

    MatMul(x, W)          →  MatMulInteger(q(x), W_int8) * scale of x * scale of W
    Gather(table, ids)    →  Cast(Gather(table_int8, ids)) * Gather(scale, ids)

The activations x are quantised as they come, to 8 bits with one scale for all of x (DynamicQuantizeLinear: uint8 with
a zero point). A batch would share that scale, and what a text is answered would depend on the texts beside it; so
inference runs such a file on one text at a time (`inference/onnx_engine.py`), which is the faster way on a CPU anyway.
Why not weights alone, or a scale a token: docs/decisions/0004-int8-one-text-at-a-time.md.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from catenary.compress.quantise import STEPS, WORTH_ELEMENTS


def with_int8(model: ModelProto) -> ModelProto:
    """`model` with every MatMul by a weight, and every embedding table, that is worth it in int8."""
    changed = ModelProto()
    changed.CopyFrom(model)
    graph = changed.graph
    weights = {tensor.name: tensor for tensor in graph.initializer if _is_worth_it(tensor)}
    used_once = _names_used_once(graph)
    nodes: list[NodeProto] = []
    int8: dict[str, list[TensorProto]] = {}
    quantised: set[str] = set()
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in weights and node.input[1] in used_once:
            x, weight = node.input
            int8[weight] = _int8_of(weights[weight], axis=1)
            if x not in quantised:  # queries, keys and values read the same x
                quantised.add(x)
                nodes.append(_quantise(x))
            nodes += _whole_number_product(node.output[0], x, weight)
        elif node.op_type == "Gather" and node.input[0] in weights and node.input[0] in used_once:
            table, ids = node.input
            int8[table] = _int8_of(weights[table], axis=0)
            nodes += _looked_up(node.output[0], table, ids)
        else:
            nodes.append(node)
    kept = [tensor for tensor in graph.initializer if tensor.name not in int8]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend([*kept, *(tensor for pair in int8.values() for tensor in pair)])
    return changed


def _quantise(x: str) -> NodeProto:
    return helper.make_node(
        "DynamicQuantizeLinear", [x], [f"{x}_int8", f"{x}_scale", f"{x}_zero"], f"{x}_quantise"
    )


def _whole_number_product(out: str, x: str, weight: str) -> list[NodeProto]:
    return [
        helper.make_node(
            "MatMulInteger", [f"{x}_int8", f"{weight}_int8", f"{x}_zero"], [f"{out}_sum"], f"{out}_matmul"
        ),
        helper.make_node("Cast", [f"{out}_sum"], [f"{out}_float"], f"{out}_cast", to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{x}_scale", f"{weight}_scale"], [f"{out}_scale"], f"{out}_scales"),
        helper.make_node("Mul", [f"{out}_float", f"{out}_scale"], [out], f"{out}_rescale"),
    ]


def _looked_up(out: str, table: str, ids: str) -> list[NodeProto]:
    return [
        helper.make_node("Gather", [f"{table}_int8", ids], [f"{out}_int8"], f"{out}_gather"),
        helper.make_node("Cast", [f"{out}_int8"], [f"{out}_float"], f"{out}_cast", to=TensorProto.FLOAT),
        helper.make_node("Gather", [f"{table}_scale", ids], [f"{out}_scale"], f"{out}_gather_scale"),
        helper.make_node("Mul", [f"{out}_float", f"{out}_scale"], [out], f"{out}_rescale"),
    ]


def _is_worth_it(tensor: TensorProto) -> bool:
    return (
        tensor.data_type == TensorProto.FLOAT
        and len(tensor.dims) == 2
        and tensor.dims[0] * tensor.dims[1] >= WORTH_ELEMENTS
    )


def _names_used_once(graph: GraphProto) -> set[str]:
    uses: dict[str, int] = {}
    for node in graph.node:
        for name in node.input:
            uses[name] = uses.get(name, 0) + 1
    return {name for name, count in uses.items() if count == 1}


def _int8_of(tensor: TensorProto, *, axis: int) -> list[TensorProto]:
    """The weight as int8, and its scales: one for each index along `axis`."""
    int8, scale = quantised(numpy_helper.to_array(tensor), axis=axis)
    shape = (-1,) if axis == 1 else (-1, 1)  # to be multiplied with columns, or looked up as rows
    return [
        numpy_helper.from_array(int8, f"{tensor.name}_int8"),
        numpy_helper.from_array(scale.reshape(shape), f"{tensor.name}_scale"),
    ]


def quantised(weight: NDArray[np.float32], *, axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """int8 of the same shape and float32 scales, as `quantise.quantised_rows` has it, along either axis.

    Of weights that were int8 before, these are the same numbers again: the largest of a row is 127 scales.
    """
    scale = (np.abs(weight).max(axis=1 - axis, keepdims=True) / np.float32(STEPS)).astype(np.float32)
    scale[scale == 0] = 1
    return np.clip(np.rint(weight / scale), -STEPS, STEPS).astype(np.int8), scale
