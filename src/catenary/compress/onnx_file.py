"""A classifier or a tagger as an ONNX file: what serves it needs onnxruntime, not torch.

The file takes `input_ids` and `attention_mask` (int64, [batch, length], both free up to the model's length) and gives
`logits` (float32, [batch, labels]; of a tagger [batch, length, labels]). Its metadata name the labels in order and the
most tokens of a text.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from catenary.compress.calibrate import calibrate
from catenary.errors import Damaged, InvalidInput

if TYPE_CHECKING:
    from onnx import ModelProto

    from catenary.models import Model

OPSET = 23  # the first with Attention: one fused step, 1.4 × the texts a second of the same in opset 18
NEAR = 1e-4  # most that two runtimes may differ in a logit, from the order of additions


def onnx_model(model: Model, *, precision: str = "float32", rows: Sequence[Sequence[int]] = ()) -> ModelProto:
    """The model, which must have the head `classify` or `tag`, as a checked ONNX model with weights in `precision`:
    float32, bf16, fp16, int8, or int8-static and int4, calibrated on `rows` of token ids.

    The same model gives the same bytes (`SerializeToString(deterministic=True)`). Raises InvalidInput for
    another head, Damaged when the exported model does not answer as the given one does.
    """
    import onnx

    exported = _in_precision(plain_onnx(model), precision, rows)
    metadata = {
        "labels": json.dumps(model.labels, ensure_ascii=False),
        "max_tokens": str(model.config.max_position_embeddings),
        "precision": precision,
    }
    onnx.helper.set_model_props(exported, metadata)
    if precision != "int4":  # the checker does not know onnxruntime's own operators
        onnx.checker.check_model(exported, full_check=True)
    return exported


def _in_precision(plain: ModelProto, precision: str, rows: Sequence[Sequence[int]]) -> ModelProto:
    from catenary.compress import onnx_small
    from catenary.compress.onnx_int8 import with_int8

    match precision:
        case "float32":
            return plain
        case "bf16" | "fp16":
            return onnx_small.with_half(plain, precision)
        case "int8":
            return with_int8(plain)
        case "int8-static":
            return onnx_small.with_static_int8(plain, calibrate(plain, rows))
        case "int4":
            return onnx_small.with_int4(plain, calibrate(plain, rows))
    raise InvalidInput(
        "There is no precision of this name.",
        got=precision,
        expected="float32, bf16, fp16, int8, int8-static, int4",
    )


def plain_onnx(model: Model) -> ModelProto:
    """The model in float32, found to answer as the given one does. Raises as `onnx_model`."""
    if model.head_name not in ("classify", "tag"):
        raise InvalidInput(
            "Only classifiers and taggers are exported to ONNX.",
            got=model.head_name,
            expected="a model with the head classify or tag",
        )
    model.eval()
    plain = _exported(model)
    _strip(plain)
    _widen_masks(plain)
    _check_alike(model, plain)
    return plain


def _exported(model: Model) -> ModelProto:
    import torch
    from torch import Tensor, nn

    class Logits(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.classifier = model

        def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
            logits: Tensor = self.classifier(input_ids, attention_mask).logits
            return logits

    longest = model.config.max_position_embeddings
    axes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("length", max=longest)}
    ids_BT, mask_BT = (
        torch.ones((2, 3), dtype=torch.int64) for _ in range(2)
    )  # not one tensor as both inputs
    with _quiet():
        program = torch.onnx.export(
            Logits().eval(),
            (ids_BT, mask_BT),
            dynamo=True,
            opset_version=OPSET,
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_shapes={"input_ids": axes, "attention_mask": axes},
            verbose=False,
        )
    assert program is not None
    return program.model_proto


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's remarks on optional packages and on its own deprecations."""
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        exporter.setLevel(level)


def _strip(model: ModelProto) -> None:
    """Take out what the exporter notes of its own making: stack traces with this machine's paths among it."""
    del model.metadata_props[:], model.graph.metadata_props[:], model.graph.value_info[:]
    for part in (*model.graph.node, *model.graph.initializer, *model.graph.input, *model.graph.output):
        del part.metadata_props[:]
        part.doc_string = ""
    model.doc_string = model.graph.doc_string = ""


def _widen_masks(model: ModelProto) -> None:
    """Let attention masks have a row for each query.

    By the standard (B, 1, 1, S) broadcasts; onnxruntime's Attention (1.31, CPU) takes (B, 1, T, S) only.
    """
    from onnx import helper, numpy_helper

    graph = model.graph
    attentions = [node for node in graph.node if node.op_type == "Attention" and len(node.input) > 3]
    masks = {node.input[3] for node in attentions}
    for node in attentions:
        node.input[3] += "_wide"
    nodes = list(graph.node)
    shape = [
        helper.make_node("Shape", ["input_ids"], ["tokens"], "tokens", start=1, end=2),
        helper.make_node(
            "Concat", ["one", "one", "tokens", "one"], ["one_row_a_query"], "one_row_a_query", axis=0
        ),
    ]
    made = {
        name: helper.make_node("Expand", [name, "one_row_a_query"], [f"{name}_wide"], f"{name}_wide")
        for name in masks
    }
    widened = [
        wide for node in nodes for wide in (node, *(made[name] for name in node.output if name in made))
    ]
    del graph.node[:]
    graph.node.extend([*(shape if masks else []), *widened])
    if masks:
        graph.initializer.append(numpy_helper.from_array(np.array([1]), "one"))


def _check_alike(model: Model, exported: ModelProto) -> None:
    """Raise Damaged unless the exported model gives the same logits, for one text and for several with
    padding.
    """
    import onnxruntime
    import torch

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        exported.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    generator = torch.Generator().manual_seed(0)
    longest = model.config.max_position_embeddings
    for rows, length in ((1, 1), (3, min(7, longest)), (1, longest)):
        ids_BT = torch.randint(model.config.vocab_size, (rows, length), generator=generator)
        mask_BT = torch.ones_like(ids_BT)
        mask_BT[1:, (length + 1) // 2 :] = 0
        with torch.inference_mode():
            expected_BL = model(ids_BT, mask_BT).logits.float()
        (got_BL,) = session.run(["logits"], {"input_ids": ids_BT.numpy(), "attention_mask": mask_BT.numpy()})
        difference = (torch.from_numpy(got_BL) - expected_BL).abs().max().item()
        if not difference <= NEAR * max(1.0, expected_BL.abs().max().item()):
            raise Damaged(
                "The exported model does not answer as the trained one does.",
                got=f"logits that differ by {difference:.2g} ({rows} x {length} tokens)",
                expected="a difference of at most {near}",
                near=NEAR,
            )
