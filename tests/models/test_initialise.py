"""New weights are drawn as the papers have it, and loaded ones compute in the dtype asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from catenary.models import build, configure, load, save
from tests.models.reference import token_ids


def test_bert_is_cut_at_two_deviations() -> None:
    weight = build(configure("bert", "nano", vocab_size=2000), "mlm", seed=1).embedding.weight
    assert weight.abs().max() <= 0.04
    assert weight.std().item() == pytest.approx(
        0.02 * 0.88, rel=0.03
    )  # a normal cut at 2σ has 0.88 of its deviation


def test_gpt2_draws_the_residual_path_narrower() -> None:
    config = configure("gpt2", "nano", vocab_size=2000)
    state = build(config, "clm", seed=1).state_dict()
    narrow = 0.02 / (2 * config.num_hidden_layers) ** 0.5
    assert state["model.layers.0.self_attn.o_proj.weight"].std().item() == pytest.approx(narrow, rel=0.03)
    assert state["model.layers.0.self_attn.q_proj.weight"].std().item() == pytest.approx(0.02, rel=0.03)


def test_t5_starts_with_products_of_unit_variance() -> None:
    config = configure(
        "t5",
        vocab_size=2000,
        hidden_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=256,
    )
    state = build(config, "seq2seq", seed=1).state_dict()
    assert state["model.shared.weight"].std().item() == pytest.approx(1, rel=0.03)
    scale = (128 * config.head_dim) ** -0.5
    assert state["model.encoder.layers.0.self_attn.q_proj.weight"].std().item() == pytest.approx(
        scale, rel=0.03
    )


@pytest.mark.parametrize("family", ["bert", "gpt2", "llama", "qwen3", "bart", "marian", "t5"])
def test_norms_start_at_one_and_biases_at_nothing(family: str) -> None:
    sizes = {
        "vocab_size": 50,
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 40,
    }
    config = configure(family, **sizes)
    head = {"encoder": "mlm", "decoder": "clm", "encoder-decoder": "seq2seq"}[config.kind]
    for name, tensor in build(config, head, seed=1).state_dict().items():  # type: ignore[arg-type]
        assert tensor.isfinite().all(), name
        if "norm" in name:
            assert (tensor == (0 if name.endswith("bias") else 1)).all(), name
        elif name.endswith("bias"):
            assert (tensor == 0).all(), name
        else:
            assert tensor.std() > 0, name


@pytest.mark.parametrize("family", ["bert", "llama"])
def test_computes_in_bf16(family: str, tmp_path: Path) -> None:
    head = "mlm" if family == "bert" else "clm"
    save(build(configure(family, "nano", vocab_size=61), head, seed=1), tmp_path)  # type: ignore[arg-type]
    half = load(tmp_path, dtype=torch.bfloat16)
    with torch.no_grad():
        got, expected = half(token_ids()).logits, load(tmp_path)(token_ids()).logits
    assert got.dtype == torch.bfloat16
    assert torch.nn.functional.cosine_similarity(got.float().flatten(), expected.flatten(), dim=0) > 0.999
    save(half, tmp_path / "half")
    assert next(load(tmp_path / "half").parameters()).dtype == torch.bfloat16
