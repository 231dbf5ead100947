"""A model that reads as an OpenVINO graph: an encoder (or a decoder that does not write) with its head, no state.

    input_ids, attention_mask → logits: of classify (B, C), tag (B, T, C), span (B, T, 2); unit vectors of embed (B, D)

It follows `models/transformer.py` and `models/heads.py` line by line. Texts are padded on the right.
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
from catenary.inference.openvino.weights import Precision, matrix
from catenary.models.config import HeadName, Pooling, TransformerConfig

HEADS: tuple[HeadName, ...] = ("classify", "tag", "span", "embed")


def reader_graph(
    config: TransformerConfig,
    tensors: Mapping[str, Array],
    *,
    head: HeadName,
    precision: Precision = "int8",
    magnitude: float = 1.0,
) -> ov.Model:
    """The graph of a model with one of HEADS. `tensors` as `parts.py` gathers them.

    Raises InvalidInput for an architecture that is not built here: one whose head reads a decoder that looks at an
    encoder (BART's classifier).
    """
    two = config.kind == "encoder-decoder"
    if head not in HEADS or (two and head not in ("tag", "embed")):
        raise InvalidInput(
            "This architecture is not built for OpenVINO.",
            got=f"{config.family}: {config.kind}, {head}",
            expected="an encoder with one of the heads {heads}; the engine torch runs the others",
            heads=", ".join(HEADS),
        )
    at = "model.encoder" if two else "model"
    table = matrix(tensors["model.shared.weight"], precision) if two else None
    return Reader(config, tensors, precision, at, table, magnitude).model(head)


class Reader(Layers):
    """The stack and its inputs; `hidden` is what it makes of them, `model` the whole with a head."""

    def __init__(
        self,
        config: TransformerConfig,
        tensors: Mapping[str, Array],
        precision: Precision,
        at: str,
        table: Node = None,
        magnitude: float = 1.0,
    ) -> None:
        super().__init__(config, tensors, precision, at, table)
        self.ids_BT = input_node("input_ids", ov.Type.i64, [-1, -1])
        self.mask_BT = input_node("attention_mask", ov.Type.i64, [-1, -1])
        self.place_T = ops.range(const(0), size_of(self.ids_BT, 1), const(1), "i64")
        self.place_BT = self._places()
        self.turns = self.rotary(self.place_BT, magnitude)
        self.visible = self._visible(None)
        window = config.sliding_window
        self.windowed = self.visible if window is None else self._visible(window)

    def model(self, head: HeadName) -> ov.Model:
        """The whole graph."""
        made = ops.result(self._read(self.hidden(), head))
        made.output(0).set_names({"logits"})
        return named(ov.Model([made], [], [self.ids_BT, self.mask_BT], f"{self.config.family}_{head}"))

    def hidden(self) -> Node:
        """The last hidden states, (B, T, D)."""
        x_BTD = self.embedded(self.ids_BT, self.place_BT)
        for layer in range(self.config.num_hidden_layers):
            x_BTD = self.block(x_BTD, layer, ("input_layernorm", self._attention))
        return self.finished(x_BTD)

    def _attention(self, x_BTD: Node, layer: int) -> Node:
        config = self.config
        q, k, v = self.queries_keys_values(x_BTD, layer, self.turns)
        windowed = config.sliding_window is not None and layer >= config.sliding_from_layer
        mask = self.windowed if windowed else self.visible
        return self.look(q, k, v, mask, f"{self.at}.layers.{layer}.self_attn")

    def _places(self) -> Node:
        if not self.config.positions_skip_padding:
            return ops.unsqueeze(self.place_T, const(0))
        real_BT = ops.convert(ops.not_equal(self.ids_BT, const(self.config.pad_token_id or 0)), "i64")
        return ops.subtract(ops.multiply(ops.cum_sum(real_BT, const(1)), real_BT), const(1))

    def _visible(self, window: int | None) -> Node:
        """(B, 1 or H, 1 or T, T): 0, or T5's bias, where a token may look, lowest elsewhere."""
        seen = ops.unsqueeze(ops.not_equal(self.mask_BT, const(0)), const([1, 2]))
        if self.config.kind == "decoder":
            place_T1 = ops.unsqueeze(self.place_T, const(1))
            sees_TS = ops.less_equal(self.place_T, place_T1)
            if window is not None:
                after_TS = ops.greater(self.place_T, ops.subtract(place_T1, const(window)))
                sees_TS = ops.logical_and(sees_TS, after_TS)
            seen = ops.logical_and(seen, sees_TS)
        mask = hidden_where_not(seen)
        bias = self.distance_bias(self.place_T, self.place_T)
        return mask if bias is None else ops.add(mask, bias)

    def _read(self, x_BTD: Node, head: HeadName) -> Node:
        if head in ("tag", "span"):
            return self.linear(x_BTD, "head.out_proj")
        if head == "embed":
            x_BD = self._pooled(x_BTD, self.config.embedding_pooling)
            # x / max(‖x‖, ε), as torch.nn.functional.normalize
            length = ops.sqrt(ops.reduce_sum(ops.multiply(x_BD, x_BD), const([1]), True))
            return ops.divide(x_BD, ops.maximum(length, const(np.float32(1e-12))))
        x_BD = self._pooled(x_BTD, self.config.pooling)
        if self.config.pooler:
            x_BD = ops.tanh(self.linear(x_BD, "head.dense"))
        return self.linear(x_BD, "head.out_proj")

    def _pooled(self, x_BTD: Node, pooling: Pooling) -> Node:
        if pooling == "first":
            return ops.gather(x_BTD, const(0), const(1))
        if pooling == "last":
            count_B1 = ops.reduce_sum(self.mask_BT, const([1]), True)
            return ops.squeeze(ops.gather(x_BTD, ops.subtract(count_B1, const(1)), const(1), 1), const([1]))
        real_BT1 = ops.unsqueeze(ops.convert(self.mask_BT, "f32"), const(2))
        count_B1 = ops.maximum(ops.reduce_sum(real_BT1, const([1])), const(np.float32(1)))
        return ops.divide(ops.reduce_sum(ops.multiply(x_BTD, real_BT1), const([1])), count_B1)
