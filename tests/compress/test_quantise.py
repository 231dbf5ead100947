"""Int8 weights: near the trained ones, a quarter of their size, the same bytes each time."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from catenary.compress import load_quantised, quantise
from catenary.compress.onnx_int8 import quantised
from catenary.compress.quantise import quantised_rows
from catenary.errors import Damaged, InvalidInput
from catenary.inference import load
from catenary.models.tensors import read_folder, write_tensors


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, trained: Path) -> Path:
    folder = tmp_path_factory.mktemp("small")
    quantise(trained, folder)
    return folder


@given(st.integers(0, 2**32 - 1), st.floats(1e-6, 1e6))
def test_no_weight_moves_by_more_than_half_a_step(seed: int, size: float) -> None:
    weight = torch.randn((5, 7), generator=torch.Generator().manual_seed(seed)) * size
    int8, scale = quantised_rows(weight)
    assert int8.dtype == torch.int8
    assert int(int8.min()) >= -127
    assert ((int8.float() * scale[:, None] - weight).abs() <= scale[:, None] * 0.5001).all()


def test_rows_of_zeros_stay_zeros() -> None:
    int8, scale = quantised_rows(torch.zeros((2, 3)))
    assert (int8.tolist(), scale.tolist()) == ([[0, 0, 0], [0, 0, 0]], [1.0, 1.0])


@given(st.integers(0, 2**32 - 1))
def test_int8_weights_quantised_again_are_the_same_numbers_either_way(seed: int) -> None:
    weight = torch.randn((6, 9), generator=torch.Generator().manual_seed(seed))
    int8, scale = quantised_rows(weight)
    again, _ = quantised_rows(int8.float() * scale[:, None])
    assert torch.equal(again, int8)
    transposed, _ = quantised((int8.float() * scale[:, None]).numpy().T, axis=1)
    np.testing.assert_array_equal(transposed.T, int8.numpy())


def test_the_file_is_about_a_quarter(small: Path, trained: Path, tmp_path: Path) -> None:
    told = quantise(trained, tmp_path)
    assert told.bytes_after == (small / "model.safetensors").stat().st_size
    assert 0.25 < told.bytes_after / told.bytes_before < 0.32
    assert told.quantised == 2 + 2 * 6 + 1  # words and positions, six matrices a layer, the pooler


def test_the_same_model_gives_the_same_bytes(small: Path, trained: Path, tmp_path: Path) -> None:
    quantise(trained, tmp_path)
    for file in small.iterdir():
        assert file.read_bytes() == (tmp_path / file.name).read_bytes()


def test_the_model_answers_nearly_as_before(small: Path, trained: Path, reviews: list[str]) -> None:
    before, after = (load(folder, engine="torch").classify(reviews) for folder in (trained, small))
    differences = [
        abs(p - b.probabilities[label])
        for a, b in zip(before, after, strict=True)
        for label, p in a.probabilities.items()
    ]
    assert max(differences) < 0.05
    assert sum(a.label == b.label for a, b in zip(before, after, strict=True)) >= 0.98 * len(reviews)


def test_what_is_quantised_says_so_and_is_not_quantised_twice(small: Path, tmp_path: Path) -> None:
    settings = json.loads((small / "config.json").read_text())["quantization_config"]
    assert (settings["quant_method"], settings["bits"]) == ("catenary-int8", 8)
    with pytest.raises(InvalidInput, match="already"):
        quantise(small, tmp_path)


def test_a_trained_model_is_not_taken_for_a_quantised_one(trained: Path) -> None:
    with pytest.raises(InvalidInput, match="not quantised"):
        load_quantised(trained)


def test_another_method_is_refused(small: Path, tmp_path: Path) -> None:
    for file in small.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    settings = json.loads((small / "config.json").read_text())
    settings["quantization_config"] = {"quant_method": "gptq"}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    with pytest.raises(InvalidInput, match="gptq"):
        load(tmp_path)


def test_a_lost_scale_is_found(small: Path, tmp_path: Path) -> None:
    for file in small.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    tensors = read_folder(small)
    lost = next(name for name in tensors if name.endswith("_scale"))
    write_tensors({n: t.clone() for n, t in tensors.items() if n != lost}, tmp_path / "model.safetensors")
    with pytest.raises(Damaged, match=r"has no scale"):
        load_quantised(tmp_path)
