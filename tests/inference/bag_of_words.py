"""A model folder that is real and tiny: an ONNX classifier that adds up what each character says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers, processors

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "好", "差", "书", "一", "g"]
SAYS = {"好": (-2.0, 2.0), "差": (2.0, -2.0)}
MAX_TOKENS = 16


def write_folder(path: Path, **config: Any) -> Path:
    """The folder `path` with a model in it; `config` changes its config.json."""
    path.mkdir(parents=True, exist_ok=True)
    onnx.save(_network(), path / "model.onnx")
    settings = {
        "model_type": "bert",
        "vocab_size": len(VOCABULARY),
        "max_position_embeddings": MAX_TOKENS,
        "pad_token_id": 0,
        "id2label": {"0": "negative", "1": "positive"},
    }
    (path / "config.json").write_text(json.dumps(settings | config), "utf-8")
    (path / "tokenizer_config.json").write_text(json.dumps({"model_max_length": MAX_TOKENS}), "utf-8")
    _tokenizer().save(str(path / "tokenizer.json"))
    return path


def _tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(VOCABULARY)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


def _network() -> onnx.ModelProto:
    says_VL = np.zeros((len(VOCABULARY), 2), dtype=np.float32)
    for word, row in SAYS.items():
        says_VL[VOCABULARY.index(word)] = row
    nodes = [
        helper.make_node("Gather", ["says", "input_ids"], ["each"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["mask_last"]),
        helper.make_node("Mul", ["each", "mask_last"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "tokens"], ["logits"], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "bag_of_words",
        [
            helper.make_tensor_value_info(n, TensorProto.INT64, ["B", "T"])
            for n in ("input_ids", "attention_mask")
        ],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["B", 2])],
        [
            numpy_helper.from_array(says_VL, "says"),
            numpy_helper.from_array(np.array([-1]), "last"),
            numpy_helper.from_array(np.array([1]), "tokens"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
