"""Safetensors files: checked before a byte of them is believed, read by mapping, written the same way each time.

A file is 8 bytes of header length, a JSON header (name → dtype, shape, offsets) and the tensors' bytes. The header
comes from a stranger: its lengths, offsets, dtypes and shapes must account for every byte of the file, once.
Format: https://github.com/huggingface/safetensors#format.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, bfloat16, float16, float32, float64

from catenary.errors import Damaged, InvalidInput
from catenary.files import write_whole
from catenary.models.model_files import INDEX, WHOLE, read_index

MAX_SHARD_BYTES = (
    5_000_000_000  # Hugging Face's custom: what most file systems and proxies carry in one piece
)
DTYPES = (float32, bfloat16, float16, float64)  # that a model computes in
MAX_HEADER_BYTES = 100_000_000  # the format's own limit
DTYPE_BYTES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2,
    "I32": 4, "U32": 4, "F32": 4, "I64": 8, "U64": 8, "F64": 8,
}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """What a header says of one tensor."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


def read_header(path: Path) -> dict[str, Entry]:
    """The tensors that a file says it holds, in the order of their bytes. Damaged names what does not hold."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size - 8, MAX_HEADER_BYTES):
            raise Damaged(
                "This safetensors file is cut short.",
                where=str(path),
                got=f"{size} bytes",
                expected="a header of {length} bytes and the tensors after it",
                length=length,
            )
        raw = file.read(length)
    try:
        header = json.loads(raw.decode("utf-8"), object_pairs_hook=_each_once)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise Damaged(
            "The header of this safetensors file is not JSON.", where=str(path), got=str(error)
        ) from None
    if not isinstance(header, dict):
        raise Damaged("The header of this safetensors file is not a mapping.", where=str(path))
    entries = {name: _entry(path, name, value) for name, value in header.items() if name != "__metadata__"}
    end = 0
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].start, item[1].end)):
        if entry.start != end:
            raise Damaged(
                "The tensor {tensor} of this safetensors file cannot be where its header says.",
                tensor=name,
                where=str(path),
                got=f"bytes {entry.start}–{entry.end}",
                expected="bytes from {end} on, where the last tensor ended",
                end=end,
            )
        end = entry.end
    if end != size - 8 - length:
        raise Damaged(
            "This safetensors file is not as long as its tensors.",
            where=str(path),
            got=f"{size - 8 - length} bytes",
            expected="{end} bytes after the header",
            end=end,
        )
    return entries


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A mapping; ValueError where a name stands twice, as readers differ on which one counts."""
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} × 2")
    return mapping


def _entry(path: Path, name: str, value: Any) -> Entry:
    try:
        dtype, shape, (start, end) = value["dtype"], value["shape"], value["data_offsets"]
        numbers = [*shape, start, end]
    except (KeyError, TypeError, ValueError):
        raise Damaged(
            "The tensor {tensor} of this safetensors file cannot be where its header says.",
            tensor=name,
            where=str(path),
            got=repr(value)[:200],
            expected="dtype, shape and two data_offsets",
        ) from None
    if any(type(number) is not int or number < 0 for number in numbers):
        raise Damaged(
            "The tensor {tensor} of this safetensors file cannot be where its header says.",
            tensor=name,
            where=str(path),
            got=repr(numbers)[:200],
            expected="whole numbers from 0 on",
        )
    if dtype not in DTYPE_BYTES:
        raise Damaged(
            "The tensor {tensor} of this safetensors file cannot be where its header says.",
            tensor=name,
            where=str(path),
            got=repr(dtype)[:200],
            expected="a dtype among {dtypes}",
            dtypes=", ".join(DTYPE_BYTES),
        )
    expected = math.prod(shape) * DTYPE_BYTES[dtype]
    if end - start != expected:
        raise Damaged(
            "The tensor {tensor} of this safetensors file cannot be where its header says.",
            tensor=name,
            where=str(path),
            got=f"{end - start} bytes",
            expected="{bytes} bytes for {dtype} of shape {shape}",
            bytes=expected,
            dtype=dtype,
            shape=shape,
        )
    return Entry(dtype, tuple(shape), start, end)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of one file, mapped into memory. Raises Damaged."""
    read_header(path)
    try:
        return load_file(path)
    except SafetensorError as error:
        raise Damaged("This safetensors file cannot be read.", where=str(path), got=str(error)) from None


def read_folder(folder: Path) -> dict[str, Tensor]:
    """The tensors of `model.safetensors`, or of the shards that `model.safetensors.index.json` lists.

    Raises InvalidInput where there are none (pickled weights are never opened), Damaged where the index and the
    shards disagree.
    """
    whole, index = folder / WHOLE, folder / INDEX
    if whole.is_file():
        return read_tensors(whole)
    if not index.is_file():
        pickled = sorted(path.name for path in folder.glob("*.bin")) + sorted(
            path.name for path in folder.glob("*.pt*")
        )
        raise InvalidInput(
            "This folder holds no safetensors weights.",
            where=str(folder),
            got=", ".join(pickled) or None,
            expected="model.safetensors; pickled weights can run code and are never opened",
        )
    shard_of = read_index(index)
    tensors: dict[str, Tensor] = {}
    for shard in sorted(set(shard_of.values())):
        if not (folder / shard).is_file():
            raise Damaged("A shard that the index lists is missing.", where=str(index), got=shard)
        for name, tensor in read_tensors(folder / shard).items():
            if shard_of.get(name) != shard:
                raise Damaged(
                    "The tensor {tensor} is in another shard than the index says.",
                    tensor=name,
                    where=str(index),
                    got=shard,
                    expected="{shard}",
                    shard=shard_of.get(name, "-"),
                )
            tensors[name] = tensor
    if missing := sorted(shard_of.keys() - tensors.keys()):
        raise Damaged(
            "The tensor {tensor} that the index lists is in no shard.",
            tensor=missing[0],
            where=str(index),
            got=f"{len(missing)} missing",
        )
    return tensors


def write_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """One file, its tensors by name, on the disk when it returns: the same tensors give the same bytes."""
    ordered = {name: tensors[name].detach().cpu().contiguous() for name in sorted(tensors)}
    save_file(ordered, path, metadata={"format": "pt"})
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def write_weights(tensors: Mapping[str, Tensor], folder: Path, max_shard_bytes: int) -> tuple[str, ...]:
    """`model.safetensors`, or shards of at most `max_shard_bytes` and their index; returns the files' names.

    A tensor larger than that has a shard of its own. Names and index are Hugging Face's.
    """
    shards = _cut(tensors, max_shard_bytes)
    if len(shards) == 1:
        write_tensors(tensors, folder / WHOLE)
        return (WHOLE,)
    files = [f"model-{number:05}-of-{len(shards):05}.safetensors" for number in range(1, len(shards) + 1)]
    for file, names in zip(files, shards, strict=True):
        write_tensors({name: tensors[name] for name in names}, folder / file)
    shard_of = {name: file for file, names in zip(files, shards, strict=True) for name in names}
    total = sum(tensor.nbytes for tensor in tensors.values())
    index = {"metadata": {"total_size": total}, "weight_map": shard_of}
    write_whole(folder / INDEX, (json.dumps(index, indent=2, sort_keys=True) + "\n").encode())
    return (*files, INDEX)


def _cut(tensors: Mapping[str, Tensor], max_shard_bytes: int) -> list[list[str]]:
    """The names in order, in shards."""
    shards: list[list[str]] = [[]]
    left = max_shard_bytes
    for name in sorted(tensors):
        size = tensors[name].nbytes
        if shards[-1] and size > left:
            shards.append([])
            left = max_shard_bytes
        shards[-1].append(name)
        left -= size
    return shards


def check_finite(tensors: Mapping[str, Tensor], where: str) -> None:
    """Damaged names the first tensor with a NaN or an infinity, InvalidInput one of numbers that need a scale (fp8)."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and tensor.dtype not in DTYPES:
            raise InvalidInput(
                "The tensor {tensor} holds numbers of a kind that is not supported.",
                tensor=name,
                where=where,
                got=str(tensor.dtype).removeprefix("torch."),
                expected="float32, bfloat16 or float16",
            )
        # The sum is finite unless a number is not (or all are huge): one quick pass for nearly every tensor.
        if tensor.is_floating_point() and not tensor.sum().isfinite() and not tensor.isfinite().all():
            raise Damaged(
                "The tensor {tensor} holds numbers that are none.",
                tensor=name,
                where=where,
                got=f"NaN / inf × {int((~tensor.isfinite()).sum())}",
                expected="finite numbers",
            )
