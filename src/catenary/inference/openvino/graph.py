"""A decoder of ours as an OpenVINO graph, built operation by operation from its configuration and weights.

Nothing is traced, so what is computed is what is written here; it follows `models/transformer.py` line by line. The
graph is stateful in the form of Hugging Face's exports (input_ids, attention_mask, position_ids, beam_idx → logits,
keys and values in variables), so that other OpenVINO programs read it too; `paged.py` turns the variables into pages.

    B batch · T tokens · S tokens of the state · H heads · G key-value heads · K size of a head · D hidden size
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import openvino as ov
import openvino.opset15 as ops
from numpy.typing import NDArray

from catenary.errors import InvalidInput
from catenary.inference.openvino.weights import Precision, matrix
from catenary.models.config import TransformerConfig

Node = Any  # openvino's operations carry no types
Array = NDArray[np.float32]
MASKED = float(np.finfo(np.float32).min)

ACTIVATIONS: Mapping[str, Callable[[Node], Node]] = {
    "gelu": lambda x: ops.gelu(x, "ERF"),
    "gelu_tanh": lambda x: ops.gelu(x, "TANH"),
    "relu": ops.relu,
    "silu": ops.swish,
    "tanh": ops.tanh,
}


def decoder_graph(
    config: TransformerConfig,
    tensors: Mapping[str, Array],
    *,
    precision: Precision = "int8",
    angles: Array | None,
    magnitude: float = 1.0,
) -> ov.Model:
    """The graph of a causal language model. `tensors` by our own names; `angles`: the rotary frequencies (K/2,), and
    `magnitude` what their cosines and sines are multiplied by.

    Raises InvalidInput for an architecture that is not built here.
    """
    if config.kind != "decoder" or config.position not in ("rotary", "learned") or config.norm_at != "pre":
        raise InvalidInput(
            "This architecture is not built for OpenVINO.",
            got=f"{config.family}: {config.kind}, {config.position}",
            expected="a decoder with rotary or learned positions; the engine torch runs the others",
        )
    return _Graph(config, tensors, precision, angles, magnitude).model()


class _Graph:
    """Holds what all layers share while the graph is built."""

    def __init__(
        self,
        config: TransformerConfig,
        tensors: Mapping[str, Array],
        precision: Precision,
        angles: Array | None,
        magnitude: float,
    ) -> None:
        self.config, self.tensors, self.precision = config, tensors, precision
        self.angles, self.magnitude = angles, magnitude
        self.ids_BT = _input("input_ids", ov.Type.i64, 2)
        self.mask_BS = _input("attention_mask", ov.Type.i64, 2)
        self.place_BT = _input("position_ids", ov.Type.i64, 2)
        self.beam_B = _input("beam_idx", ov.Type.i32, 1)
        self.sinks: list[Node] = []

    def model(self) -> ov.Model:
        config = self.config
        self.table = matrix(self.tensors["model.embed_tokens.weight"], self.precision)
        x_BTD = ops.gather(self.table, self.ids_BT, _const(0))
        if config.position == "learned":
            table = _const(self.tensors["model.embed_positions.weight"])
            place_BT = ops.add(self.place_BT, _const(config.position_offset))
            x_BTD = ops.add(x_BTD, ops.gather(table, place_BT, _const(0)))
        self.rotary = self._rotary()
        self.batch = ops.gather(ops.shape_of(self.ids_BT, "i64"), _const([0]), _const(0))
        self.visible = self._visible(None)
        window = config.sliding_window
        self.windowed = self.visible if window is None else self._visible(window)
        for layer in range(config.num_hidden_layers):
            x_BTD = self._block(x_BTD, layer)
        if config.final_norm:
            x_BTD = self._norm(x_BTD, "model.norm")
        logits_BTV = self._logits(x_BTD)
        logits_BTV.output(0).set_names({"logits"})
        inputs = [self.ids_BT, self.mask_BS, self.place_BT, self.beam_B]
        model = ov.Model([ops.result(logits_BTV)], self.sinks, inputs, config.family)
        for number, node in enumerate(model.get_ordered_ops()):
            # OpenVINO numbers operations over a whole process; the same model must give the same file.
            if node.get_type_name() != "Parameter":
                node.set_friendly_name(f"{node.get_type_name()}_{number}")
        return model

    def _block(self, x_BTD: Node, layer: int) -> Node:
        at = f"model.layers.{layer}"
        h_BTD = self._attention(self._norm(x_BTD, f"{at}.input_layernorm"), layer)
        x_BTD = ops.add(x_BTD, h_BTD)
        h_BTD = self._norm(x_BTD, f"{at}.post_attention_layernorm")
        act = ACTIVATIONS[self.config.activation]
        if self.config.gated:
            gate, up = self._linears(h_BTD, [f"{at}.mlp.gate_proj", f"{at}.mlp.up_proj"])
            h_BTF = ops.multiply(act(gate), up)
        else:
            h_BTF = act(self._linear(h_BTD, f"{at}.mlp.up_proj"))
        return ops.add(x_BTD, self._linear(h_BTF, f"{at}.mlp.down_proj"))

    def _attention(self, x_BTD: Node, layer: int) -> Node:
        config, at = self.config, f"model.layers.{layer}.self_attn"
        heads, groups = config.num_attention_heads, config.num_key_value_heads
        q, k, v = self._linears(x_BTD, [f"{at}.{name}_proj" for name in "qkv"])
        q = self._turned(self._heads(q, heads, f"{at}.q_norm"))
        k = self._turned(self._heads(k, groups, f"{at}.k_norm"))
        v = self._heads(v, groups, None)
        k, v = (self._kept(x, f"past_key_values.{layer}.{name}") for x, name in ((k, "key"), (v, "value")))
        if heads != groups:
            k, v = (self._shared(x, heads // groups) for x in (k, v))
        windowed = config.sliding_window is not None and layer >= config.sliding_from_layer
        scale = config.head_dim**-0.5 if config.attention_scaled else 1.0
        y_BHTK = ops.scaled_dot_product_attention(
            q, k, v, self.windowed if windowed else self.visible, _const(np.float32(scale))
        )
        y_BTHK = ops.transpose(y_BHTK, _const([0, 2, 1, 3]))
        return self._linear(
            ops.reshape(y_BTHK, _const([0, 0, heads * config.head_dim]), True), f"{at}.o_proj"
        )

    def _heads(self, x_BTD: Node, heads: int, norm: str | None) -> Node:
        x_BTHK = ops.reshape(x_BTD, _const([0, 0, heads, self.config.head_dim]), True)
        if norm is not None and self.config.qk_norm:
            x_BTHK = _rms(x_BTHK, self.tensors[f"{norm}.weight"], self.config.norm_eps)
        return ops.transpose(x_BTHK, _const([0, 2, 1, 3]))

    def _kept(self, x_BGTK: Node, name: str) -> Node:
        """The state `name` with the new tokens behind it: (B, G, S, K)."""
        config = self.config
        rest = _const([config.num_key_value_heads, 0, config.head_dim])
        nothing = ops.broadcast(_const(np.float32(0)), ops.concat([self.batch, rest], 0))
        shape = ov.PartialShape([-1, config.num_key_value_heads, -1, config.head_dim])
        before = ops.read_value(nothing, f"{name}.present", ov.Type.f32, shape)
        kept = ops.concat([ops.gather(before, self.beam_B, _const(0)), x_BGTK], 2)
        self.sinks.append(ops.assign(kept, f"{name}.present"))
        return kept

    def _shared(self, x_BGSK: Node, times: int) -> Node:
        """Each key-value head `times` times, for the query heads that share it (grouped-query attention)."""
        config = self.config
        x_BG1SK = ops.unsqueeze(x_BGSK, _const(2))
        x_BGRSK = ops.broadcast(x_BG1SK, _const([1, 1, times, 1, 1]), broadcast_spec="BIDIRECTIONAL")
        return ops.reshape(x_BGRSK, _const([0, config.num_attention_heads, -1, config.head_dim]), True)

    def _visible(self, window: int | None) -> Node:
        """(B, 1, T, S), 0 where a query may look at a key, lowest elsewhere."""
        keys = ops.gather(ops.shape_of(self.mask_BS, "i64"), _const(1), _const(0))
        queries = ops.gather(ops.shape_of(self.ids_BT, "i64"), _const(1), _const(0))
        one, zero = _const(1), _const(0)
        place_S = ops.range(zero, keys, one, "i64")
        place_T1 = ops.unsqueeze(ops.range(ops.subtract(keys, queries), keys, one, "i64"), _const(1))
        sees_TS = ops.less_equal(place_S, place_T1)
        if window is not None:
            sees_TS = ops.logical_and(sees_TS, ops.greater(place_S, ops.subtract(place_T1, _const(window))))
        real_B11S = ops.unsqueeze(ops.not_equal(self.mask_BS, zero), _const([1, 2]))
        return ops.select(
            ops.logical_and(real_B11S, sees_TS), _const(np.float32(0)), _const(np.float32(MASKED))
        )

    def _rotary(self) -> tuple[Node, Node] | None:
        """cos and sin of each token's angles, (B, 1, T, K)."""
        if self.angles is None:
            return None
        frequency_1K = _const(self.angles.reshape(1, 1, -1).astype(np.float32))
        place_BT1 = ops.unsqueeze(ops.convert(self.place_BT, "f32"), _const(2))
        angle_BTK = ops.multiply(place_BT1, frequency_1K)
        angle_B1TK = ops.unsqueeze(ops.concat([angle_BTK, angle_BTK], 2), _const(1))
        cos, sin = ops.cos(angle_B1TK), ops.sin(angle_B1TK)
        if self.magnitude != 1:
            cos, sin = (ops.multiply(x, _const(np.float32(self.magnitude))) for x in (cos, sin))
        return cos, sin

    def _turned(self, x_BHTK: Node) -> Node:
        """x · cos + rotate_half(x) · sin, in the very form that OpenVINO's processor code knows as one operation."""
        if self.rotary is None:
            return x_BHTK
        cos, sin = self.rotary
        half, end = self.config.head_dim // 2, np.iinfo(np.int64).max
        first, second = (
            ops.slice(x_BHTK, _const([a]), _const([b]), _const([1]), _const([3]))
            for a, b in ((0, half), (half, end))
        )
        minus_one = _const(np.full((1, 1, 1, 1), -1, dtype=np.float32))
        turned = ops.concat([ops.multiply(second, minus_one), first], -1)
        return ops.add(ops.multiply(x_BHTK, cos), ops.multiply(turned, sin))

    def _linears(self, x_BTD: Node, names: list[str]) -> list[Node]:
        """Several layers of the same input as one product: one token then waits for fewer, larger reads."""
        weights = [self.tensors[f"{name}.weight"] for name in names]
        y = ops.matmul(x_BTD, matrix(np.concatenate(weights), self.precision), False, True)
        if f"{names[0]}.bias" in self.tensors:
            biases = [self.tensors[f"{name}.bias"] for name in names]
            y = ops.add(y, _const(np.concatenate(biases).reshape(1, 1, -1)))
        split = ops.variadic_split(y, _const(2), _const([len(weight) for weight in weights]))
        return [split.output(number) for number in range(len(names))]

    def _linear(self, x_BTD: Node, name: str) -> Node:
        y = ops.matmul(x_BTD, matrix(self.tensors[f"{name}.weight"], self.precision), False, True)
        bias = self.tensors.get(f"{name}.bias")
        return y if bias is None else ops.add(y, _const(bias.reshape(1, 1, -1)))

    def _norm(self, x_BTD: Node, name: str) -> Node:
        weight = self.tensors[f"{name}.weight"]
        if self.config.norm == "rms":
            return _rms(x_BTD, weight, self.config.norm_eps)
        normal = ops.mvn(x_BTD, _const([-1]), True, self.config.norm_eps, "INSIDE_SQRT")
        shape = (1,) * 2 + weight.shape
        return ops.add(
            ops.multiply(normal, _const(weight.reshape(shape))),
            _const(self.tensors[f"{name}.bias"].reshape(shape)),
        )

    def _logits(self, x_BTD: Node) -> Node:
        if self.config.logits_scaled:
            x_BTD = ops.multiply(x_BTD, _const(np.float32(1 / math.sqrt(self.config.hidden_size))))
        last = self.tensors.get("head.out_proj.weight")
        table = self.table if last is None else matrix(last, self.precision)
        return ops.matmul(x_BTD, table, False, True)


def _rms(x: Node, weight: Array, eps: float) -> Node:
    """x / √(mean(x²) + ε) · w"""
    mean = ops.reduce_mean(ops.power(x, _const(np.float32(2))), _const([-1]), True)
    root = ops.sqrt(ops.add(mean, _const(np.float32(eps))))
    shape = (1,) * (len(x.get_output_partial_shape(0)) - 1) + weight.shape
    return ops.multiply(
        ops.multiply(x, ops.divide(_const(np.float32(1)), root)), _const(weight.reshape(shape))
    )


def _input(name: str, kind: ov.Type, dimensions: int) -> Node:
    made = ops.parameter(ov.PartialShape([-1] * dimensions), kind, name=name)
    made.output(0).set_names({name})
    return made


def _const(value: Any) -> Node:
    array = np.asarray(value)
    return ops.constant(array.astype(np.int64) if array.dtype.kind == "i" else array)
