"""A model that others made, as a folder of our own: files copied, or a GGUF file unpacked, and checked by loading it.

    >>> from catenary.models import adopt, build, configure, save
    >>> folder = getfixture("tmp_path")
    >>> save(build(configure("bert", "nano", vocab_size=100), "mlm", seed=1), folder / "theirs")
    >>> adopt(folder / "theirs", folder / "ours")["head"]
    'mlm'

Only what we read is taken: settings, safetensors, tokenizer, chat template. Pickles and code stay where they are.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from catenary.errors import InvalidInput, NotFound
from catenary.files import make_folder
from catenary.models.gguf_tokenizer import unpack_gguf
from catenary.models.hub import COMPANIONS, load, read_settings
from catenary.models.tensors import INDEX, WHOLE

POOLING = ("modules.json", "1_Pooling/config.json")


class Adopted(TypedDict):
    """What was adopted. `dtype` is that of the weights as they lie in the folder."""

    family: str
    head: str
    parameters: int
    dtype: str
    labels: list[str]


def model_files(source: Path) -> Sequence[str]:
    """The files that `adopt` takes from `source`: names below it, or of itself where it is a GGUF file.

    Raises NotFound where nothing is there, and InvalidInput where it is no model.
    """
    if source.is_file() and source.suffix == ".gguf":
        return [source.name]
    read_settings(source)
    shards: list[str] = []
    if not (source / WHOLE).is_file() and (source / INDEX).is_file():
        # Names that lead elsewhere are refused when the index is read for its tensors.
        told = json.loads((source / INDEX).read_text("utf-8")).get("weight_map", {}).values()
        shards = [INDEX, *sorted({Path(str(name)).name for name in told})]
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


def adopt(source: Path, folder: Path) -> Adopted:
    """Make `folder` a copy of the model in `source` (a folder, or a GGUF file), and load it once.

    Raises what `load` raises for a model that is not whole: nothing damaged is adopted.
    """
    if not source.exists():
        raise NotFound(
            "There is no model here.", got=str(source), expected="a folder with a config.json, or a .gguf"
        )
    make_folder(folder)
    if source.is_file():
        unpack_gguf(source, folder)
    else:
        for name in model_files(source):
            make_folder((folder / name).parent)
            shutil.copyfile(source / name, folder / name)
    model = load(folder)
    return {
        "family": model.config.family,
        "head": model.head_name,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "dtype": str(next(model.parameters()).dtype).removeprefix("torch."),
        "labels": list(model.labels),
    }
