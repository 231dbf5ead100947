"""Opening a model folder: what is right loads, what is wrong is refused with a reason."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from catenary.errors import Damaged, InvalidInput, NotFound, Refused
from catenary.inference import load
from tests.inference.bag_of_words import write_folder
from tests.inference.writers import write_reader


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "model")


def test_a_folder_with_onnx_is_answered_by_onnxruntime(folder: Path) -> None:
    classifier = load(folder, threads=1)
    assert list(classifier.labels) == ["negative", "positive"]
    assert classifier.classify(["好书"])[0].label == "positive"


def test_serving_a_release_loads_neither_torch_nor_sklearn(folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from catenary.inference import load\n"
        f"load(Path({str(folder)!r})).classify(['好'])\n"
        "heavy = {'torch', 'sklearn', 'transformers', 'onnx', 'fastapi', 'pyarrow'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("task", ["classify", "tag"])
def test_without_onnxruntime_and_torch_openvino_reads_the_onnx_file(folder: Path, task: str) -> None:
    ask = "load(folder).classify(['好书'])[0].label" if task == "classify" else "reads_onnx(folder)"
    code = (
        "import sys; from pathlib import Path\n"
        "sys.modules['onnxruntime'] = sys.modules['torch'] = None\n"
        "import importlib.util as util; found = util.find_spec\n"
        "util.find_spec = lambda name, *rest: None if name in ('onnxruntime', 'torch') else found(name, *rest)\n"
        "from catenary.inference import load\n"
        "from catenary.inference.openvino import reads_onnx\n"
        f"folder = Path({str(folder)!r})\n"
        f"told = {ask}\n"
        "assert told in ('positive', True), told\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_numba_the_parts_that_serve_load_and_curation_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['numba'] = None\n"
        "import catenary.server, catenary.serve.app, catenary.cli, catenary.chain.trace, catenary.stages\n"
        "from catenary.data.personal_data import find; assert find('13800138000')\n"
        "from catenary.errors import NotFound\n"
        "try: import catenary.data.shingles\n"
        "except NotFound as error: assert 'catenary[curate]' in str(error)\n"
        "else: sys.exit('numba was not needed')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_the_room_loads_no_engine() -> None:
    code = (
        "import sys, catenary.inference, catenary.serve\n"
        "heavy = {'torch', 'onnxruntime', 'tokenizers', 'fastapi', 'pydantic'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_missing_folder_and_a_missing_file_are_named(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        load(tmp_path / "nowhere")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(NotFound, match=r"tokenizer\.json"):
        load(folder)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pkl"])
@pytest.mark.parametrize("engine", ["auto", "onnxruntime", "torch"])
def test_pickled_weights_are_refused(folder: Path, name: str, engine: str) -> None:
    (folder / "model.onnx").rename(folder / name)
    with pytest.raises(Refused, match=name):
        load(folder, engine=engine)  # type: ignore[arg-type]


def test_no_weights_at_all(folder: Path) -> None:
    (folder / "model.onnx").unlink()
    with pytest.raises(NotFound, match=r"model\.safetensors"):
        load(folder)


def test_an_unknown_engine_is_refused_with_those_there_are(folder: Path) -> None:
    with pytest.raises(InvalidInput, match="onnxruntime"):
        load(folder, engine="tensorrt")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"vocab_size": 3}, "more tokens than the model"),
        ({"vocab_size": True}, "vocab_size"),
        ({"max_position_embeddings": None}, "max_position_embeddings"),
        ({"id2label": None}, "no labels"),
        ({"id2label": {"0": "a", "2": "b"}}, "without a gap"),
        ({"id2label": {"0": "a", "1": "a"}}, "different"),
        ({"pad_token_id": 99}, "padding"),
        ({"problem_type": "multi_label_classification"}, "one label"),
    ],
)
def test_settings_that_do_not_fit_are_refused(tmp_path: Path, config: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        load(write_folder(tmp_path / "model", **config))


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.onnx"])
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000])
def test_damaged_files_are_named(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(Damaged, match=name):
        load(folder)


def test_another_number_of_labels_than_the_network_has_is_found(tmp_path: Path) -> None:
    three = {"0": "a", "1": "b", "2": "c"}
    with pytest.raises(Damaged, match="label"):
        load(write_folder(tmp_path / "model", id2label=three)).classify(["好"])


def test_the_shorter_of_the_two_length_limits_holds(folder: Path) -> None:
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 6}))
    scores = load(folder).classify(["好" * 10])[0]
    assert (scores.tokens, scores.truncated) == (6, True)


def test_a_tokenizer_without_its_frame_is_refused(folder: Path) -> None:
    settings = json.loads((folder / "tokenizer.json").read_text())
    (folder / "tokenizer.json").write_text(json.dumps(settings | {"post_processor": None}))
    with pytest.raises(InvalidInput, match="special tokens"):
        load(folder)


@pytest.mark.parametrize("engine", ["onnxruntime", "torch"])
def test_weights_larger_than_what_is_free_are_refused_before_they_are_read(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    monkeypatch.setattr("catenary.inference.memory.free_bytes", lambda: 100)
    if engine == "torch":
        folder = write_reader(tmp_path / "reader", "classify")
    with pytest.raises(InvalidInput, match="not enough memory for the model's weights"):
        load(folder, engine=engine)  # type: ignore[arg-type]
