"""Named arrays on disk as safetensors, read by memory map: opening a large model costs no more than a small one.

The format: eight bytes of header length, a JSON header of types, shapes and offsets, then the bytes
(https://github.com/huggingface/safetensors#format). Nothing in it can be executed.
"""

from __future__ import annotations

import json
import mmap
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from catenary.errors import Damaged, NotFound
from catenary.files import write_whole

DTYPES = {"F32": "<f4", "F64": "<f8", "I32": "<i4", "I64": "<i8", "U32": "<u4", "U64": "<u8"}
HEADER_LENGTH = struct.Struct("<Q")


def write_tensors(path: Path, tensors: Mapping[str, NDArray[Any]]) -> None:
    """Write `tensors` to `path`, whole or not at all; equal arrays give equal bytes."""
    write_whole(path, save({name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors)}))


def map_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of `path`, read-only views of the mapped file.

    Raises NotFound when there is no such file and Damaged when it is no whole safetensors file.
    """
    if not path.is_file():
        raise NotFound("A model's weights are missing.", where=str(path))
    try:
        with safe_open(path, framework="numpy"):  # checks lengths, shapes, gaps and overlaps
            pass
    except SafetensorError as error:
        raise Damaged(
            "These weights are not a whole safetensors file.", got=error, where=str(path)
        ) from error
    with path.open("rb") as file:
        mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    (header_bytes,) = HEADER_LENGTH.unpack(mapped[: HEADER_LENGTH.size])
    data = mapped[HEADER_LENGTH.size + header_bytes :]
    header = json.loads(bytes(mapped[HEADER_LENGTH.size : HEADER_LENGTH.size + header_bytes]))
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        if entry["dtype"] not in DTYPES:
            raise Damaged(
                "A tensor has a type that this model never has.",
                got=f"{name}: {entry['dtype']}",
                where=str(path),
            )
        begin, end = entry["data_offsets"]
        tensors[name] = np.frombuffer(data[begin:end], DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return tensors


def expect_tensors(
    tensors: Mapping[str, NDArray[Any]], expected: Mapping[str, tuple[str, tuple[int, ...]]], where: Path
) -> None:
    """Raise Damaged, naming the tensor, unless `tensors` are exactly those `expected`: name → (dtype, shape)."""
    for name in sorted(tensors.keys() | expected.keys()):
        got = _describe(tensors[name].dtype.name, tensors[name].shape) if name in tensors else "-"
        wanted = _describe(*expected[name]) if name in expected else "-"
        if got != wanted:
            raise Damaged(
                "The tensor {name} is not what the configuration says.",
                got=got,
                expected="{wanted}, by the configuration",
                where=str(where),
                name=name,
                wanted=wanted,
            )


def _describe(dtype: str, shape: tuple[int, ...]) -> str:
    return f"{dtype}[{','.join(map(str, shape))}]"
