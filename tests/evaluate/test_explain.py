"""Attributions add up to what they explain, and roll-out to one."""

from __future__ import annotations

import pytest
import torch

from catenary.evaluate.attribution import Attribution, as_html, as_terminal
from catenary.evaluate.explain import attention_rollout, integrated_gradients
from catenary.models import build, configure

IDS = [2, 5, 3, 9, 7]


def test_integrated_gradients_leave_nothing_over() -> None:
    model = build(
        configure("bert", "nano", vocab_size=100, hidden_size=32), "classify", labels=["bad", "good"], seed=7
    ).eval()
    parts = integrated_gradients(model, IDS, 1, steps=256)
    with torch.no_grad():
        x = model.embedding(torch.tensor([IDS]))
        whole = model(inputs_embeds=x).logits[0, 1] - model(inputs_embeds=torch.zeros_like(x)).logits[0, 1]
    assert len(parts) == len(IDS)
    # Embeddings go through a norm at once, so the path has a kink near nought: the integral is near, not equal.
    assert sum(parts) == pytest.approx(float(whole), abs=0.05)


def test_attention_rolls_out_to_one() -> None:
    model = build(configure("bert", "nano", vocab_size=100, hidden_size=32), "mlm", seed=7).eval()
    told = attention_rollout(model, IDS)
    assert sum(told) == pytest.approx(1, abs=1e-5)
    assert min(told) >= 0


def test_both_pages_show_for_and_against() -> None:
    parts = [Attribution("好<", 0.5), Attribution("坏", -0.5), Attribution("的", 0.0)]
    assert "好&lt;" in as_html(parts)
    assert "+0.5000" in as_html(parts)
    assert as_terminal(parts) == "\x1b[1;34m好<\x1b[0m\x1b[1;31m坏\x1b[0m的"
