"""Choosing the engine for a model folder, by what it is asked to do.

load(folder)                # classify
load(folder, "generate")    # a folder, or a .gguf file
load(folder, "embed")
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, overload

from catenary.errors import InvalidInput, NotFound
from catenary.inference.folder import (
    ONNX_FILE,
    SAFETENSORS_FILE,
    SAFETENSORS_INDEX,
    has_graph,
    open_text_model,
    open_tokenized_model,
    read_json,
    refuse_pickle,
)
from catenary.inference.memory import check_weights
from catenary.inference.port import Classifier, Embedder, Generator

TaskName = Literal["classify", "generate", "embed"]
Engine = Literal["auto", "openvino", "onnxruntime", "torch", "linear", "recurrent", "ensemble"]


@overload
def load(
    folder: Path, task: Literal["classify"] = ..., *, engine: Engine = ..., threads: int | None = ...
) -> Classifier: ...


@overload
def load(
    folder: Path, task: Literal["generate"], *, engine: Engine = ..., threads: int | None = ...
) -> Generator: ...


@overload
def load(
    folder: Path, task: Literal["embed"], *, engine: Engine = ..., threads: int | None = ...
) -> Embedder: ...


def load(
    folder: Path, task: TaskName = "classify", *, engine: Engine = "auto", threads: int | None = None
) -> Classifier | Generator | Embedder:
    """The model in `folder` (or in a GGUF file), ready to classify, to generate or to embed.

    `engine` "auto" takes the first whose weights are there: `openvino_model.xml` by openvino, `model.onnx` by
    onnxruntime (by openvino where that is not installed), `model.safetensors` by torch; to generate from safetensors it
    takes openvino where that is installed. openvino then converts the model (int8) once and keeps what it made: its
    answers are not to the bit the trained model's, which are torch's. `threads` bounds the engine's threads; None is
    one a core.

    Raises NotFound for a missing folder or file, Damaged for one that does not parse, InvalidInput for parts
    that do not fit together or a model that does something else, Refused for pickled weights.
    """
    folder = unpacked(Path(folder))
    if not folder.is_dir():
        raise NotFound("There is no model folder here.", got=str(folder))
    names = sorted({name for _, name in ENGINES})
    if engine != "auto" and engine not in names:
        raise InvalidInput(
            "There is no engine of this name.", got=engine, expected=", ".join(["auto", *names])
        )
    chosen = _engine_for(folder, task) if engine == "auto" else engine
    if (task, chosen) not in ENGINES:
        raise InvalidInput(
            "The engine {engine} cannot do this: {task}.",
            engine=chosen,
            task=task,
            expected="one of: {engines}",
            engines=", ".join(name for does, name in ENGINES if does == task),
        )
    check_weights(folder, chosen)
    made: Classifier | Generator | Embedder = ENGINES[task, chosen](folder, threads)
    return made


def unpacked(file: Path) -> Path:
    """The folder that a GGUF file unpacks to, kept from one time to the next; of a folder, itself."""
    if file.suffix != ".gguf" or not file.is_file():
        return file
    from catenary.inference.kept import kept
    from catenary.models import unpack_gguf

    return kept("gguf", [file], lambda folder: unpack_gguf(file, folder))


def _engine_for(folder: Path, task: TaskName) -> str:
    if task == "classify" and (folder / "members").is_dir():
        return "ensemble"
    if has_graph(folder):
        return "openvino"
    if task == "classify" and (folder / ONNX_FILE).is_file():
        return "onnxruntime" if find_spec("onnxruntime") is not None else "openvino"
    if any((folder / name).is_file() for name in (SAFETENSORS_FILE, SAFETENSORS_INDEX)):
        family = str(read_json(folder / "config.json").get("family"))
        if task == "generate" and family not in ENGINE_OF_FAMILY and find_spec("openvino") is not None:
            return "openvino"
        return ENGINE_OF_FAMILY.get(family, "torch")
    refuse_pickle(folder)
    raise NotFound(
        "The model folder has no weights that can be loaded.",
        where=str(folder),
        expected="openvino_model.xml, model.onnx or model.safetensors",
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


def _torch_generator(folder: Path, threads: int | None) -> Generator:
    from catenary.inference.generator_folder import open_generator
    from catenary.inference.torch_engine import read_model
    from catenary.inference.torch_generator import TorchGenerator

    opened = open_generator(folder)
    return TorchGenerator(opened, read_model(folder, threads))


def _openvino_generator(folder: Path, threads: int | None) -> Generator:
    from catenary.inference.openvino import openvino_generator

    return openvino_generator(folder, threads=threads)


def _openvino_reader(task: Literal["classify", "embed"]) -> Callable[[Path, int | None], Any]:
    def made(folder: Path, threads: int | None) -> Any:
        from catenary.inference.openvino import openvino_reader

        return openvino_reader(folder, task, threads)

    return made


def _torch_embedder(folder: Path, threads: int | None) -> Embedder:
    from catenary.inference.torch_embedder import TorchEmbedder
    from catenary.inference.torch_engine import read_model

    opened = open_tokenized_model(folder)
    return TorchEmbedder(opened, read_model(folder, threads, "embed"))


ENGINE_OF_FAMILY = {"linear": "linear", "lstm": "recurrent", "gru": "recurrent"}  # the controls name it so


def _ensemble(folder: Path, threads: int | None) -> Classifier:
    from catenary.inference.ensemble import load_ensemble, member_folders

    return load_ensemble(folder, [load(member, threads=threads) for member in member_folders(folder)])


ENGINES: dict[tuple[str, str], Callable[[Path, int | None], Any]] = {
    ("classify", "onnxruntime"): _onnxruntime,
    ("classify", "openvino"): _openvino_reader("classify"),
    ("classify", "torch"): _torch,
    ("classify", "linear"): _linear,
    ("classify", "recurrent"): _recurrent,
    ("classify", "ensemble"): _ensemble,
    ("generate", "openvino"): _openvino_generator,
    ("generate", "torch"): _torch_generator,
    ("embed", "openvino"): _openvino_reader("embed"),
    ("embed", "torch"): _torch_embedder,
}
