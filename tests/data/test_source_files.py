from __future__ import annotations

import os
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from catenary.data import Source, resolve
from catenary.data.source_files import Listed, SourceFile


def files(count: int) -> list[SourceFile]:
    return [
        SourceFile("/data", name, name, None, at, None)
        for at, name in enumerate(f"{n:05}.txt" for n in range(count))
    ]


def test_a_list_gives_the_files_it_was_given() -> None:
    plain = files(3)
    given = [
        *plain,
        replace(plain[0], label="good"),
        replace(plain[0], refused="read:link", bytes=0),
        replace(plain[0], name="sub/00000.txt"),
        replace(plain[0], folder="/elsewhere"),
        replace(plain[0], name="文.txt", below="文.txt"),
        replace(plain[0], other=Path("b.zh"), fingerprint="f", url="https://a.example/b", format="lines"),
    ]
    listed = Listed(iter(given))
    assert list(listed) == given == [listed[at] for at in range(len(given))]
    assert (listed[-1], listed[2:-1], listed[9:]) == (given[-1], given[2:-1], [])
    assert len(listed) == len(given)
    assert not Listed([])
    with pytest.raises(IndexError):
        listed[len(given)]


def test_a_folder_lists_names_that_are_no_text_too(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    try:
        (tmp_path / os.fsdecode(b"\xff.txt")).write_text("xy")
    except OSError:
        pytest.skip("this file system takes no such names")
    found = resolve(Source(path=str(tmp_path), licence="MIT"), tmp_path)
    assert [(file.path.read_text(), file.bytes) for file in found] == [("x", 1), ("xy", 2)]


def test_many_files_take_few_bytes_each() -> None:
    tracemalloc.start()
    try:
        listed = Listed(
            SourceFile("/data", name, name, None, 7, None) for name in (f"{n:05}.txt" for n in range(20_000))
        )
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 40 * len(listed)
