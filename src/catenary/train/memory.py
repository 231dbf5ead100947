"""Memory that a step frees stays with the process for the next step."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# mallopt(3): what is larger than the first comes from the kernel each time; what is freed beyond the second at the
# top of the heap goes back to it.
M_MMAP_THRESHOLD, M_TRIM_THRESHOLD = -3, -1
KEEP_BYTES, USUAL_BYTES = 1 << 30, 32 << 20  # 32 MiB: where glibc's own adjustment ends


@contextmanager
def kept_memory() -> Iterator[None]:
    """Within this context, freed memory is kept; after it, given back.

    By default glibc returns the large temporaries of a step to the kernel, which zeroes and maps their pages anew in
    the next one: thousands of page faults, 7 to 15 % of a small model's step. Elsewhere than on glibc nothing changes.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if libc is None or not hasattr(libc, "gnu_get_libc_version"):
        yield
        return
    libc.mallopt(M_MMAP_THRESHOLD, KEEP_BYTES)
    libc.mallopt(M_TRIM_THRESHOLD, KEEP_BYTES)
    try:
        yield
    finally:
        libc.mallopt(M_MMAP_THRESHOLD, USUAL_BYTES)
        libc.mallopt(M_TRIM_THRESHOLD, 2 * USUAL_BYTES)
        libc.malloc_trim(0)
