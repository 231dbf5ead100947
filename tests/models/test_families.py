"""Every family and head against `transformers`: the same numbers from its files, and from ours in its hands."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from catenary.errors import CatenaryWarning, InvalidInput
from catenary.models import FAMILIES, Model, build, load, observe, save
from catenary.models.config import HeadName
from tests.models.reference import VOCABULARY, assert_near, padding, random_reference, reload, token_ids

WIDTHS = {"vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
ENCODER = WIDTHS | {"intermediate_size": 48, "max_position_embeddings": 40}
DECODER = ENCODER | {"num_key_value_heads": 2, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
BOTH = {
    "vocab_size": VOCABULARY,
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 3,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 40,
    "max_position_embeddings": 40,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 2,
    "forced_eos_token_id": None,
}
T5 = {
    "vocab_size": VOCABULARY,
    "d_model": 32,
    "d_kv": 12,
    "d_ff": 48,
    "num_layers": 2,
    "num_decoder_layers": 3,
    "num_heads": 4,
    "relative_attention_num_buckets": 8,
    "relative_attention_max_distance": 10,
    "decoder_start_token_id": 0,
}
GPT2 = {
    "vocab_size": VOCABULARY,
    "n_embd": 32,
    "n_layer": 2,
    "n_head": 4,
    "n_positions": 40,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}

CONFIGS: dict[str, Any] = {
    "bert": transformers.BertConfig(**ENCODER),
    "bert, untied, relu": transformers.BertConfig(**ENCODER, tie_word_embeddings=False, hidden_act="relu"),
    "roberta": transformers.RobertaConfig(**ENCODER),
    "xlm-roberta": transformers.XLMRobertaConfig(**ENCODER),
    "gpt2": transformers.GPT2Config(**GPT2),
    "gpt2, wide": transformers.GPT2Config(**GPT2, n_inner=72, tie_word_embeddings=False),
    "llama": transformers.LlamaConfig(**DECODER),
    "llama, tied, biased": transformers.LlamaConfig(
        **DECODER, tie_word_embeddings=True, attention_bias=True, mlp_bias=True, head_dim=12
    ),
    "llama, 3.1": transformers.LlamaConfig(
        **DECODER,
        rope_parameters={
            "rope_type": "llama3",
            "rope_theta": 5000.0,
            "factor": 4.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 16,
        },
    ),
    "llama, linear": transformers.LlamaConfig(
        **DECODER, rope_parameters={"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0}
    ),
    "mistral": transformers.MistralConfig(**DECODER, sliding_window=None),
    "mistral, window": transformers.MistralConfig(**DECODER, sliding_window=5),
    "qwen2": transformers.Qwen2Config(**DECODER),
    "qwen2, yarn": transformers.Qwen2Config(
        **DECODER,
        rope_parameters={
            "rope_type": "yarn",
            "rope_theta": 1000.0,
            "factor": 4.0,
            "original_max_position_embeddings": 16,
        },
    ),
    "qwen2, window": transformers.Qwen2Config(
        **DECODER, use_sliding_window=True, sliding_window=4, max_window_layers=1
    ),
    "qwen3": transformers.Qwen3Config(**DECODER, head_dim=16),
    "t5": transformers.T5Config(**T5),
    "t5, 1.1": transformers.T5Config(**T5, feed_forward_proj="gated-gelu", tie_word_embeddings=False),
    "bart": transformers.BartConfig(**BOTH),
    "bart, scaled": transformers.BartConfig(**BOTH, scale_embedding=True, activation_function="relu"),
    "marian": transformers.MarianConfig(**BOTH, scale_embedding=True, activation_function="swish"),
}
CASES = [
    (variant, head)
    for variant, config in CONFIGS.items()
    for head in FAMILIES[config.model_type].heads
    if "," not in variant or head in ("mlm", "clm", "seq2seq")
]


def numbers_of(model: Any, config: Any, head: HeadName) -> torch.Tensor:
    """What a model of ours or theirs says of the same padded rows, less what it says of padding."""
    ids, mask = token_ids(), padding()
    ids = ids.masked_fill(mask == 0, config.pad_token_id)
    if head == "classify" and config.is_encoder_decoder:  # they read the state at the end token
        ids = ids.scatter(1, mask.sum(dim=1, keepdim=True) - 1, config.eos_token_id)
    given = {"decoder_input_ids": token_ids(3, 7, seed=2)} if head == "seq2seq" else {}
    with torch.no_grad():
        output = model(ids, attention_mask=mask, **given)
    numbers = output.logits if isinstance(model, Model) else their_numbers(output, head, mask)
    return numbers[mask.bool()] if head in ("clm", "mlm", "mlm+nsp", "tag", "span") else numbers


def their_numbers(output: Any, head: HeadName, mask: torch.Tensor) -> torch.Tensor:
    match head:
        case "span":
            return torch.stack([output.start_logits, output.end_logits], dim=-1)
        case "mlm+nsp":
            return output.prediction_logits
        case "embed":
            weight = mask[..., None].float()
            mean = (output.last_hidden_state * weight).sum(1) / weight.sum(1)
            return torch.nn.functional.normalize(mean, dim=-1)
        case _:
            return output.logits


@pytest.mark.parametrize(("variant", "head"), CASES)
def test_reads_and_writes_as_transformers_does(variant: str, head: HeadName, tmp_path: Path) -> None:
    config = CONFIGS[variant]
    family = FAMILIES[config.model_type]
    architecture = family.heads[head].architecture
    config.num_labels = 3 if head in ("classify", "tag") else 2
    reference = random_reference(architecture, config)
    reference.save_pretrained(tmp_path / "theirs")
    ours = load(tmp_path / "theirs")
    save(ours, tmp_path / "ours")
    again = reload(tmp_path / "ours", architecture)
    assert ours.head_name == head
    expected = numbers_of(reference, config, head)
    assert_near(numbers_of(ours, config, head), expected)
    assert_near(numbers_of(again, config, head), expected)


@pytest.mark.parametrize(("variant", "head"), [case for case in CASES if "," not in case[0]])
def test_what_we_build_transformers_reads(variant: str, head: HeadName, tmp_path: Path) -> None:
    """A model that never was theirs: drawn and written by us alone."""
    config = CONFIGS[variant]
    family = FAMILIES[config.model_type]
    labels = ["差", "中", "好"] if head in ("classify", "tag") else None
    settings = {**config.to_dict(), "num_labels": 3}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CatenaryWarning)
        ours = build(family.config_from(settings), head, labels=labels, seed=7).eval()
    save(ours, tmp_path)
    theirs = reload(tmp_path, family.heads[head].architecture)
    assert_near(numbers_of(theirs, config, head), numbers_of(ours, config, head))
    if labels:
        assert [theirs.config.id2label[number] for number in range(3)] == labels


@pytest.mark.parametrize("variant", ["bert", "gpt2", "llama", "t5", "bart", "marian"])
def test_shards_go_both_ways(variant: str, tmp_path: Path) -> None:
    config = CONFIGS[variant]
    heads = FAMILIES[config.model_type].heads
    head = next(head for head in ("mlm", "clm", "seq2seq") if head in heads)
    reference = random_reference(heads[head].architecture, config)
    reference.save_pretrained(tmp_path / "theirs", max_shard_size=20_000)
    assert len(list((tmp_path / "theirs").glob("model-*.safetensors"))) > 2
    ours = load(tmp_path / "theirs")
    save(ours, tmp_path / "ours", max_shard_bytes=20_000)
    assert len(list((tmp_path / "ours").glob("model-*.safetensors"))) > 2
    expected = numbers_of(reference, config, head)
    assert_near(numbers_of(ours, config, head), expected)
    assert_near(numbers_of(reload(tmp_path / "ours", heads[head].architecture), config, head), expected)


def test_an_encoder_taken_from_an_encoder_decoder_leaves_the_decoder(tmp_path: Path) -> None:
    """A T5's encoder alone makes sentence vectors and tags; what it had to write with is told as unused."""
    random_reference("T5ForConditionalGeneration", CONFIGS["t5"]).save_pretrained(tmp_path / "whole")
    encoder = load(tmp_path / "whole", "embed")
    assert {name.partition(".")[0] for name in encoder.loaded.unused} <= {"decoder", "lm_head"}
    with torch.no_grad(), observe(encoder) as seen:
        encoder(token_ids())
    assert len(seen.attention) == CONFIGS["t5"].num_layers
    save(encoder, tmp_path / "alone")
    with pytest.raises(InvalidInput, match="decoder"):
        load(tmp_path / "alone", "seq2seq", seed=1)
