"""A release's folder: it answers as the trained model does, without torch, alone or among others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import onnx
import pytest

from catenary import models
from catenary.compress import Exported, export, export_linear, parity
from catenary.errors import InvalidInput, NotFound
from catenary.inference import load
from catenary.models.baselines import LinearSettings, fit_linear
from tests.compress.conftest import LABELS

Release = tuple[Path, Exported]


def test_the_folder_has_what_serving_needs(release: Release, trained: Path) -> None:
    folder, told = release
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json",
        "model.onnx",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    assert told.bytes_by_file == {
        name: (folder / name).stat().st_size for name in ("model.safetensors", "model.onnx")
    }
    assert told.trained_bytes == (trained / "model.safetensors").stat().st_size
    assert told.bytes_by_file["model.onnx"] < 0.45 * told.trained_bytes


def test_it_answers_as_the_trained_model_does(release: Release, trained: Path, reviews: list[str]) -> None:
    told = parity(load(trained).classify, load(release[0]).classify, reviews)
    assert told.n == len(reviews)
    assert told.agreement >= 0.97
    assert told.max_difference < 0.06


def test_both_formats_hold_the_same_weights(release: Release, reviews: list[str]) -> None:
    folder, _ = release
    told = parity(load(folder, engine="torch").classify, load(folder, engine="onnxruntime").classify, reviews)
    assert told.agreement >= 0.98
    assert told.max_difference < 0.05  # what quantising the activations costs


def test_without_quantising_the_answers_are_equal(trained: Path, tmp_path: Path, reviews: list[str]) -> None:
    export(trained, tmp_path, quantise=None)
    told = parity(load(trained).classify, load(tmp_path).classify, reviews)
    assert told.agreement == 1
    assert told.max_difference < 1e-4


def test_an_answer_does_not_depend_on_the_texts_beside_it(release: Release, reviews: list[str]) -> None:
    classifier = load(release[0], threads=2)
    together = classifier.classify(reviews[:50])
    assert together == [classifier.classify([text])[0] for text in reviews[:50]]


def test_texts_of_any_length_up_to_the_models(release: Release) -> None:
    scores = load(release[0]).classify(["", "好", "好" * 62, "好" * 63, "好" * 1000])
    assert [told.tokens for told in scores] == [2, 3, 64, 64, 64]
    assert [told.truncated for told in scores] == [False, False, False, True, True]


def test_serving_needs_no_torch(release: Release) -> None:
    code = (
        "import sys; from pathlib import Path; from catenary.inference import load\n"
        f"print(load(Path({str(release[0])!r})).classify(['很好'])[0].label)\n"
        "heavy = {'torch', 'onnx', 'transformers', 'sklearn', 'scipy'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert told.stdout.strip() in LABELS


def test_the_onnx_file_says_what_it_is_and_not_where_it_was_made(release: Release) -> None:
    model = onnx.load(release[0] / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    told = {entry.key: entry.value for entry in model.metadata_props}
    assert told == {"labels": json.dumps(LABELS, ensure_ascii=False), "max_tokens": "64", "precision": "int8"}
    data = (release[0] / "model.onnx").read_bytes()
    for trace in (b"site-packages", b"stack_trace", os.fsencode(Path.cwd())):
        assert trace not in data


@pytest.mark.slow
def test_another_process_makes_the_same_bytes(release: Release, trained: Path, tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from catenary.compress import export\n"
        f"export(Path({str(trained)!r}), Path({str(tmp_path)!r}))"
    )
    subprocess.run(
        [sys.executable, "-c", code], check=True, cwd=tmp_path, env={**os.environ, "PYTHONHASHSEED": "7"}
    )
    for file in release[0].iterdir():
        assert file.read_bytes() == (tmp_path / file.name).read_bytes(), file.name


def test_one_format_alone(trained: Path, tmp_path: Path) -> None:
    told = export(trained, tmp_path, formats=["safetensors"])
    assert list(told.bytes_by_file) == ["model.safetensors"]
    assert not (tmp_path / "model.onnx").exists()
    assert load(tmp_path).classify(["好"])[0].label in LABELS


@pytest.mark.parametrize("formats", [[], ["gguf"]])
def test_formats_that_there_are_not(trained: Path, tmp_path: Path, formats: list[str]) -> None:
    with pytest.raises(InvalidInput, match="safetensors, onnx"):
        export(trained, tmp_path, formats=formats)  # type: ignore[arg-type]


def test_a_model_that_is_no_classifier(trained: Path, tmp_path: Path) -> None:
    models.save(models.load(trained, "mlm", seed=1), tmp_path / "base")
    with pytest.raises(InvalidInput, match="classifiers"):
        export(tmp_path / "base", tmp_path / "release")


def test_the_linear_control_is_released_as_it_is(tmp_path: Path) -> None:
    fitted = fit_linear(
        ["很好看", "好极了", "太差了", "真差"], ["好", "好", "差", "差"], LinearSettings(min_df=1)
    )
    fitted.save(tmp_path / "linear")
    told = export_linear(tmp_path / "linear", tmp_path / "release")
    assert told.bytes_by_file["model.safetensors"] == told.trained_bytes
    one, other = (load(tmp_path / name).classify(["好", "差", ""]) for name in ("linear", "release"))
    assert one == other
    assert [scores.label for scores in one[:2]] == ["好", "差"]
    with pytest.raises(NotFound):
        export_linear(tmp_path / "nothing", tmp_path / "release")
