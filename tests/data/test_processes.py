"""Reading in processes: the same documents however many there are, and none of them can take us down."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pyarrow as pa
import pytest

from catenary.data import Source, collect, resolve
from catenary.data.processes import Ended, read_in_processes
from catenary.data.read import read_file
from catenary.data.source_files import SourceFile
from tests.data.formats.test_documents import PAGE, pdf, zipped
from tests.data.formats.test_hostile import nest

ENDLESS = (
    "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT 'a' AS text FROM c WHERE x < 0"
)


def folder(tmp_path: Path) -> Path:
    """Files of many kinds, some of them hostile, some larger than a task."""
    root = tmp_path / "files"
    root.mkdir()
    for number in range(30):
        (root / f"{number:02}.html").write_text(
            PAGE.format(charset="utf-8").replace("悬链", f"第{number}"), "utf-8"
        )
    (root / "a.lines").write_text("".join(f"line {number}\n" for number in range(100_000)))
    (root / "b.zip").write_bytes(
        zipped(("x.txt", "in a zip"), ("y.pdf", pdf("in a PDF")), ("z.zip", b"PK\x03\x04"))
    )
    (root / "bomb.zip").write_bytes(nest(2, 16, 20 << 20))
    (root / "c.pdf").write_bytes(b"%PDF-1.4\n")
    (root / "d.txt").write_bytes("内容".encode("gb18030"))
    return root


def database(path: Path) -> bytes:
    with sqlite3.connect(path) as made:
        made.execute("CREATE TABLE t (text TEXT)")
        made.execute("INSERT INTO t VALUES ('x')")
    made.close()
    return path.read_bytes()


def given(tmp_path: Path, **settings: object) -> tuple[Source, list[SourceFile]]:
    source = Source.model_validate({"path": "files", "licence": "MIT", **settings})
    return source, resolve(source, tmp_path)


@pytest.fixture
def nothing_left() -> Callable[[], bool]:
    """Whether all processes that were started since are gone. (Python's own, of earlier tests, may stay.)"""
    before = psutil.Process().children()
    return lambda: all(child in before for child in psutil.Process().children())


def dropped(told: list[tuple[int, object]]) -> list[list[str | None]]:
    found: list[list[str | None]] = []
    for at, one in told:
        found += [[] for _ in range(at + 1 - len(found))]
        if isinstance(one, pa.RecordBatch):
            found[at] += one.column("dropped").to_pylist()
    return found


def test_the_number_of_processes_changes_nothing(tmp_path: Path) -> None:
    folder(tmp_path)
    source, files = given(tmp_path)
    reports = [
        collect(
            source, files, "s", tmp_path / f"out{n}", tmp_path / f"state{n}", shard_bytes=1 << 18, workers=n
        )
        for n in (1, 3)
    ]
    assert reports[0] == reports[1]
    for path in sorted((tmp_path / "out1").iterdir()):
        assert path.read_bytes() == (tmp_path / "out3" / path.name).read_bytes(), path.name
    here = pa.Table.from_batches(batch for file in files for batch in read_file(source, file, "s"))
    there = pa.Table.from_batches(
        batch for _, batch in read_in_processes(source, files, "s", workers=2) if not isinstance(batch, Ended)
    )
    assert here.equals(there)
    told = reports[0]
    assert told.formats["html"] == 30
    assert (told.encodings["gb18030"], told.encodings["utf-8"]) == (1, 32)
    lines = (tmp_path / "out1" / "quarantine.jsonl").read_text("utf-8").splitlines()
    assert len(lines) == told.quarantined["count"] == sum(told.quarantined["reasons"].values())
    assert {"path": "c.pdf", "reason": "read:damaged", "bytes": 9} in told.quarantined["first"]
    assert told.quarantined["reasons"] == {"read:bomb": 1, "read:damaged": 2, "read:too_large": 4}


def test_a_part_that_hangs_costs_only_itself(tmp_path: Path) -> None:
    root = tmp_path / "files"
    root.mkdir()
    hangs = database(tmp_path / "d")
    (root / "a.zip").write_bytes(
        zipped(("1.txt", "before"), ("2.db", hangs), ("3.db", hangs), ("4.txt", "after"))
    )
    (root / "b.txt").write_text("next")
    source, files = given(tmp_path, query=ENDLESS)
    told = list(read_in_processes(source, files, "s", workers=1, patience_seconds=3))
    assert dropped(told) == [[None, "read:timeout", "read:timeout", None], [None]]
    ids = [
        one
        for _, batch in told
        if isinstance(batch, pa.RecordBatch)
        for one in batch.column("id").to_pylist()
    ]
    assert len(set(ids)) == 5


def test_a_process_that_dies_costs_only_the_part_it_read(
    tmp_path: Path, nothing_left: Callable[[], bool]
) -> None:
    root = tmp_path / "files"
    root.mkdir()
    (root / "a.db").write_bytes(database(tmp_path / "d"))
    (root / "b.txt").write_text("next")
    source, files = given(tmp_path, query=ENDLESS)

    def kill() -> None:
        while True:
            for child in psutil.Process().children():
                reads = "catenary.data.reader_process" in child.cmdline()
                if reads and child.cpu_times().user > 1.5:  # at work on the query
                    os.kill(child.pid, signal.SIGKILL)
                    return
            time.sleep(0.1)

    killer = threading.Thread(target=kill)
    killer.start()
    told = list(read_in_processes(source, files, "s", workers=1))
    killer.join()
    assert dropped(told) == [["read:crashed"], [None]]
    assert nothing_left()


def test_a_process_has_a_limit_of_memory(tmp_path: Path) -> None:
    root = tmp_path / "files"
    root.mkdir()
    (root / "a.json").write_bytes(b'{"text": "' + b"x" * (200 << 20) + b'"}')
    (root / "b.txt").write_text("next")
    source, files = given(tmp_path, max_document_bytes=1 << 30)
    [[first], second] = dropped(
        list(read_in_processes(source, files, "s", workers=1, memory_bytes=400 << 20))
    )
    assert first in ("read:memory", "read:crashed")
    assert second == [None]


def test_a_missing_library_is_told_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from catenary.errors import InvalidInput

    folder(tmp_path)
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "pypdfium2.py").write_text("raise ImportError('hidden', name='pypdfium2')")
    monkeypatch.setenv("PYTHONPATH", str(hidden))
    source, files = given(tmp_path, files=["c.pdf"])
    with pytest.raises(InvalidInput, match=r"pip install 'catenary\[formats\]'"):
        list(read_in_processes(source, files, "s", workers=1))


def test_nothing_is_left_behind_by_a_reader_that_stops_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nothing_left: Callable[[], bool]
) -> None:
    folder(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    source, files = given(tmp_path)
    told = read_in_processes(source, files, "s", workers=2)
    next(told)
    told.close()  # type: ignore[attr-defined]
    assert nothing_left()
    assert not list(tmp_path.glob("catenary-*"))


def test_few_plain_files_are_read_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "files"
    root.mkdir()
    (root / "a.txt").write_text("x")
    monkeypatch.setattr("subprocess.Popen", None)
    source, files = given(tmp_path)
    assert collect(source, files, "s", tmp_path / "out", tmp_path / "state").documents == 1


def test_kill_9_loses_nothing_and_leaves_no_process(tmp_path: Path) -> None:
    root = tmp_path / "files"
    root.mkdir()
    for number in range(200):
        lines = "".join(f"{number} line {line} of many\n" for line in range(1000))
        (root / f"{number:03}.lines").write_text(lines)
    source, files = given(tmp_path)
    program = (
        "import sys; from pathlib import Path; from catenary.data import *\n"
        "base = Path(sys.argv[1]); source = Source(path='files', licence='MIT')\n"
        "collect(source, resolve(source, base), 's', base / 'out', base / 'state', shard_bytes=1 << 18, workers=2)\n"
    )
    for shards in (1, 4):
        killed = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)])
        while not (tmp_path / "out" / f"raw-{shards:05d}.parquet").exists():
            assert killed.poll() is None
            time.sleep(0.005)
        readers = psutil.Process(killed.pid).children()
        killed.kill()
        killed.wait()
        _, alive = psutil.wait_procs(readers, timeout=10)
        assert not alive
    done = (tmp_path / "state" / "done.json").read_text()
    assert json.loads(done)["shards"] >= 4
    resumed = collect(
        source, files, "s", tmp_path / "out", tmp_path / "state", shard_bytes=1 << 18, workers=1
    )
    whole = collect(
        source, files, "s", tmp_path / "out2", tmp_path / "state2", shard_bytes=1 << 18, workers=3
    )
    assert resumed == whole
    for path in sorted((tmp_path / "out2").iterdir()):
        assert path.read_bytes() == (tmp_path / "out" / path.name).read_bytes(), path.name
