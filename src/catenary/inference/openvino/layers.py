"""What every graph is built of: linear layers, norms, heads, feed-forwards, positions, masks. As nodes of OpenVINO.

B batch · T tokens · S tokens looked at · H heads · G key-value heads · K size of a head · D hidden size · F inner width
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import openvino as ov
import openvino.opset15 as ops
from numpy.typing import NDArray

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


class Layers:
    """The layers of one stack, by the names of our own core. `tensors` holds what is computed, too: rotary angles
    (`rotary.angles`), sinusoidal positions, and T5's bias by distance (`distance_bias`: (2 M + 1, H), from −M to M)."""

    def __init__(
        self,
        config: TransformerConfig,
        tensors: Mapping[str, Array],
        precision: Precision,
        at: str = "model",
        table: Node = None,
    ) -> None:
        self.config, self.tensors, self.precision, self.at = config, tensors, precision, at
        self.table = table if table is not None else matrix(tensors[f"{at}.embed_tokens.weight"], precision)

    def embedded(self, ids_BT: Node, place_BT: Node) -> Node:
        """Tokens, of type 0, at their places; (B, T, D)."""
        config, at = self.config, self.at
        x_BTD = ops.gather(self.table, ids_BT, const(0))
        if config.embedding_scaled:
            x_BTD = ops.multiply(x_BTD, const(np.float32(config.hidden_size**0.5)))
        types = self.tensors.get(f"{at}.embed_token_types.weight")
        if types is not None:
            x_BTD = ops.add(x_BTD, const(types[0].reshape(1, 1, -1)))
        if config.position in ("learned", "sinusoidal"):
            table = const(self.tensors[f"{at}.embed_positions.weight"])
            x_BTD = ops.add(
                x_BTD, ops.gather(table, ops.add(place_BT, const(config.position_offset)), const(0))
            )
        return self.norm(x_BTD, f"{at}.embed_norm") if config.embedding_norm else x_BTD

    def block(self, x_BTD: Node, layer: int, *looks: tuple[str, Callable[[Node, int], Node]]) -> Node:
        """One layer: `looks` are its attentions with the names of their norms, then the feed-forward."""
        at = f"{self.at}.layers.{layer}"
        parts = [*looks, ("post_attention_layernorm", self.feed_forward)]
        for name, part in parts:
            if self.config.norm_at == "pre":  # x + f(norm(x))
                x_BTD = ops.add(x_BTD, part(self.norm(x_BTD, f"{at}.{name}"), layer))
            else:  # norm(x + f(x))
                x_BTD = self.norm(ops.add(x_BTD, part(x_BTD, layer)), f"{at}.{name}")
        return x_BTD

    def feed_forward(self, x_BTD: Node, layer: int) -> Node:
        """act(x W_up) W_down, or gated: (act(x W_gate) ⊙ x W_up) W_down"""
        at, act = f"{self.at}.layers.{layer}.mlp", ACTIVATIONS[self.config.activation]
        if self.config.gated:
            gate, up = self.linears(x_BTD, [f"{at}.gate_proj", f"{at}.up_proj"])
            h_BTF = ops.multiply(act(gate), up)
        else:
            h_BTF = act(self.linear(x_BTD, f"{at}.up_proj"))
        return self.linear(h_BTF, f"{at}.down_proj")

    def queries_keys_values(
        self, x_BTD: Node, layer: int, rotary: tuple[Node, Node] | None
    ) -> tuple[Node, Node, Node]:
        """Of self-attention, cut into heads and turned: (B, H, T, K) and twice (B, G, T, K)."""
        config, at = self.config, f"{self.at}.layers.{layer}.self_attn"
        q, k, v = self.linears(x_BTD, [f"{at}.{name}_proj" for name in "qkv"])
        q = turned(self.heads(q, config.num_attention_heads, f"{at}.q_norm"), rotary, config.head_dim)
        k = turned(self.heads(k, config.num_key_value_heads, f"{at}.k_norm"), rotary, config.head_dim)
        return q, k, self.heads(v, config.num_key_value_heads, None)

    def look(self, q_BHTK: Node, k_BGSK: Node, v_BGSK: Node, mask: Node, at: str) -> Node:
        """softmax(Q Kᵀ · scale + mask) V, the heads joined, times W_o; (B, T, D)."""
        config = self.config
        heads, groups = config.num_attention_heads, config.num_key_value_heads
        if heads != groups:
            k_BGSK, v_BGSK = (self.shared(x, heads // groups) for x in (k_BGSK, v_BGSK))
        scale = config.head_dim**-0.5 if config.attention_scaled else 1.0
        y_BHTK = ops.scaled_dot_product_attention(q_BHTK, k_BGSK, v_BGSK, mask, const(np.float32(scale)))
        y_BTHK = ops.transpose(y_BHTK, const([0, 2, 1, 3]))
        return self.linear(ops.reshape(y_BTHK, const([0, 0, heads * config.head_dim]), True), f"{at}.o_proj")

    def heads(self, x_BTD: Node, heads: int, norm: str | None) -> Node:
        """(B, heads, T, K), each normed by itself where the model has such norms."""
        x_BTHK = ops.reshape(x_BTD, const([0, 0, heads, self.config.head_dim]), True)
        if norm is not None and self.config.qk_norm:
            x_BTHK = rms(x_BTHK, self.tensors[f"{norm}.weight"], self.config.norm_eps)
        return ops.transpose(x_BTHK, const([0, 2, 1, 3]))

    def shared(self, x_BGSK: Node, times: int) -> Node:
        """Each key-value head `times` times, for the query heads that share it (grouped-query attention)."""
        config = self.config
        x_BG1SK = ops.unsqueeze(x_BGSK, const(2))
        x_BGRSK = ops.broadcast(x_BG1SK, const([1, 1, times, 1, 1]), broadcast_spec="BIDIRECTIONAL")
        return ops.reshape(x_BGRSK, const([0, config.num_attention_heads, -1, config.head_dim]), True)

    def rotary(self, place_BT: Node, magnitude: float = 1.0) -> tuple[Node, Node] | None:
        """cos and sin of each token's angles, (B, 1, T, K)."""
        angles = self.tensors.get(f"{self.at}.rotary.angles")
        if angles is None:
            return None
        frequency_1K = const(angles.reshape(1, 1, -1).astype(np.float32))
        place_BT1 = ops.unsqueeze(ops.convert(place_BT, "f32"), const(2))
        angle_BTK = ops.multiply(place_BT1, frequency_1K)
        angle_B1TK = ops.unsqueeze(ops.concat([angle_BTK, angle_BTK], 2), const(1))
        cos, sin = ops.cos(angle_B1TK), ops.sin(angle_B1TK)
        if magnitude != 1:
            cos, sin = (ops.multiply(x, const(np.float32(magnitude))) for x in (cos, sin))
        return cos, sin

    def distance_bias(self, place_T: Node, place_S: Node) -> Node | None:
        """T5's learned number for each head and distance, (1, H, T, S); None for other families."""
        table = self.tensors.get(f"{self.at}.distance_bias")
        if table is None:
            return None
        most = (len(table) - 1) // 2
        away_TS = ops.subtract(ops.unsqueeze(place_S, const(0)), ops.unsqueeze(place_T, const(1)))
        row_TS = ops.add(ops.convert(ops.clamp(ops.convert(away_TS, "f32"), -most, most), "i64"), const(most))
        bias_TSH = ops.gather(const(table), row_TS, const(0))
        return ops.unsqueeze(ops.transpose(bias_TSH, const([2, 0, 1])), const(0))

    def linears(self, x_BTD: Node, names: Sequence[str]) -> list[Node]:
        """Several layers of the same input as one product: one token then waits for fewer, larger reads."""
        weights = [self.tensors[f"{name}.weight"] for name in names]
        y = ops.matmul(x_BTD, matrix(np.concatenate(weights), self.precision), False, True)
        if f"{names[0]}.bias" in self.tensors:
            biases = [self.tensors[f"{name}.bias"] for name in names]
            y = ops.add(y, const(np.concatenate(biases).reshape(1, 1, -1)))
        split = ops.variadic_split(y, const(2), const([len(weight) for weight in weights]))
        return [split.output(number) for number in range(len(names))]

    def linear(self, x_BTD: Node, name: str) -> Node:
        """x Wᵀ + b, of (…, D)."""
        y = ops.matmul(x_BTD, matrix(self.tensors[f"{name}.weight"], self.precision), False, True)
        bias = self.tensors.get(f"{name}.bias")
        if bias is None:
            return y
        shape = (1,) * (len(y.get_output_partial_shape(0)) - 1) + bias.shape
        return ops.add(y, const(bias.reshape(shape)))

    def norm(self, x_BTD: Node, name: str) -> Node:
        """RMSNorm or LayerNorm."""
        weight = self.tensors[f"{name}.weight"]
        if self.config.norm == "rms":
            return rms(x_BTD, weight, self.config.norm_eps)
        normal = ops.mvn(x_BTD, const([-1]), True, self.config.norm_eps, "INSIDE_SQRT")
        shape = (1,) * 2 + weight.shape
        return ops.add(
            ops.multiply(normal, const(weight.reshape(shape))),
            const(self.tensors[f"{name}.bias"].reshape(shape)),
        )

    def finished(self, x_BTD: Node) -> Node:
        """After the last layer."""
        return self.norm(x_BTD, f"{self.at}.norm") if self.config.final_norm else x_BTD

    def logits(self, x_BTD: Node) -> Node:
        """Of the next token, (B, T, V)."""
        if self.config.logits_scaled:
            x_BTD = ops.multiply(x_BTD, const(np.float32(self.config.hidden_size**-0.5)))
        last = self.tensors.get("head.out_proj.weight")
        table = self.table if last is None else matrix(last, self.precision)
        logits_BTV = ops.matmul(x_BTD, table, False, True)
        bias = self.tensors.get("head.bias")
        return logits_BTV if bias is None else ops.add(logits_BTV, const(bias.reshape(1, 1, -1)))


def turned(x_BHTK: Node, rotary: tuple[Node, Node] | None, size: int) -> Node:
    """x · cos + rotate_half(x) · sin, in the very form that OpenVINO's processor code knows as one operation."""
    if rotary is None:
        return x_BHTK
    cos, sin = rotary
    half, end = size // 2, np.iinfo(np.int64).max
    first, second = (
        ops.slice(x_BHTK, const([a]), const([b]), const([1]), const([3])) for a, b in ((0, half), (half, end))
    )
    minus_one = const(np.full((1, 1, 1, 1), -1, dtype=np.float32))
    rotated = ops.concat([ops.multiply(second, minus_one), first], -1)
    return ops.add(ops.multiply(x_BHTK, cos), ops.multiply(rotated, sin))


def rms(x: Node, weight: Array, eps: float) -> Node:
    """x / √(mean(x²) + ε) · w"""
    mean = ops.reduce_mean(ops.power(x, const(np.float32(2))), const([-1]), True)
    root = ops.sqrt(ops.add(mean, const(np.float32(eps))))
    shape = (1,) * (len(x.get_output_partial_shape(0)) - 1) + weight.shape
    return ops.multiply(ops.multiply(x, ops.divide(const(np.float32(1)), root)), const(weight.reshape(shape)))


def size_of(x: Node, axis: int) -> Node:
    """How long `x` is along `axis`, as a scalar."""
    return ops.gather(ops.shape_of(x, "i64"), const(axis), const(0))


def hidden_where_not(seen: Node) -> Node:
    """0 where `seen`, the lowest number elsewhere: what is added to scores."""
    return ops.select(seen, const(np.float32(0)), const(np.float32(MASKED)))


def input_node(name: str, kind: ov.Type, shape: Sequence[int]) -> Node:
    """An input; −1 for sizes that differ from call to call."""
    made = ops.parameter(ov.PartialShape(list(shape)), kind, name=name)
    made.output(0).set_names({name})
    return made


def const(value: Any) -> Node:
    """A constant; whole numbers as i64."""
    array = np.asarray(value)
    return ops.constant(array.astype(np.int64) if array.dtype.kind == "i" else array)


def named(model: ov.Model) -> ov.Model:
    """The model with names that do not depend on what this process built before: OpenVINO numbers operations over a
    whole process, and the same model must give the same file."""
    for number, node in enumerate(model.get_ordered_ops()):
        if node.get_type_name() != "Parameter":
            node.set_friendly_name(f"{node.get_type_name()}_{number}")
    return model
