"""How much memory this process may still take: what the machine has free, and what its container leaves."""

from __future__ import annotations

import os
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
