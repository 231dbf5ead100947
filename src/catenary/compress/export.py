"""A trained model's folder as a release's: smaller, and able to serve without torch.

model.onnx          what onnxruntime serves
openvino_model.xml  and .bin: what OpenVINO serves
model.safetensors   the same weights for torch and transformers
model.pt2           torch's ExportedProgram
config.json, tokenizer.json, tokenizer_config.json …

Precisions: `none` (as it was trained), `bf16`, `fp16`, `int8` (scales of activations as they come),
`int8-static` (scales
from calibration), `int4` (4-bit weights, rounded with calibration).
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from catenary.compress.calibrate import TEXTS
from catenary.compress.exported_program import PROGRAM_FILE, write_program
from catenary.compress.quantise import quantise as quantise_folder
from catenary.errors import InvalidInput
from catenary.files import make_folder, write_whole
from catenary.inference.folder import ONNX_FILE, OPENVINO_FILE, OPENVINO_WEIGHTS, SAFETENSORS_FILE
from catenary.inference.int8_weights import load_quantised
from catenary.progress import SILENT, Progress

if TYPE_CHECKING:
    from catenary.inference.openvino.weights import Precision
    from catenary.models import Model

Format = Literal["safetensors", "onnx", "openvino", "exported"]
Quantisation = Literal["bf16", "fp16", "int8", "int8-static", "int4"]
FORMATS: tuple[Format, ...] = ("safetensors", "onnx", "openvino", "exported")
WEIGHTS: Mapping[Format, Sequence[str]] = {
    "safetensors": [SAFETENSORS_FILE],
    "onnx": [ONNX_FILE],
    "openvino": [OPENVINO_FILE, OPENVINO_WEIGHTS],
    "exported": [PROGRAM_FILE],
}
# What each format cannot hold.
LACKS: Mapping[Format, frozenset[str]] = {
    "safetensors": frozenset({"int4"}),
    "onnx": frozenset(),
    "openvino": frozenset({"bf16", "fp16", "int8-static"}),
    "exported": frozenset({"bf16", "fp16", "int8", "int8-static", "int4"}),
}
HALVES = ("bf16", "fp16")
CALIBRATED = ("int8-static", "int4")


@dataclass(frozen=True, slots=True)
class Exported:
    """The weights' files with their bytes, and the bytes of the trained model's."""

    bytes_by_file: Mapping[str, int]
    trained_bytes: int


def export(
    source: Path,
    target: Path,
    *,
    quantise: Quantisation | None = "int8",
    formats: Collection[Format] = ("safetensors", "onnx"),
    texts: Sequence[str] = (),
    progress: Progress = SILENT,
) -> Exported:
    """Write the classifier or tagger in folder `source` into folder `target` in `formats`, with weights in the
    precision `quantise` or as it is.

    With int8 the ONNX file holds the same numbers as the safetensors file. `texts` are for the precisions that are
    calibrated. The same model and texts give the same bytes.

    Raises InvalidInput for no format, an unknown one, a precision that a format lacks or a model that is no classifier,
    and what reading a model folder raises.
    """
    from catenary import models

    _check(quantise, formats)
    progress.begin("exporting", total=2, unit="files")
    make_folder(target)
    if quantise in ("int8", "int8-static"):
        quantise_folder(source, target)
        model = load_quantised(target)
    else:
        model = models.load(source)
        models.save(_halved(model, quantise), target)
        models.copy_companions(source, target)
        model = models.load(source).float()
    progress.advance(1)
    if "onnx" in formats:
        from catenary.compress.onnx_file import onnx_model

        rows = _rows(source, texts) if quantise in CALIBRATED else []
        exported = onnx_model(model, precision=quantise or "float32", rows=rows)
        write_whole(target / ONNX_FILE, exported.SerializeToString(deterministic=True))
    if "openvino" in formats:
        from catenary.inference.openvino.convert import write_openvino

        precision: Precision = "int4" if quantise == "int4" else "f32" if quantise is None else "int8"
        write_openvino(models.load(source).float(), target, precision)
    if "exported" in formats:
        write_program(model, target / PROGRAM_FILE)
    if "safetensors" not in formats:
        (target / SAFETENSORS_FILE).unlink()
    progress.advance(1)
    sizes = {
        file: (target / file).stat().st_size for name in FORMATS if name in formats for file in WEIGHTS[name]
    }
    return Exported(sizes, trained_bytes=(source / SAFETENSORS_FILE).stat().st_size)


def export_linear(source: Path, target: Path) -> Exported:
    """Write the linear control in folder `source` into folder `target`: it is as small as it gets, so a copy."""
    from catenary.models.baselines.linear import LinearClassifier

    LinearClassifier.load(source)  # refuses what is damaged or no linear classifier
    make_folder(target)
    for file in sorted(path for path in source.iterdir() if path.is_file()):
        shutil.copyfile(file, target / file.name)
    size = (target / SAFETENSORS_FILE).stat().st_size
    return Exported({SAFETENSORS_FILE: size}, trained_bytes=size)


def _check(quantise: Quantisation | None, formats: Collection[Format]) -> None:
    if not formats or not set(formats) <= set(FORMATS):
        raise InvalidInput(
            "A release needs at least one format, and takes these only.",
            got=", ".join(formats),
            expected=", ".join(FORMATS),
        )
    refused = {name for name in formats if quantise in LACKS[name]}
    if refused:
        raise InvalidInput(
            "This format does not hold weights of this precision.",
            got=f"{quantise}, {', '.join(sorted(refused))}",
            expected="int4 as onnx or openvino; bf16 and fp16 as safetensors or onnx; exported as it was trained",
        )


def _halved(model: Model, quantise: str | None) -> Model:
    import torch

    return (
        model.to({"bf16": torch.bfloat16, "fp16": torch.float16}[quantise]) if quantise in HALVES else model
    )


def _rows(source: Path, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of the first texts, as the model reads them."""
    from catenary.inference.folder import open_text_model

    opened = open_text_model(source)
    return [
        list(opened.tokenizer.encode(text).ids[: opened.max_tokens]) for text in texts[:TEXTS] if text.strip()
    ]
