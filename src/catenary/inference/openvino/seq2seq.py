"""An encoder–decoder as two OpenVINO graphs: one reads a text once, the other writes a token a step.

    reader: input_ids, attention_mask → each decoder layer's keys and values of what was read
    writer: input_ids, encoder_attention_mask, those keys and values, beam_idx → logits; its own are state

Keys and values of the text are made once, by the reader, and not again for every token (Vaswani et al. 2017, fig. 1:
they depend on the encoder's output alone). Both follow `models/transformer.py` line by line.
"""

from __future__ import annotations

from collections.abc import Mapping

import openvino as ov
import openvino.opset15 as ops

from catenary.inference.openvino.decoder import State
from catenary.inference.openvino.encoder import Reader
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
from catenary.models.config import TransformerConfig


def seq2seq_graphs(
    config: TransformerConfig, tensors: Mapping[str, Array], *, precision: Precision = "int8"
) -> tuple[ov.Model, ov.Model]:
    """The reader and the writer of an encoder–decoder. `tensors` as `parts.py` gathers them."""
    return _reader(config, tensors, precision), _Writer(config.decoder(), tensors, precision).model()


def _reader(config: TransformerConfig, tensors: Mapping[str, Array], precision: Precision) -> ov.Model:
    encoder = Reader(
        config, tensors, precision, "model.encoder", matrix(tensors["model.shared.weight"], precision)
    )
    memory_BSD = encoder.hidden()
    decoder = Layers(config.decoder(), tensors, precision, "model.decoder", encoder.table)
    results = []
    for layer in range(decoder.config.num_hidden_layers):
        at = f"model.decoder.layers.{layer}.cross_attn"
        made = decoder.linears(memory_BSD, [f"{at}.k_proj", f"{at}.v_proj"])
        for name, x_BSD in zip(("key", "value"), made, strict=True):
            result = ops.result(decoder.heads(x_BSD, decoder.config.num_key_value_heads, None))
            result.output(0).set_names({f"memory.{layer}.{name}"})
            results.append(result)
    return named(ov.Model(results, [], [encoder.ids_BT, encoder.mask_BT], f"{config.family}_reader"))


class _Writer(Layers):
    def __init__(self, config: TransformerConfig, tensors: Mapping[str, Array], precision: Precision) -> None:
        table = matrix(tensors["model.shared.weight"], precision)
        super().__init__(config, tensors, precision, "model.decoder", table)
        self.ids_BT = input_node("input_ids", ov.Type.i64, [-1, -1])
        self.mask_BS = input_node("encoder_attention_mask", ov.Type.i64, [-1, -1])
        self.start = input_node("start", ov.Type.i64, [])  # tokens written before
        shape = [-1, config.num_key_value_heads, -1, config.head_dim]
        self.memory = [
            tuple(input_node(f"memory.{layer}.{name}", ov.Type.f32, shape) for name in ("key", "value"))
            for layer in range(config.num_hidden_layers)
        ]
        self.state = State(config, self.ids_BT)
        end = ops.add(self.start, size_of(self.ids_BT, 1))
        self.place_T = ops.range(self.start, end, const(1), "i64")
        place_S = ops.range(const(0), end, const(1), "i64")
        mask = hidden_where_not(ops.less_equal(place_S, ops.unsqueeze(self.place_T, const(1))))
        bias = self.distance_bias(self.place_T, place_S)
        self.order = ops.unsqueeze(mask, const([0, 1])) if bias is None else ops.add(mask, bias)
        self.read = hidden_where_not(ops.unsqueeze(ops.not_equal(self.mask_BS, const(0)), const([1, 2])))

    def model(self) -> ov.Model:
        x_BTD = self.embedded(self.ids_BT, ops.unsqueeze(self.place_T, const(0)))
        for layer in range(self.config.num_hidden_layers):
            x_BTD = self.block(
                x_BTD,
                layer,
                ("input_layernorm", self._attention),
                ("cross_attn_layernorm", self._cross_attention),
            )
        logits_BTV = self.logits(self.finished(x_BTD))
        logits_BTV.output(0).set_names({"logits"})
        inputs = [self.ids_BT, self.mask_BS, self.start, self.state.beam_B]
        inputs += [one for pair in self.memory for one in pair]
        made = ov.Model([ops.result(logits_BTV)], self.state.sinks, inputs, f"{self.config.family}_writer")
        return named(made)

    def _attention(self, x_BTD: Node, layer: int) -> Node:
        q, k, v = self.queries_keys_values(x_BTD, layer, None)
        k, v = self.state.kept(k, v, layer)
        return self.look(q, k, v, self.order, f"{self.at}.layers.{layer}.self_attn")

    def _cross_attention(self, x_BTD: Node, layer: int) -> Node:
        at = f"{self.at}.layers.{layer}.cross_attn"
        q = self.heads(self.linear(x_BTD, f"{at}.q_proj"), self.config.num_attention_heads, None)
        k, v = self.memory[layer]
        return self.look(q, k, v, self.read, at)
