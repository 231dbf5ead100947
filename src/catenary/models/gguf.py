"""GGUF files, llama.cpp's format, in: the weights are dequantised, and the model is like any other from then on.

>>> from catenary.models import load
>>> model = load("SmolLM2-135M-Instruct.Q4_1.gguf")  # doctest: +SKIP
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from catenary.errors import InvalidInput
from catenary.models.checkpoint import in_their_names
from catenary.models.config import TransformerConfig, checked
from catenary.models.families import FAMILIES
from catenary.models.gguf_file import GgufFile, read_gguf
from catenary.models.names import to_ours

NAMES = (
    ("token_embd", "model.embed_tokens"),
    ("position_embd", "model.embed_positions"),
    ("output_norm", "model.norm"),
    ("output", "head.out_proj"),
    ("blk.{n}.attn_q", "model.layers.{n}.self_attn.q_proj"),
    ("blk.{n}.attn_k", "model.layers.{n}.self_attn.k_proj"),
    ("blk.{n}.attn_v", "model.layers.{n}.self_attn.v_proj"),
    ("blk.{n}.attn_output", "model.layers.{n}.self_attn.o_proj"),
    ("blk.{n}.attn_q_norm", "model.layers.{n}.self_attn.q_norm"),
    ("blk.{n}.attn_k_norm", "model.layers.{n}.self_attn.k_norm"),
    ("blk.{n}.attn_norm", "model.layers.{n}.input_layernorm"),
    ("blk.{n}.ffn_norm", "model.layers.{n}.post_attention_layernorm"),
    ("blk.{n}.ffn_gate", "model.layers.{n}.mlp.gate_proj"),
    ("blk.{n}.ffn_up", "model.layers.{n}.mlp.up_proj"),
    ("blk.{n}.ffn_down", "model.layers.{n}.mlp.down_proj"),
)

SETTINGS = {  # after the architecture's name; ours
    "block_count": "num_hidden_layers",
    "context_length": "max_position_embeddings",
    "embedding_length": "hidden_size",
    "feed_forward_length": "intermediate_size",
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
    "attention.key_length": "head_dim",
    "attention.layer_norm_rms_epsilon": "norm_eps",
    "attention.layer_norm_epsilon": "norm_eps",
    "rope.freq_base": "rope_theta",
}

TOKENS = {
    "tokenizer.ggml.bos_token_id": "bos_token_id",
    "tokenizer.ggml.eos_token_id": "eos_token_id",
    "tokenizer.ggml.padding_token_id": "pad_token_id",
}


@dataclass(frozen=True)
class Architecture:
    """How llama.cpp stores a family: `turned` says that queries and keys are laid out for neighbouring rotary pairs."""

    family: str
    turned: bool = False
    fused: bool = False  # queries, keys and values in one tensor


ARCHITECTURES = {
    "llama": Architecture("llama", turned=True),  # Mistral and SmolLM too
    "qwen2": Architecture("qwen2"),
    "qwen3": Architecture("qwen3"),
    "gpt2": Architecture("gpt2", fused=True),
}


def read_as_folder(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What `config.json` and the tensors (fp32) of a GGUF file's model would be in a Hugging Face folder.

    Raises InvalidInput for an architecture or a setting that we do not have, Damaged for a file that does not hold.
    """
    file = read_gguf(path)
    name = file.settings.get("general.architecture")
    if not isinstance(name, str) or name not in ARCHITECTURES:
        raise InvalidInput(
            "This GGUF architecture is not supported.",
            where=str(path),
            got=repr(name),
            expected="{architectures}",
            architectures=" / ".join(ARCHITECTURES),
        )
    architecture = ARCHITECTURES[name]
    config = _config(file, name, architecture)
    tensors: dict[str, Tensor] = {}
    for theirs in file.tensors:
        tensor = torch.from_numpy(_dequantised(file, theirs))
        if architecture.fused and (fused := re.fullmatch(r"blk\.(\d+)\.attn_qkv\.(weight|bias)", theirs)):
            for part, piece in zip("qkv", tensor.chunk(3), strict=True):
                tensors[f"model.layers.{fused[1]}.self_attn.{part}_proj.{fused[2]}"] = piece.contiguous()
            continue
        ours = to_ours(theirs, NAMES)
        if architecture.turned and ".self_attn.q_proj." in ours:
            tensor = _turned_back(tensor, config.num_attention_heads)
        if architecture.turned and ".self_attn.k_proj." in ours:
            tensor = _turned_back(tensor, config.num_key_value_heads)
        tensors[ours] = tensor
    family = FAMILIES[architecture.family]
    settings = family.settings_of(config) | {"architectures": [family.heads["clm"].architecture]}
    return settings, in_their_names(tensors, family, "clm", config)


def _dequantised(file: GgufFile, name: str) -> NDArray[np.float32]:
    try:
        return file.tensors[name].dequantised()
    except NotImplementedError:
        raise InvalidInput(
            "The tensor {tensor} holds numbers of a kind that is not supported.",
            tensor=name,
            where=str(file.path),
            got=f"ggml type {file.tensors[name].type}",
            expected="F32, F16, BF16, Q4_0 to Q8_0, K- or I-quants",
        ) from None


def _config(file: GgufFile, name: str, architecture: Architecture) -> TransformerConfig:
    settings = file.settings
    taken: dict[str, Any] = {
        ours: settings[f"{name}.{theirs}"]
        for theirs, ours in SETTINGS.items()
        if f"{name}.{theirs}" in settings
    }
    taken |= {ours: settings[theirs] for theirs, ours in TOKENS.items() if theirs in settings}
    for key, value in taken.items():
        if isinstance(value, memoryview):  # a number for each layer, in some architectures
            raise InvalidInput(
                "The model setting {key} cannot be used.",
                key=key,
                where=str(file.path),
                got=f"an array of {len(value)}",
                expected="one number",
            )
    missing = [key for key in ("block_count", "embedding_length") if f"{name}.{key}" not in settings]
    embedding = file.tensors.get("token_embd.weight")
    if missing or embedding is None:
        raise InvalidInput(
            "This GGUF file does not say what the model is.",
            where=str(file.path),
            got=f"{name}.{missing[0]}: -" if missing else "token_embd.weight: -",
            expected="{name}.block_count, {name}.embedding_length and the tensor token_embd.weight",
            name=name,
        )
    taken["vocab_size"] = embedding.shape[0]
    tokens = settings.get("tokenizer.ggml.tokens")
    if isinstance(tokens, list) and len(tokens) > embedding.shape[0]:
        raise InvalidInput(
            "The tokenizer does not fit the model.",
            where=str(file.path),
            got=f"{len(tokens)} tokens in tokenizer.ggml.tokens",
            expected="ids below {vocab_size}, the rows of the embedding",
            vocab_size=embedding.shape[0],
        )
    taken["tie_word_embeddings"] = "output.weight" not in file.tensors
    if name == "llama":
        biased = "blk.0.attn_q.bias" in file.tensors
        taken |= {"attention_bias": biased, "attention_output_bias": "blk.0.attn_output.bias" in file.tensors}
    taken |= _scaling(file, name)
    family = FAMILIES[architecture.family]
    return checked(
        {"family": family.model_type, **family.defaults, "head_dim": None, **taken, **family.fixed},
        where=str(file.path),
    )


def _scaling(file: GgufFile, name: str) -> dict[str, object]:
    """How positions are stretched. llama.cpp keeps Llama 3's as a tensor of factors, which we do not read back."""
    if "rope_freqs.weight" in file.tensors:
        raise InvalidInput(
            "Rotary factors stored as a tensor are not supported.",
            where=str(file.path),
            got="rope_freqs.weight",
            expected="the model's Hugging Face folder, which says how they were made",
        )
    kind = file.settings.get(f"{name}.rope.scaling.type", "none")
    if not isinstance(kind, str) or kind not in ("none", "linear", "yarn"):
        raise InvalidInput(
            "This kind of rotary scaling is not supported.",
            where=str(file.path),
            got=repr(kind),
            expected="{kinds}",
            kinds="none / linear / yarn",
        )
    if kind == "none":
        return {}
    scaling = {"rope_type": kind, "factor": file.settings.get(f"{name}.rope.scaling.factor")}
    original = file.settings.get(f"{name}.rope.scaling.original_context_length")
    if original:
        scaling["original_max_position_embeddings"] = original
    return {"rope_scaling": scaling}


def _turned_back(tensor: Tensor, heads: int) -> Tensor:
    """Rows of each head as Hugging Face has them, i beside i + K/2, from llama.cpp's, 2i beside 2i + 1."""
    rows = tensor.shape[0]
    if rows % (2 * heads):
        return tensor  # its shape is refused when it is given to the model
    return tensor.view(heads, rows // heads // 2, 2, *tensor.shape[1:]).transpose(1, 2).reshape(tensor.shape)
