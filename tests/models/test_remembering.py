"""A source is read with the nearest pair of a memory behind it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from catenary.models import memory_beside, read_sources
from catenary.models.baselines import fit_memory


def encode(texts: Sequence[str]) -> list[list[int]]:
    return [[ord(letter) for letter in text] for text in texts]


def spelt(rows: list[list[int]]) -> list[str]:
    return ["".join(chr(id) if id else "|" for id in row) for row in rows]


MEMORY = fit_memory(["open the file", "close it"], ["OPEN FILE", "CLOSE"])


def test_the_nearest_pair_stands_behind_the_source() -> None:
    rows = read_sources(encode, ["open a file"], eos_id=0, longest=90, memory=MEMORY)
    assert spelt(rows) == ["open a file|open the file|OPEN FILE|"]
    rows = read_sources(encode, ["open a file"], eos_id=0, longest=90, memory=MEMORY, but=[np.asarray([0])])
    assert spelt(rows) == ["open a file|close it|CLOSE|"]


def test_each_part_is_cut_to_its_share() -> None:
    rows = read_sources(encode, ["open a file"], eos_id=0, longest=14, memory=MEMORY)
    assert spelt(rows) == ["open|open|OPEN|"]
    assert spelt(read_sources(encode, ["open a file"], eos_id=0, longest=4)) == ["open|"]
    assert spelt(read_sources(encode, ["open a file"], eos_id=None, longest=4)) == ["open"]


def test_a_folder_tells_whether_its_model_reads_a_memory(tmp_path: Path) -> None:
    assert memory_beside(tmp_path) is None
    MEMORY.save(tmp_path)
    found = memory_beside(tmp_path)
    assert found is not None
    assert found.answer(["close"]) == ["CLOSE"]
