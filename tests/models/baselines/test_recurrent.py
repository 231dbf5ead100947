"""LSTM and GRU: their equations, the same likelihoods however a text is read, files that come back or are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from catenary.errors import Damaged, InvalidInput, NotFound
from catenary.models.baselines import Recurrent, RecurrentConfig
from catenary.models.baselines import recurrent as recurrent_module

FAMILIES = ["lstm", "gru"]
SHAPE = {"vocab_size": 11, "embedding_size": 6, "hidden_size": 6, "num_hidden_layers": 2}
LABELS = {"0": "bad", "1": "good", "2": "so so"}


def model_of(family: str, **settings: Any) -> Recurrent:
    return Recurrent(RecurrentConfig.model_validate({"family": family, **SHAPE, **settings}), seed=3).eval()


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def by_hand(model: Recurrent, ids: list[int]) -> np.ndarray:
    """The docstring's equations, one layer, one token after another: (T, V + 1)."""
    w = {name: tensor.double().numpy() for name, tensor in model.state_dict().items()}
    wi, wh = w["layers.weight_ih_l0"], w["layers.weight_hh_l0"]
    bi, bh = w["layers.bias_ih_l0"], w["layers.bias_hh_l0"]
    h = c = np.zeros(model.config.hidden_size)
    told = []
    for token in ids:
        x = w["embed_tokens.weight"][token]
        if model.config.family == "lstm":
            i, f, new, o = np.split(wi @ x + bi + wh @ h + bh, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(new)
            h = sigmoid(o) * np.tanh(c)
        else:
            (ri, zi, ni), (rh, zh, nh) = np.split(wi @ x + bi, 3), np.split(wh @ h + bh, 3)
            r, z = sigmoid(ri + rh), sigmoid(zi + zh)
            h = (1 - z) * np.tanh(ni + r * nh) + z * h
        told.append(w["out_proj.weight"] @ h + w["out_proj.bias"])
    return np.stack(told)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_equations(family: str) -> None:
    model = model_of(family, num_hidden_layers=1, hidden_size=5)
    ids = [11, 3, 1, 4, 1, 5]
    with torch.no_grad():
        got = model(torch.tensor([ids])).logits[0]
    np.testing.assert_allclose(got.numpy(), by_hand(model, ids), atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_likelihoods_are_of_the_tokens_and_the_end(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of(family, tie_word_embeddings=True)
    sequence = [3, 1, 4, 1, 5, 9, 2, 6]
    with torch.no_grad():
        logits = model(torch.tensor([[11, *sequence]])).logits[0].double()
    expected = logits.log_softmax(-1)[torch.arange(9), torch.tensor([*sequence, 11])]
    np.testing.assert_allclose(model.log_probs(sequence), expected.numpy(), atol=1e-6)
    monkeypatch.setattr(recurrent_module, "LOGITS_AT_ONCE", 3 * 12)  # in pieces of 3, the state going on
    np.testing.assert_allclose(model.log_probs(sequence), expected.numpy(), atol=1e-6)
    assert len(model.log_probs([])) == 1
    totals = model.totals([sequence, []])
    assert (totals.tokens, totals.sequences) == (10, 2)
    with pytest.raises(InvalidInput, match="11"):
        model.log_probs([11])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("both_ways", [True, False])
def test_padding_changes_no_answer(family: str, both_ways: bool) -> None:
    model = model_of(family, id2label=LABELS, bidirectional=both_ways)
    texts = [[3, 1, 4, 1, 5], [9, 2], [6]]
    ids = torch.tensor([text + [0] * (7 - len(text)) for text in texts])
    mask = torch.tensor([[1] * len(text) + [0] * (7 - len(text)) for text in texts])
    with torch.no_grad():
        together = model(ids, mask).logits
        alone = torch.cat([model(torch.tensor([text])).logits for text in texts])
    assert together.shape == (3, 3)
    assert torch.allclose(together, alone, atol=1e-6)


def test_the_same_seed_gives_the_same_bytes_and_they_come_back(tmp_path: Path) -> None:
    for family in FAMILIES:
        for name in ("a", "b"):
            model_of(family, tie_word_embeddings=True).save(tmp_path / name)
        files = [
            (tmp_path / name / file).read_bytes()
            for file in ("config.json", "model.safetensors")
            for name in "ab"
        ]
        assert files[0] == files[1]
        assert files[2] == files[3]
        again = Recurrent.load(tmp_path / "a")
        assert again.out_proj.weight is again.embed_tokens.weight
        np.testing.assert_array_equal(
            again.log_probs([1, 2]), model_of(family, tie_word_embeddings=True).log_probs([1, 2])
        )


def test_the_cell_remembers_at_first() -> None:
    bias = model_of("lstm", hidden_size=100, embedding_size=100).state_dict()["layers.bias_ih_l0"]
    assert bias[100:200].min() > 0.8
    assert bias[:100].max() < 0.2


@pytest.mark.parametrize("damage", ["missing", "left over", "shape", "nan", "cut", "config", "labels"])
def test_files_that_do_not_fit(damage: str, tmp_path: Path) -> None:
    model_of("gru").save(tmp_path)
    weights, config = tmp_path / "model.safetensors", tmp_path / "config.json"
    tensors = load_file(weights)
    told = "layers.weight_hh_l1"
    if damage == "missing":
        del tensors[told]
    elif damage == "left over":
        tensors[told := "layers.weight_hh_l2"] = torch.zeros(2)
    elif damage == "shape":
        tensors[told] = torch.zeros(3, 6)
    elif damage == "nan":
        tensors[told][0, 0] = float("nan")
    save_file(tensors, weights)
    if damage == "cut":
        weights.write_bytes(weights.read_bytes()[:-4])
        told = "model.safetensors"
    elif damage == "config":
        config.write_text(json.dumps({"family": "gru", "vocab_size": 0}))
        told = "config.json"
    elif damage == "labels":
        config.write_text(json.dumps(json.loads(config.read_text()) | {"id2label": {"1": "a"}}))
        told = "config.json"
    with pytest.raises(Damaged, match=told):
        Recurrent.load(tmp_path)


def test_no_model_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        Recurrent.load(tmp_path)
    model_of("gru").save(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(NotFound):
        Recurrent.load(tmp_path)


@pytest.mark.parametrize(
    "settings", [{"tie_word_embeddings": True, "hidden_size": 8}, {"bidirectional": True}]
)
def test_settings_that_cannot_be(settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        model_of("lstm", **settings)
