"""Files as the hub holds them: written by older versions of `transformers`, or turned over from TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from catenary.errors import InvalidInput
from catenary.models import load
from tests.models.reference import assert_near, random_reference, token_ids
from tests.models.test_families import CONFIGS, numbers_of

Tensors = dict[str, Tensor]


def google_bert(tensors: Tensors) -> Tensors:
    """bert-base-uncased and bert-base-chinese: TensorFlow's names of norms; heads that BertForMaskedLM has not."""
    theirs = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    named = dict(tensors)
    for name, tensor in tensors.items():
        ending = ".".join(name.split(".")[-2:])
        if ending in theirs:
            del named[name]
            named[name.removesuffix(ending) + theirs[ending]] = tensor
    return named | {
        "bert.embeddings.position_ids": torch.arange(40)[None],
        "bert.pooler.dense.weight": torch.ones(32, 32),
        "bert.pooler.dense.bias": torch.ones(32),
        "cls.seq_relationship.weight": torch.ones(2, 32),
        "cls.seq_relationship.bias": torch.ones(2),
        "cls.predictions.decoder.weight": tensors["bert.embeddings.word_embeddings.weight"].clone(),
        "cls.predictions.decoder.bias": tensors["cls.predictions.bias"].clone(),
    }


def openai_gpt2(tensors: Tensors) -> Tensors:
    """gpt2: the body's prefix left out, causal masks kept."""
    named = {name.removeprefix("transformer."): tensor for name, tensor in tensors.items()}
    masks = {f"h.{layer}.attn.bias": torch.ones(1, 1, 40, 40).tril() for layer in range(2)}
    return named | masks | {f"h.{layer}.attn.masked_bias": torch.tensor(-1e4) for layer in range(2)}


def first_llama(tensors: Tensors) -> Tensors:
    """Llama's rotary frequencies, once a buffer."""
    return tensors | {
        f"model.layers.{layer}.self_attn.rotary_emb.inv_freq": torch.ones(4) for layer in range(2)
    }


def first_t5(tensors: Tensors) -> Tensors:
    """t5-small: the table three times and once more as the last layer, and a bias that nothing reads."""
    table = tensors["shared.weight"]
    copies = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight")
    unread = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"
    return tensors | {name: table.clone() for name in copies} | {unread: torch.ones(8, 4)}


def first_bart(tensors: Tensors) -> Tensors:
    """bart-base: the table three times."""
    table = tensors["model.shared.weight"]
    copies = ("model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight", "lm_head.weight")
    return tensors | {name: table.clone() for name in copies}


def opus_mt(tensors: Tensors) -> Tensors:
    """opus-mt: the sinusoidal tables too."""
    tables = {f"model.{side}.embed_positions.weight": torch.ones(40, 32) for side in ("encoder", "decoder")}
    return first_bart(tensors) | tables


@pytest.mark.parametrize(
    ("variant", "architecture", "older"),
    [
        ("bert", "BertForMaskedLM", google_bert),
        ("gpt2", "GPT2LMHeadModel", openai_gpt2),
        ("llama", "LlamaForCausalLM", first_llama),
        ("t5", "T5ForConditionalGeneration", first_t5),
        ("bart", "BartForConditionalGeneration", first_bart),
        ("marian", "MarianMTModel", opus_mt),
    ],
)
def test_an_older_file_is_the_same_model(
    variant: str, architecture: str, older: Callable[[Tensors], Tensors], tmp_path: Path
) -> None:
    config: Any = CONFIGS[variant]
    reference = random_reference(architecture, config)
    reference.save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    save_file(older(load_file(path)), path)
    model = load(tmp_path)
    assert_near(numbers_of(model, config, model.head_name), numbers_of(reference, config, model.head_name))


def test_a_body_alone_writes_with_its_table(tmp_path: Path) -> None:
    """bart-base names no head: its last layer is the table, and the bias that it leaves out is nothing."""
    reference = random_reference("BartModel", CONFIGS["bart"])
    reference.save_pretrained(tmp_path)
    model = load(tmp_path, "seq2seq")
    written = token_ids(3, 5, seed=2)
    with torch.no_grad():
        hidden = reference(token_ids(), decoder_input_ids=written).last_hidden_state
        got = model(token_ids(), decoder_input_ids=written).logits
    assert_near(got, hidden @ reference.shared.weight.T)


def test_a_copy_that_is_none(tmp_path: Path) -> None:
    random_reference("BartForConditionalGeneration", CONFIGS["bart"]).save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    tensors = load_file(path)
    tensors["model.encoder.embed_tokens.weight"] = tensors["model.shared.weight"] + 1
    save_file(tensors, path)
    with pytest.raises(InvalidInput, match=r"encoder\.embed_tokens\.weight"):
        load(tmp_path)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_comes_in_as_it_is(dtype: torch.dtype, tmp_path: Path) -> None:
    reference = random_reference("LlamaForCausalLM", CONFIGS["llama"]).to(dtype)
    reference.save_pretrained(tmp_path)
    ours = load(tmp_path).state_dict()
    for name, tensor in reference.state_dict().items():
        assert torch.equal(ours[name.replace("lm_head", "head.out_proj")], tensor), name
