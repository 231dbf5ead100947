"""A trained model's folder as a release's: smaller, and able to serve without torch.

model.onnx          what onnxruntime serves
model.safetensors   the same weights for torch
config.json, tokenizer.json, tokenizer_config.json …
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from catenary.compress.quantise import quantise as quantise_folder
from catenary.errors import InvalidInput
from catenary.files import make_folder, write_whole
from catenary.inference.folder import ONNX_FILE, SAFETENSORS_FILE
from catenary.inference.int8_weights import load_quantised
from catenary.progress import SILENT, Progress

Format = Literal["safetensors", "onnx"]
Quantisation = Literal["int8"]
FORMATS: tuple[Format, ...] = ("safetensors", "onnx")
WEIGHTS: Mapping[Format, str] = {"safetensors": SAFETENSORS_FILE, "onnx": ONNX_FILE}


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
    formats: Collection[Format] = FORMATS,
    progress: Progress = SILENT,
) -> Exported:
    """Write the classifier in folder `source` into folder `target` in `formats`, with int8 weights or as it
    is.

    The ONNX file holds the same numbers as the safetensors file. The same model gives the same bytes.

    Raises InvalidInput for no format, an unknown one or a model that is no classifier, and what reading a
    model folder raises.
    """
    from catenary import models

    if not formats or not set(formats) <= set(FORMATS):
        raise InvalidInput(
            "A release needs at least one format, and takes these only.",
            got=", ".join(formats),
            expected=", ".join(FORMATS),
        )
    progress.begin("exporting", total=2, unit="files")
    make_folder(target)
    if quantise is None:
        model = models.load(source)
        models.save(model, target)
        models.copy_companions(source, target)
    else:
        quantise_folder(source, target)
        model = load_quantised(target)
    progress.advance(1)
    if "onnx" in formats:
        from catenary.compress.onnx_file import onnx_model

        exported = onnx_model(model, int8=quantise is not None)
        write_whole(target / ONNX_FILE, exported.SerializeToString(deterministic=True))
    if "safetensors" not in formats:
        (target / SAFETENSORS_FILE).unlink()
    progress.advance(1)
    sizes = {WEIGHTS[name]: (target / WEIGHTS[name]).stat().st_size for name in FORMATS if name in formats}
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
