"""A model that others made, as a folder of our own: files copied, or a GGUF file unpacked, and checked by loading it.

    >>> from catenary.models import adopt, build, configure, save
    >>> folder = getfixture("tmp_path")
    >>> save(build(configure("bert", "nano", vocab_size=100), "mlm", seed=1), folder / "theirs")
    >>> adopt(folder / "theirs", folder / "ours")["head"]
    'mlm'

Only what we read is taken: settings, safetensors, tokenizer, chat template. Pickles and code stay where they are.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TypedDict

from catenary.errors import NotFound
from catenary.files import make_folder
from catenary.models.gguf_tokenizer import unpack_gguf
from catenary.models.hub import load
from catenary.models.model_files import model_files


class Adopted(TypedDict):
    """What was adopted. `dtype` is that of the weights as they lie in the folder."""

    family: str
    head: str
    parameters: int
    dtype: str
    labels: list[str]


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
