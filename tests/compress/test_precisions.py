"""Every precision and format: the bytes it takes, the answers it gives by its own runtime, and which one is chosen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from catenary.compress import export, parity
from catenary.compress.compare import Row, choose
from catenary.compress.onnx_small import gptq
from catenary.compress.probe import probe
from catenary.compress.runtimes import answer, runtime_of
from catenary.errors import InvalidInput, Refused
from catenary.inference import load
from catenary.inference.folder import open_text_model

SIZES = {"bf16": 0.56, "fp16": 0.56, "int8-static": 0.36, "int4": 0.36}  # of float32's ONNX file, at most


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, trained: Path) -> Path:
    folder = tmp_path_factory.mktemp("plain") / "made"
    export(trained, folder, quantise=None, formats=["safetensors", "onnx", "exported"])
    return folder


@pytest.fixture(scope="module")
def rows(trained: Path, reviews: list[str]) -> list[list[int]]:
    opened = open_text_model(trained)
    return [list(opened.tokenizer.encode(text).ids[: opened.max_tokens]) for text in reviews[:40]]


@pytest.mark.parametrize("precision", SIZES)
def test_a_precision_is_small_answers_alike_and_is_the_same_bytes_again(
    precision: str, trained: Path, plain: Path, reviews: list[str], tmp_path: Path
) -> None:
    for name in ("one", "two"):
        export(trained, tmp_path / name, quantise=precision, formats=["onnx"], texts=reviews[:40])  # type: ignore[arg-type]
    one, two = ((tmp_path / name / "model.onnx").read_bytes() for name in ("one", "two"))
    assert one == two
    assert len(one) <= SIZES[precision] * (plain / "model.onnx").stat().st_size
    told = parity(load(trained).classify, load(tmp_path / "one").classify, reviews)
    assert told.agreement >= (0.9 if precision == "int4" else 0.97)


def test_each_format_is_run_by_its_own_runtime(plain: Path, trained: Path, rows: list[list[int]]) -> None:
    expected = answer(trained, "torch", rows)
    for fmt in ("safetensors", "onnx", "exported"):
        assert answer(plain, runtime_of(fmt, "none"), rows) == expected, fmt
    assert runtime_of("safetensors", "none") == "transformers"
    assert runtime_of("safetensors", "int8") == "torch"


def test_halves_load_in_transformers(trained: Path, rows: list[list[int]], tmp_path: Path) -> None:
    expected = answer(trained, "torch", rows)
    for precision in ("bf16", "fp16"):
        export(trained, tmp_path / precision, quantise=precision, formats=["safetensors"])  # type: ignore[arg-type]
        told = answer(tmp_path / precision, "transformers", rows)
        assert sum(a == b for a, b in zip(told, expected, strict=True)) >= len(rows) - 2


@pytest.mark.slow
def test_a_probe_tells_answers_time_and_memory(plain: Path, rows: list[list[int]]) -> None:
    told = probe(plain, "onnxruntime", rows)
    assert list(told.answers) == answer(plain, "onnxruntime", rows)
    assert told.seconds > 0
    assert told.peak_bytes > 10 << 20


def test_rounding_with_calibration_loses_less_than_without() -> None:
    generator = np.random.default_rng(7)
    mixing = generator.normal(size=(64, 64)) * np.linspace(0.05, 2, 64)
    x_TK = generator.normal(size=(512, 64)) @ mixing
    w_KN = generator.normal(size=(64, 48))
    products = x_TK.T @ x_TK

    def loss(products_KK: np.ndarray) -> float:  # type: ignore[type-arg]
        codes, scales = gptq(w_KN, products_KK)
        again = (codes.astype(float) - 8) * np.repeat(scales, 32, axis=0)
        return float((((x_TK @ w_KN) - x_TK @ again) ** 2).sum())

    assert loss(products) < 0.8 * loss(np.eye(64))


def test_what_a_format_cannot_hold_is_refused(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="precision"):
        export(trained, tmp_path, quantise="int4", formats=["safetensors"])
    with pytest.raises(InvalidInput, match="calibrate"):
        export(trained, tmp_path, quantise="int4", formats=["onnx"])


def row(precision: str, size: int, difference: float, *, within: bool = True, fmt: str = "onnx") -> Row:
    figures = (0.9 + difference, 0.88, 0.93)
    return Row(precision, fmt, "onnxruntime", size, 0.99, figures, (difference, -0.1, 0.1), within, 1.0, 1)


def test_the_smallest_that_is_good_enough_is_chosen() -> None:
    rows = [row("none", 400, 0.0), row("int8", 100, -0.004), row("int4", 60, -0.02), row("fp16", 200, 0.0)]
    assert choose(rows, within=0.01) == "int8"
    assert choose(rows, within=0.05) == "int4"
    assert choose([*rows[:3], row("int4", 60, -0.02, within=False)], within=0.05) == "int8"
    assert choose([*rows, row("int8", 90, -0.5, fmt="safetensors")], within=0.01) == "fp16"
    with pytest.raises(Refused, match="as good"):
        choose([row("int4", 60, -0.2)], within=0.01)
