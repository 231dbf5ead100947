"""What memory this process has held, and letting go of it."""

from __future__ import annotations

import sys
from pathlib import Path


def peak_bytes() -> int:
    """The most resident memory that this program has held at once, in bytes; 0 where the system does not say.

    On Linux ``ru_maxrss`` will not do: a process inherits the peak of the one that started it, so what a small
    probe says of itself would be the size of the chain that asked (getrusage(2), setmax_mm_hiwater_rss).
    """
    if sys.platform == "linux":
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) << 10
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak << 10


def release_unused() -> None:
    """Give back to the system what Arrow has freed and keeps for later.

    That is what this thread and those that have ended held: of a million documents some hundred megabytes, which
    whatever comes next in another size would not use.
    """
    if arrow := sys.modules.get("pyarrow"):
        arrow.default_memory_pool().release_unused()
