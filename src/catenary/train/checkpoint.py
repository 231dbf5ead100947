"""Where a run stood, on disk: written whole or not at all, and believed only when every byte is as it was
written.

A state folder holds the last two checkpoints, `step-0000000120/` each with

    tensors.safetensors   weights, optimiser, averages, losses
    checkpoint.json       everything else; the tensors' SHA-256; a digest over all of it

A checkpoint is written under another name, synced and then renamed: a kill at any moment leaves the ones
before it untouched. One that was cut short or altered since is passed over for the one before it. Nothing
is pickled.
"""

from __future__ import annotations

import json
import os
import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from catenary.digest import digest, file_sha256
from catenary.errors import CatenaryWarning, InvalidInput
from catenary.messages import say

FORMAT = 1
KEPT = 2  # the newest may turn out damaged
TENSORS = "tensors.safetensors"
VALUES = "checkpoint.json"


@dataclass(frozen=True)
class Checkpoint:
    """A run after `step` steps. `identity` says which run: settings, data, objective, first weights."""

    step: int
    identity: str
    tensors: dict[str, torch.Tensor]
    values: dict[str, Any]


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write `checkpoint` into the state folder and remove all but the last two; return where it is."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"step-{checkpoint.step:010d}"
    staging = folder / "writing"
    for stale in (staging, target):  # a target can be there only if it was damaged and passed over
        if stale.exists():
            shutil.rmtree(stale)
    staging.mkdir()
    save_file({name: tensor.contiguous() for name, tensor in checkpoint.tensors.items()}, staging / TENSORS)
    _sync(staging / TENSORS)
    told: dict[str, Any] = {
        "format": FORMAT,
        "step": checkpoint.step,
        "identity": checkpoint.identity,
        "tensors_sha256": file_sha256(staging / TENSORS),
        "values": checkpoint.values,
    }
    text = json.dumps({**told, "digest": digest(told)}, ensure_ascii=False, indent=1)
    (staging / VALUES).write_text(text, encoding="utf-8")
    _sync(staging / VALUES)
    _sync(staging)
    staging.rename(target)
    _sync(folder)
    for old in _newest_first(folder)[KEPT:]:
        shutil.rmtree(old)
    return target


def read_checkpoint(folder: Path, identity: str) -> Checkpoint | None:
    """The newest whole checkpoint in the state folder, None where there is none.

    Warns (CatenaryWarning) of each damaged one that it passes over. Raises InvalidInput when the folder holds
    another run's.
    """
    for path in _newest_first(folder):
        checkpoint = _read(path)
        if checkpoint is None:
            warnings.warn(
                say("A damaged checkpoint was passed over; the one before it is used: {path}", path=path),
                CatenaryWarning,
                stacklevel=2,
            )
        elif checkpoint.identity != identity:
            raise InvalidInput(
                "This state folder holds another training run: other settings, data or first weights.",
                where=str(folder),
                next="give another folder, or delete this one to start anew",
            )
        else:
            return checkpoint
    return None


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*"), reverse=True)


def _read(path: Path) -> Checkpoint | None:
    """The checkpoint, None if anything in it is not as it was written."""
    try:
        told = json.loads((path / VALUES).read_text(encoding="utf-8"))
        written = told.pop("digest")
        if written != digest(told) or told["format"] != FORMAT:
            return None
        if told["tensors_sha256"] != file_sha256(path / TENSORS):
            return None
        tensors = load_file(path / TENSORS)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, InvalidInput, SafetensorError):
        return None  # cut short, altered into no JSON or another structure, or gone
    return Checkpoint(told["step"], told["identity"], tensors, told["values"])


def _sync(path: Path) -> None:
    """Have the file or folder reach the disk. Windows cannot sync folders, and needs not."""
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
