"""A decoder of ours as an OpenVINO graph, built operation by operation from its configuration and weights.

Nothing is traced, so what is computed is what is written here; it follows `models/transformer.py` line by line. The
graph is stateful in the form of Hugging Face's exports (input_ids, attention_mask, position_ids, beam_idx → logits,
keys and values in variables), so that other OpenVINO programs read it too; `paged.py` turns the variables into pages.

    B batch · T tokens · S tokens of the state · H heads · G key-value heads · K size of a head · D hidden size
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import openvino as ov
import openvino.opset15 as ops

from catenary.errors import InvalidInput
from catenary.inference.openvino.layers import (
    Array,
    Layers,
    Node,
    const,
    hidden_where_not,
    input_node,
    named,
    size_of,
)
from catenary.inference.openvino.weights import Precision
from catenary.models.config import TransformerConfig


def decoder_graph(
    config: TransformerConfig,
    tensors: Mapping[str, Array],
    *,
    precision: Precision = "int8",
    magnitude: float = 1.0,
) -> ov.Model:
    """The graph of a causal language model. `tensors` by our own names, as `parts.py` gathers them; `magnitude`: what
    the cosines and sines of rotary positions are multiplied by.

    Raises InvalidInput for an architecture that is not built here.
    """
    if config.kind != "decoder" or config.position not in ("rotary", "learned"):
        raise InvalidInput(
            "This architecture is not built for OpenVINO.",
            got=f"{config.family}: {config.kind}, {config.position}",
            expected="a decoder with rotary or learned positions; the engine torch runs the others",
        )
    return _Decoder(config, tensors, precision, magnitude).model()


class _Decoder(Layers):
    def __init__(
        self, config: TransformerConfig, tensors: Mapping[str, Array], precision: Precision, magnitude: float
    ) -> None:
        super().__init__(config, tensors, precision)
        self.ids_BT = input_node("input_ids", ov.Type.i64, [-1, -1])
        self.mask_BS = input_node("attention_mask", ov.Type.i64, [-1, -1])
        self.place_BT = input_node("position_ids", ov.Type.i64, [-1, -1])
        self.state = State(config, self.ids_BT)
        self.turns = self.rotary(self.place_BT, magnitude)
        self.visible = self._visible(None)
        window = config.sliding_window
        self.windowed = self.visible if window is None else self._visible(window)

    def model(self) -> ov.Model:
        x_BTD = self.embedded(self.ids_BT, self.place_BT)
        for layer in range(self.config.num_hidden_layers):
            x_BTD = self.block(x_BTD, layer, ("input_layernorm", self._attention))
        logits_BTV = self.logits(self.finished(x_BTD))
        logits_BTV.output(0).set_names({"logits"})
        inputs = [self.ids_BT, self.mask_BS, self.place_BT, self.state.beam_B]
        return named(ov.Model([ops.result(logits_BTV)], self.state.sinks, inputs, self.config.family))

    def _attention(self, x_BTD: Node, layer: int) -> Node:
        config = self.config
        q, k, v = self.queries_keys_values(x_BTD, layer, self.turns)
        k, v = self.state.kept(k, v, layer)
        windowed = config.sliding_window is not None and layer >= config.sliding_from_layer
        return self.look(
            q, k, v, self.windowed if windowed else self.visible, f"model.layers.{layer}.self_attn"
        )

    def _visible(self, window: int | None) -> Node:
        """(B, 1, T, S), 0 where a query may look at a key, lowest elsewhere."""
        keys, queries = size_of(self.mask_BS, 1), size_of(self.ids_BT, 1)
        one, zero = const(1), const(0)
        place_S = ops.range(zero, keys, one, "i64")
        place_T1 = ops.unsqueeze(ops.range(ops.subtract(keys, queries), keys, one, "i64"), const(1))
        sees_TS = ops.less_equal(place_S, place_T1)
        if window is not None:
            sees_TS = ops.logical_and(sees_TS, ops.greater(place_S, ops.subtract(place_T1, const(window))))
        real_B11S = ops.unsqueeze(ops.not_equal(self.mask_BS, zero), const([1, 2]))
        return hidden_where_not(ops.logical_and(real_B11S, sees_TS))


class State:
    """The keys and values of tokens already read, as variables that the compiled graph keeps between calls.

    `beam_B` says which rows of the last call go on, and as which.
    """

    def __init__(self, config: TransformerConfig, ids_BT: Node) -> None:
        self.config = config
        self.beam_B = input_node("beam_idx", ov.Type.i32, [-1])
        self.sinks: list[Node] = []
        self._batch = ops.gather(ops.shape_of(ids_BT, "i64"), const([0]), const(0))

    def kept(self, k_BGTK: Node, v_BGTK: Node, layer: int) -> tuple[Node, Node]:
        """With those of the tokens before: (B, G, S, K) each."""
        at = f"past_key_values.{layer}"
        return self._one(k_BGTK, f"{at}.key"), self._one(v_BGTK, f"{at}.value")

    def _one(self, x_BGTK: Node, name: str) -> Node:
        config = self.config
        rest = const([config.num_key_value_heads, 0, config.head_dim])
        nothing = ops.broadcast(const(np.float32(0)), ops.concat([self._batch, rest], 0))
        shape = ov.PartialShape([-1, config.num_key_value_heads, -1, config.head_dim])
        before = ops.read_value(nothing, f"{name}.present", ov.Type.f32, shape)
        kept = ops.concat([ops.gather(before, self.beam_B, const(0)), x_BGTK], 2)
        self.sinks.append(ops.assign(kept, f"{name}.present"))
        return kept
