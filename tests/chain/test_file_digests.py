"""A file outside is read once, however often a chain is planned, and again when it changes."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

from catenary.chain.file_digests import FileDigests

LONG_AGO = 1_000_000_000


def written(path: Path, data: bytes, when: int = LONG_AGO) -> Path:
    path.write_bytes(data)
    os.utime(path, (when, when))
    return path


def asked(home: Path, path: Path) -> str:
    with FileDigests.of(home) as digests:
        return digests.sha256(path)


def test_a_file_of_the_same_size_and_time_is_not_read_again(tmp_path: Path) -> None:
    path = written(tmp_path / "a.txt", b"one")
    first = asked(tmp_path / "home", path)
    assert first == sha256(b"one").hexdigest()
    written(path, b"two")  # as nothing but a hand could change it
    assert asked(tmp_path / "home", path) == first
    written(path, b"two", LONG_AGO + 1)
    assert asked(tmp_path / "home", path) == sha256(b"two").hexdigest()


def test_a_file_just_written_is_not_remembered(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"one")
    kept = path.stat().st_mtime_ns
    asked(tmp_path / "home", path)
    path.write_bytes(b"two")
    os.utime(path, ns=(kept, kept))
    assert asked(tmp_path / "home", path) == sha256(b"two").hexdigest()


def test_a_broken_cache_is_made_anew(tmp_path: Path) -> None:
    path = written(tmp_path / "a.txt", b"one")
    first = asked(tmp_path / "home", path)
    cache = FileDigests.of(tmp_path / "home").path
    cache.write_bytes(b"no database " * 1000)
    assert asked(tmp_path / "home", path) == first
    written(path, b"two")
    assert asked(tmp_path / "home", path) == first  # remembered again


def test_without_a_place_for_the_cache_files_are_read(tmp_path: Path) -> None:
    path = written(tmp_path / "a.txt", b"one")
    (tmp_path / "home").write_text("a file")
    assert asked(tmp_path / "home", path) == sha256(b"one").hexdigest()
