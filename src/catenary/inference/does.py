"""What the model in a folder does, by its files: so that serving one needs no flag."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from catenary.inference.folder import OPENVINO_FILE, read_json
from catenary.inference.task import read_task

Does = Literal["classify", "generate", "translate", "embed", "tag", "read"]


def does(folder: Path) -> Does:
    """An encoder–decoder translates (or sums up), a decoder generates, a bare encoder embeds.

    Raises NotFound for a folder without config.json, Damaged for one that does not parse.
    """
    task = read_task(folder)
    if task is not None:
        return task.name
    if (folder / "members").is_dir():
        return "classify"
    config = read_json(folder / "config.json")
    if config.get("family") == "hmm":
        return "tag"
    names = " ".join(str(name) for name in config.get("architectures") or ())
    if "TokenClassification" in names:
        return "tag"
    if "QuestionAnswering" in names:
        return "read"
    if "SequenceClassification" in names or config.get("id2label") or config.get("family"):
        return "classify"
    if "CausalLM" in names or "LMHead" in names:
        return "generate"
    if any(part in names for part in ("ConditionalGeneration", "MTModel", "Marian")):
        return "translate"
    return "generate" if (folder / OPENVINO_FILE).is_file() and not names else "embed"
