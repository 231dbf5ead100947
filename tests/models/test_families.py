"""Every family and head against `transformers`: the same numbers from its files, and from ours in its hands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from catenary.models import FAMILIES, load, save
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

    ids, mask = token_ids(), padding()
    ids = ids.masked_fill(mask == 0, config.pad_token_id)
    given: dict[str, Any] = {}
    if head == "classify" and ours.config.kind == "encoder-decoder":  # they read the state at the end token
        ids = ids.scatter(1, mask.sum(dim=1, keepdim=True) - 1, config.eos_token_id)
    if head == "seq2seq":
        given["decoder_input_ids"] = token_ids(3, 7, seed=2)
    with torch.no_grad():
        expected = their_numbers(reference(input_ids=ids, attention_mask=mask, **given), head, mask)
        back = their_numbers(again(input_ids=ids, attention_mask=mask, **given), head, mask)
        got = ours(ids, mask, **given).logits
    keep = mask.bool() if head in ("clm", "mlm", "mlm+nsp", "tag", "span") else slice(None)
    assert_near(got[keep], expected[keep])
    assert_near(back[keep], expected[keep])
