"""How much memory this process may still take: what the machine has free, and what its container leaves."""

from __future__ import annotations

import os
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from catenary.errors import InvalidInput

if TYPE_CHECKING:
    from catenary.models.config import TransformerConfig

CGROUP = Path("/sys/fs/cgroup")


def free_bytes() -> int | None:
    """The bytes that can be taken without swapping; None where the system does not say."""
    told = [size for size in (_free_on_machine(), _free_in_container()) if size is not None]
    return min(told) if told else None


def check_budget(what: str, needed_bytes: int, budget_bytes: int | None = None) -> None:
    """Raise InvalidInput, before anything is allocated, for more bytes than the budget, or than are free."""
    free = free_bytes()
    limits = [size for size in (budget_bytes, free) if size is not None]
    if limits and needed_bytes > min(limits):
        raise InvalidInput(
            "There is not enough memory for {thing}.",
            thing=what,
            got=f"{needed_bytes / 1e6:,.0f} MB",
            expected="at most {free} MB: fewer or shorter texts at once, or a smaller cache",
            free=f"{min(limits) / 1e6:,.0f}",
        )


def room_for(weights_bytes: int, times: int = 4) -> bool:
    """Whether a second copy of the weights leaves most of what is free to others."""
    free = free_bytes()
    return free is None or weights_bytes * times <= free


def check_weights(folder: Path, engine: str) -> None:
    """Raise InvalidInput where the weights that the engine would load are larger than what is free.

    OpenVINO and onnxruntime hold them as they lie in the file; torch in float32.
    """
    if engine == "torch":
        needed = 4 * sum(_numbers(file) for file in folder.glob("*.safetensors"))
    else:
        pattern = {"openvino": "openvino_*.bin", "onnxruntime": "*.onnx"}.get(engine)
        needed = sum(file.stat().st_size for file in folder.glob(pattern)) if pattern else 0
    if needed:
        check_budget("the model's weights", needed)


def _numbers(file: Path) -> int:
    """How many numbers a safetensors file holds, by its header; 0 for one that is damaged, which its reader tells."""
    import json

    with file.open("rb") as opened:
        size = int.from_bytes(opened.read(8), "little")
        try:
            header = json.loads(opened.read(min(size, 100 << 20)))
        except ValueError:
            return 0
    tensors = (
        [one for name, one in header.items() if name != "__metadata__"] if isinstance(header, dict) else []
    )
    return sum(prod(one.get("shape", ())) for one in tensors if isinstance(one, dict))


def kept_numbers(config: TransformerConfig, prompt_tokens: int, new_tokens: int) -> int:
    """How many numbers a row of keys and values has: of an encoder–decoder's, those of both texts."""
    side = config.decoder() if config.kind == "encoder-decoder" else config
    each = 2 * side.num_hidden_layers * side.num_key_value_heads * side.head_dim
    return each * (prompt_tokens + new_tokens)


def _free_on_machine() -> int | None:
    meminfo = Path("/proc/meminfo")
    if meminfo.is_file():
        for line in meminfo.read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) << 10
    names = getattr(os, "sysconf_names", {})
    if "SC_AVPHYS_PAGES" in names:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _free_in_container() -> int | None:
    try:
        most = (CGROUP / "memory.max").read_text("ascii").strip()
        used = (CGROUP / "memory.current").read_text("ascii").strip()
        cached = dict(
            line.split() for line in (CGROUP / "memory.stat").read_text("ascii").splitlines() if " " in line
        ).get("inactive_file", "0")
    except OSError:
        return None
    return None if most == "max" else max(0, int(most) - int(used) + int(cached))
