"""Which files a model's folder holds, told without torch: for copying, for digests, for a plan."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from catenary.errors import Damaged, InvalidInput, NotFound

WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
POOLING = ("modules.json", "1_Pooling/config.json")
# What a model folder carries besides its weights: passed through as it is.
COMPANIONS = (
    "memory.json",
    "memory.jsonl",
    "task.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "generation_config.json",
    "chat_template.jinja",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "source.spm",
    "target.spm",
)


def read_settings(folder: Path) -> dict[str, Any]:
    """The `config.json` of a folder as it stands. Raises NotFound and Damaged."""
    path = folder / "config.json"
    if not path.is_file():
        raise NotFound(
            "There is no model in this folder.", got=str(folder), expected="a folder with a config.json"
        )
    try:
        settings = json.loads(path.read_text("utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise Damaged("config.json cannot be read.", where=str(path), got=str(error)) from None
    if not isinstance(settings, dict):
        raise Damaged("config.json does not hold a mapping.", where=str(path))
    return settings


def read_index(index: Path) -> dict[str, str]:
    """Which shard holds each tensor, as `model.safetensors.index.json` says. Raises Damaged."""
    try:
        shard_of = json.loads(index.read_text("utf-8"))["weight_map"]
        plain = all(isinstance(shard, str) and Path(shard).name == shard for shard in shard_of.values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Damaged("The index of the shards cannot be read.", where=str(index), got=str(error)) from None
    if not plain:
        raise Damaged("The index of the shards names a file outside its folder.", where=str(index))
    return shard_of  # type: ignore[no-any-return]


def model_files(source: Path) -> Sequence[str]:
    """The files that `adopt` takes from `source`: names below it, or of itself where it is a GGUF file.

    Raises NotFound where nothing is there, and InvalidInput where it is no model.
    """
    if source.is_file() and source.suffix == ".gguf":
        return [source.name]
    read_settings(source)
    shards: list[str] = []
    if not (source / WHOLE).is_file() and (source / INDEX).is_file():
        shards = [INDEX, *sorted(set(read_index(source / INDEX).values()))]
    names = ["config.json", WHOLE, *shards, *COMPANIONS, *POOLING]
    there = [name for name in names if (source / name).is_file()]
    if WHOLE not in there and INDEX not in there:
        pickled = sorted(
            path.name for pattern in ("*.bin", "*.pt*", "*.ckpt") for path in source.glob(pattern)
        )
        raise InvalidInput(
            "This folder holds no safetensors weights.",
            where=str(source),
            got=", ".join(pickled) or None,
            expected="model.safetensors; pickled weights can run code and are never opened",
        )
    return there
