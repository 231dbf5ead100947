"""A model that writes as a release's folder, in each format that serves it.

    export_writer(trained_folder, release_folder, "int8", ["openvino", "gguf"])

model.safetensors holds it as it was trained, in bf16 or in fp16; int8 and int4 are for what serves:
OpenVINO and, of decoders, llama.cpp.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from catenary.compress.exported_program import PROGRAM_FILE, write_program
from catenary.compress.gguf_export import GGUF_FILE, GgufPrecision, write_gguf
from catenary.errors import InvalidInput

PRECISIONS: tuple[GgufPrecision, ...] = ("none", "bf16", "fp16", "int8", "int4")


def export_writer(source: Path, target: Path, precision: str, formats: Collection[str]) -> None:
    """Write the model of folder `source` into folder `target`, its tokenizer and template beside it.

    Raises InvalidInput for an unknown precision, and where a format cannot hold the model.
    """
    import torch

    from catenary.models import copy_companions, load, save

    known = next((one for one in PRECISIONS if one == precision), None)
    if known is None:
        raise InvalidInput(
            "There is no precision of this name.", got=precision, expected=", ".join(PRECISIONS)
        )
    target.mkdir(parents=True, exist_ok=True)
    whole = load(source).float()
    copy_companions(source, target)
    if "openvino" in formats:
        from catenary.inference.openvino.convert import write_openvino

        write_openvino(whole, target, "f32" if known == "none" else "int4" if known == "int4" else "int8")
    if "gguf" in formats:
        write_gguf(whole, source, target / GGUF_FILE, known)
    if "exported" in formats:
        write_program(whole, target / PROGRAM_FILE)
    halves = {"bf16": torch.bfloat16, "fp16": torch.float16}
    save(whole.to(halves.get(known, torch.float32)), target)
    if "safetensors" not in formats:
        for file in target.glob("*.safetensors*"):
            file.unlink()
