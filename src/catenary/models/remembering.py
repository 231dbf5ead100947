"""Reading, behind a source, the pair of a memory that is nearest to it: a translator that looks similar sentences up.

    source <eos> the nearest source <eos> its target <eos>

The model learns to take over what fits and to change the rest (Bulté and Tezcan 2019, ACL P19-1175; Xu et al. 2020,
2020.acl-main.144). A folder whose model reads so carries the memory beside the weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from catenary.models.baselines import Memory
    from catenary.models.baselines.memory import Places

Encode = Callable[[Sequence[str]], list[list[int]]]


def memory_beside(folder: Path) -> Memory | None:
    """The memory that the model of a folder reads, if it reads one. Raises Damaged."""
    from catenary.models.baselines.memory import PAIRS_FILE, Memory

    return Memory.load(folder) if (folder / PAIRS_FILE).is_file() else None


def read_sources(
    encode: Encode,
    sources: Sequence[str],
    *,
    eos_id: int | None,
    longest: int,
    memory: Memory | None = None,
    but: Sequence[Places] | None = None,
) -> list[list[int]]:
    """The ids of each source as an encoder reads it, its end included: at most `longest` + 1.

    With a `memory` the nearest pair stands behind it; each of the three is cut to a third then. `but`: see
    `Memory.nearest`. `encode` puts no frame around a text.
    """
    end = [] if eos_id is None else [eos_id]
    parts: list[Sequence[str]] = [sources]
    if memory is not None:
        places, _ = memory.nearest(sources, but=but)
        parts += [[memory.sources[place] for place in places], [memory.targets[place] for place in places]]
    room = (longest + 1) // len(parts) - 1
    encoded = [encode(part) for part in parts]
    return [[id for ids in row for id in (*ids[:room], *end)] for row in zip(*encoded, strict=True)]
