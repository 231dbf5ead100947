"""Attention weights and hidden states are those that `transformers` gives, and nothing stays behind."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from catenary.models import FAMILIES, build, configure, load, observe
from tests.models.reference import assert_near, random_reference, token_ids
from tests.models.test_families import CONFIGS


@pytest.mark.parametrize("variant", ["bert", "gpt2", "llama", "qwen2, window", "qwen3", "t5", "bart"])
def test_sees_what_transformers_shows(variant: str, tmp_path: Path) -> None:
    config = CONFIGS[variant]
    heads = FAMILIES[config.model_type].heads
    head = next(head for head in ("mlm", "clm", "seq2seq") if head in heads)
    reference = random_reference(heads[head].architecture, config)
    reference.save_pretrained(tmp_path)
    reference.set_attn_implementation("eager")
    model = load(tmp_path)
    given = {"decoder_input_ids": token_ids(2, 5, seed=3)} if head == "seq2seq" else {}
    ids = token_ids(2, 9)
    with torch.no_grad(), observe(model) as seen:
        model(ids, **given)
        expected = reference(ids, **given, output_attentions=True, output_hidden_states=True)
    if head == "seq2seq":
        pairs = [
            (seen.attention, expected.decoder_attentions),
            (seen.cross, expected.cross_attentions),
            (seen.encoder_attention, expected.encoder_attentions),
            (seen.hidden[:-1], expected.decoder_hidden_states[:-1]),  # their last one is after the final norm
            (seen.encoder_hidden[:-1], expected.encoder_hidden_states[:-1]),
        ]
    else:
        pairs = [
            (seen.attention, expected.attentions),
            (seen.hidden[:-1], expected.hidden_states[:-1]),
        ]
    for ours, theirs in pairs:
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert_near(one, other)


def test_nothing_stays_behind() -> None:
    model = build(configure("bert", "nano", vocab_size=61), "mlm", seed=1).eval()
    with pytest.raises(RuntimeError), observe(model):
        raise RuntimeError
    with observe(model) as seen:
        pass
    model(token_ids())
    assert not seen.attention
    assert not seen.hidden
