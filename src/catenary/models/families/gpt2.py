"""GPT-2: a decoder with learned positions (Radford et al. 2019)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from catenary.models.config import TransformerConfig
from catenary.models.families.family import Family, HeadFiles, Settings, Tensors

if TYPE_CHECKING:
    from torch import Tensor

# Its projections are stored as (in, out), the queries', keys' and values' in one: `Conv1D`, from the TensorFlow code.
TRANSPOSED = re.compile(r".*\.(c_attn|c_proj|c_fc)\.weight")
FUSED = re.compile(r"(.*\.)c_attn\.(weight|bias)")


def read(settings: Settings) -> dict[str, object]:
    inner, width = settings.get("n_inner"), settings.get("n_embd", 768)
    return {"intermediate_size": 4 * width if inner is None and isinstance(width, int) else inner}


def write(config: TransformerConfig) -> dict[str, Any]:
    return {
        "n_inner": config.intermediate_size,
        "embd_pdrop": config.hidden_dropout if config.embedding_dropout is None else config.embedding_dropout,
    }


def unpack(tensors: Tensors, config: TransformerConfig) -> Tensors:
    unpacked: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if TRANSPOSED.fullmatch(name) and tensor.dim() == 2:
            tensor = tensor.T.contiguous()
        if (fused := FUSED.fullmatch(name)) and tensor.shape[0] % 3 == 0:
            for part, projection in zip("qkv", tensor.chunk(3), strict=True):
                unpacked[f"{fused[1]}{part}_proj.{fused[2]}"] = projection.contiguous()
        else:
            unpacked[name] = tensor
    return unpacked


def pack(tensors: Tensors, config: TransformerConfig) -> Tensors:
    import torch

    packed: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if name.endswith((".k_proj.weight", ".k_proj.bias", ".v_proj.weight", ".v_proj.bias")):
            continue
        if ".q_proj." in name:
            parts = [tensors[name.replace(".q_proj.", f".{part}_proj.")] for part in "qkv"]
            name, tensor = name.replace(".q_proj.", ".c_attn."), torch.cat(parts)
        packed[name] = tensor.T.contiguous() if TRANSPOSED.fullmatch(name) else tensor
    return packed


GPT2 = Family(
    model_type="gpt2",
    paper="Radford et al. 2019",
    fixed={
        "kind": "decoder",
        "position": "learned",
        "norm": "layer",
        "norm_at": "pre",
        "attention_bias": True,
        "attention_output_bias": True,
        "mlp_bias": True,
        "pooling": "last",
        "pooler": False,
    },
    settings={
        "vocab_size": "vocab_size",
        "n_embd": "hidden_size",
        "n_layer": "num_hidden_layers",
        "n_head": "num_attention_heads",
        "n_positions": "max_position_embeddings",
        "activation_function": "activation",
        "resid_pdrop": "hidden_dropout",
        "embd_pdrop": "embedding_dropout",
        "attn_pdrop": "attention_dropout",
        "classifier_dropout": "classifier_dropout",
        "layer_norm_epsilon": "norm_eps",
        "initializer_range": "initializer_range",
        "tie_word_embeddings": "tie_word_embeddings",
        "pad_token_id": "pad_token_id",
        "bos_token_id": "bos_token_id",
        "eos_token_id": "eos_token_id",
    },
    defaults={
        "vocab_size": 50257,
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
        "max_position_embeddings": 1024,
        "activation": "gelu_tanh",
        "hidden_dropout": 0.1,
        "attention_dropout": 0.1,
        "norm_eps": 1e-5,
    },
    only={
        "scale_attn_weights": (True,),
        "scale_attn_by_inverse_layer_idx": (False,),
        "reorder_and_upcast_attn": (False,),
        "add_cross_attention": (False,),
    },
    inert=frozenset(
        {
            *("n_ctx", "summary_type", "summary_use_proj", "summary_activation", "summary_proj_to_labels"),
            "summary_first_dropout",
        }
    ),
    keys=frozenset({"n_inner"}),
    read=read,
    write=write,
    unpack=unpack,
    pack=pack,
    prefix="transformer",
    names=(
        ("wte", "embed_tokens"),
        ("wpe", "embed_positions"),
        ("ln_f", "norm"),
        ("h.{n}.ln_1", "layers.{n}.input_layernorm"),
        ("h.{n}.ln_2", "layers.{n}.post_attention_layernorm"),
        ("h.{n}.attn.c_proj", "layers.{n}.self_attn.o_proj"),
        ("h.{n}.attn.q_proj", "layers.{n}.self_attn.q_proj"),
        ("h.{n}.attn.k_proj", "layers.{n}.self_attn.k_proj"),
        ("h.{n}.attn.v_proj", "layers.{n}.self_attn.v_proj"),
        ("h.{n}.mlp.c_fc", "layers.{n}.mlp.up_proj"),
        ("h.{n}.mlp.c_proj", "layers.{n}.mlp.down_proj"),
    ),
    heads={
        "clm": HeadFiles("GPT2LMHeadModel", (("lm_head", "head.out_proj"),)),
        "classify": HeadFiles("GPT2ForSequenceClassification", (("score", "head.out_proj"),)),
        "tag": HeadFiles("GPT2ForTokenClassification", (("classifier", "head.out_proj"),)),
        "span": HeadFiles("GPT2ForQuestionAnswering", (("qa_outputs", "head.out_proj"),)),
        "embed": HeadFiles("GPT2Model", prefix=""),
    },
    unused=(r"model\.h\.\d+\.attn\.(masked_)?bias",),  # its causal mask, which `transformers` used to save
)
