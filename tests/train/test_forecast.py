"""Timings are never asserted: that a forecast is there, is kept, and grows with what it is of."""

import pytest

from catenary.train.forecast import forecast

WANTED = {
    "family": "llama",
    "objective": "clm",
    "vocab_size": 100,
    "shape": {
        "hidden_size": 16,
        "num_hidden_layers": 6,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 32,
    },
    "settings": {"steps": 1, "batch_tokens": 64, "dropout": 0.0},
    "document_tokens": 20,
    "mask_rate": 0.15,
}


@pytest.mark.slow
@pytest.mark.parametrize(("family", "objective"), [("llama", "clm"), ("bert", "mlm")])
def test_a_machine_is_measured_once_and_only_when_told_to(tmp_path, monkeypatch, family, objective):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    wanted = {**WANTED, "family": family, "objective": objective}
    assert forecast(wanted, 64, measure=False) is None
    cost = forecast(wanted, 64, measure=True)
    assert cost is not None
    assert forecast(wanted, 64, measure=False) == cost
    assert cost.memory_bytes > 100 << 20
    assert cost.seconds(20, 2) == pytest.approx(20 * (2 * cost.part_seconds + cost.step_seconds))
    deeper = forecast({**wanted, "shape": {**wanted["shape"], "num_hidden_layers": 60}}, 64, measure=False)
    assert deeper is not None  # of the same two measurements
    assert deeper.part_seconds >= cost.part_seconds
    assert forecast({**wanted, "vocab_size": 99}, 64, measure=False) is None


def test_a_probe_that_fails_leaves_the_estimate_to_others(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("catenary.train.forecast.SECONDS", 0.01)
    assert forecast(WANTED, 64, measure=True) is None
    assert not list(tmp_path.rglob("*.json"))
