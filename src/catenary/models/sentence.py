"""How a text's states become one vector, as sentence-transformers writes it beside a model: `modules.json`.

Its three modules are the Transformer, `1_Pooling` (first, mean or last) and `2_Normalize`; our head `embed` is the
last two. Layout: https://sbert.net/docs/sentence_transformer/usage/custom_models.html.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from catenary.errors import Damaged, InvalidInput
from catenary.files import make_folder, write_whole
from catenary.models.config import Pooling

MODES: dict[str, Pooling] = {  # theirs → ours
    "pooling_mode_cls_token": "first",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_lasttoken": "last",
}
MODULES = ("Transformer", "Pooling", "Normalize")


def read_pooling(folder: Path) -> Pooling | None:
    """What the folder pools by; None where it does not say. InvalidInput for a module or a mode that we do not have."""
    modules = _read(folder / "modules.json")
    for module in modules or []:
        kind = str(module.get("type", "") if isinstance(module, dict) else module).rpartition(".")[2]
        if kind not in MODULES:
            raise InvalidInput(
                "This module of a sentence embedding is not supported.",
                where=str(folder / "modules.json"),
                got=kind,
                expected="{modules}",
                modules=" / ".join(MODULES),
            )
    path = folder / "1_Pooling" / "config.json"
    settings = _read(path)
    if settings is None:
        return None
    if not isinstance(settings, dict):
        raise Damaged("This file does not hold a mapping.", where=str(path))
    on = [key for key, value in settings.items() if key.startswith("pooling_mode") and value is True]
    if len(on) != 1 or on[0] not in MODES:
        raise InvalidInput(
            "This pooling is not supported.",
            where=str(path),
            got=" + ".join(on),
            expected="one of {modes}",
            modes=" / ".join(MODES),
        )
    return MODES[on[0]]


def write_pooling(folder: Path, pooling: Pooling, width: int) -> None:
    """Write `modules.json` and `1_Pooling`, so that sentence-transformers makes the same vectors."""
    modules = [
        {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for number, (path, kind) in enumerate(zip(("", "1_Pooling", "2_Normalize"), MODULES, strict=True))
    ]
    settings = {"word_embedding_dimension": width} | {
        theirs: ours == pooling for theirs, ours in MODES.items()
    }
    make_folder(folder / "1_Pooling")
    write_whole(folder / "modules.json", json.dumps(modules, indent=2).encode())
    write_whole(folder / "1_Pooling" / "config.json", json.dumps(settings, indent=2).encode())


def _read(path: Path) -> Any:
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text("utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise Damaged("This file is not JSON.", where=str(path), got=str(error)) from None
