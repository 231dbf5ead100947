"""Choosing the engine for a model folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from catenary.errors import InvalidInput, NotFound
from catenary.inference.folder import (
    ONNX_FILE,
    SAFETENSORS_FILE,
    open_text_model,
    read_json,
    refuse_pickle,
)
from catenary.inference.port import Classifier

Engine = Literal["auto", "onnxruntime", "torch", "linear", "recurrent"]


def load(folder: Path, *, engine: Engine = "auto", threads: int | None = None) -> Classifier:
    """The classifier in `folder`, ready to answer.

    `engine` "auto" takes the first whose weights are there: `model.onnx` by onnxruntime, `model.safetensors`
    by torch. `threads` bounds the engine's threads; None is one a core.

    Raises NotFound for a missing folder or file, Damaged for one that does not parse, InvalidInput for parts
    that do not fit together, Refused for pickled weights.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise NotFound("There is no model folder here.", got=str(folder))
    if engine != "auto" and engine not in ENGINES:
        raise InvalidInput(
            "There is no engine of this name.", got=engine, expected=", ".join(["auto", *ENGINES])
        )
    chosen = _engine_for(folder) if engine == "auto" else engine
    return ENGINES[chosen](folder, threads)


def _engine_for(folder: Path) -> str:
    if (folder / ONNX_FILE).is_file():
        return "onnxruntime"
    if (folder / SAFETENSORS_FILE).is_file():
        return ENGINE_OF_FAMILY.get(str(read_json(folder / "config.json").get("family")), "torch")
    refuse_pickle(folder)
    raise NotFound(
        "The model folder has no weights that can be loaded.",
        where=str(folder),
        expected="model.onnx or model.safetensors",
    )


# Each engine's own imports are heavy, so a folder pays only for the one it needs.
def _onnxruntime(folder: Path, threads: int | None) -> Classifier:
    from catenary.inference.onnx_engine import onnx_classifier

    return onnx_classifier(open_text_model(folder), threads)


def _torch(folder: Path, threads: int | None) -> Classifier:
    from catenary.inference.torch_engine import torch_classifier

    return torch_classifier(open_text_model(folder), threads)


def _linear(folder: Path, threads: int | None) -> Classifier:
    from catenary.inference.linear import linear_classifier

    return linear_classifier(folder)


def _recurrent(folder: Path, threads: int | None) -> Classifier:
    from catenary.inference.recurrent import recurrent_classifier

    return recurrent_classifier(folder, threads)


ENGINE_OF_FAMILY = {"linear": "linear", "lstm": "recurrent", "gru": "recurrent"}  # the controls name it so
ENGINES: dict[str, Callable[[Path, int | None], Classifier]] = {
    "onnxruntime": _onnxruntime,
    "torch": _torch,
    "linear": _linear,
    "recurrent": _recurrent,
}
