"""Kernels in C++ for what torch does slowly on a CPU in training; without a compiler, torch's own do the same work.

- `attention.cpp`: attention over packed documents and its gradient, in tiles; `attention.py` makes it torch's
- `rows.cpp`: RMSNorm, rotary turns, gated activations, cross-entropy, one pass over memory each; `rows.py` likewise
- `build.py`: compiles the two for this machine when they are first wanted, some seconds, and keeps them in the cache

Tensors go in and out by address, so that neither Python's nor torch's headers are needed. `CATENARY_KERNELS=off`
leaves them out.

    >>> from catenary.models.kernels import library
    >>> library() is library()
    True
"""

from catenary.models.kernels.attention import packed_attention, suits
from catenary.models.kernels.build import library
from catenary.models.kernels.rows import fits, gated_silu, rms_norm, suits_rows, surprise_, turned

__all__ = [
    "fits",
    "gated_silu",
    "library",
    "packed_attention",
    "rms_norm",
    "suits",
    "suits_rows",
    "surprise_",
    "turned",
]
