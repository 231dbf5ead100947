"""BERT against `transformers`, both ways, for every head."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import transformers

from catenary.models import build, configure, load, save
from tests.models.reference import VOCABULARY, assert_near, padding, random_reference, reload, token_ids

SIZE = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 40,
}
CONFIG = transformers.BertConfig(**SIZE, num_labels=3)
OUTPUTS = {
    "BertForMaskedLM": ("mlm", "logits"),
    "BertForPreTraining": ("mlm+nsp", "prediction_logits"),
    "BertForSequenceClassification": ("classify", "logits"),
    "BertForTokenClassification": ("tag", "logits"),
}


@pytest.mark.parametrize("architecture", OUTPUTS)
def test_reads_and_writes_as_transformers_does(architecture: str, tmp_path: Path) -> None:
    head, logits = OUTPUTS[architecture]
    reference = random_reference(architecture, CONFIG)
    reference.save_pretrained(tmp_path / "theirs")
    ours = load(tmp_path / "theirs")
    save(ours, tmp_path / "ours")
    again = reload(tmp_path / "ours", architecture)

    assert ours.head_name == head
    ids, mask = token_ids(), padding()
    types = (torch.arange(ids.shape[1]) > 4).long().expand_as(ids)
    with torch.no_grad():
        expected = reference(input_ids=ids, attention_mask=mask, token_type_ids=types)
        got = ours(ids, mask, token_type_ids=types)
        back = again(input_ids=ids, attention_mask=mask, token_type_ids=types)
    keep = mask.bool() if got.logits.dim() == 3 else slice(None)
    assert_near(got.logits[keep], expected[logits][keep])
    assert_near(back[logits][keep], expected[logits][keep])
    if head == "mlm+nsp":
        assert_near(got.next_sentence_logits, expected.seq_relationship_logits)


def test_reads_spans(tmp_path: Path) -> None:
    reference = random_reference("BertForQuestionAnswering", transformers.BertConfig(**SIZE))
    reference.save_pretrained(tmp_path)
    ids = token_ids()
    with torch.no_grad():
        expected, got = reference(input_ids=ids), load(tmp_path)(ids)
    assert_near(got.logits[..., 0], expected.start_logits)
    assert_near(got.logits[..., 1], expected.end_logits)


def test_built_model_loads_in_transformers(tmp_path: Path) -> None:
    ours = build(configure("bert", "nano", vocab_size=VOCABULARY), "mlm", seed=3).eval()
    save(ours, tmp_path)
    ids = token_ids()
    with torch.no_grad():
        assert_near(ours(ids).logits, reload(tmp_path, "BertForMaskedLM")(input_ids=ids).logits)
