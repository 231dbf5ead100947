"""Logs of runs: bounded, and gone with what they tell of."""

from __future__ import annotations

from pathlib import Path

from catenary.store import Store
from catenary.store.logs import MOST_BYTES, SHOWN_BYTES, add_line, job_logs, log_path, read_log
from tests.store.making import make


def test_a_log_keeps_its_newest_lines(tmp_path: Path) -> None:
    assert read_log(tmp_path, "a") == ""
    for number in range(20_000):
        add_line(tmp_path, "a", f"line {number} of many")
    assert log_path(tmp_path, "a").stat().st_size <= MOST_BYTES
    shown = read_log(tmp_path, "a")
    assert len(shown) <= SHOWN_BYTES
    assert shown.startswith("line ")
    assert shown.endswith("line 19999 of many\n")


def test_gc_removes_the_logs_of_what_is_not_there(store: Store) -> None:
    kept, gone = make(store, 1), make(store, 2)
    store.point("c", "models.kept", kept.id)
    for id in (kept.id, gone.id, "f" * 64, "e" * 64):
        add_line(store.home.path, id, "said")
    job = store.home.path / "console" / "1700000000000-all.log"
    job.parent.mkdir()
    job.write_text("printed")
    store.gc(["e" * 64], dry_run=True)
    assert job_logs(store.home.path) == [job]
    store.gc(["e" * 64])
    assert job_logs(store.home.path) == []
    told = {id: read_log(store.home.path, id) for id in (kept.id, gone.id, "f" * 64, "e" * 64)}
    assert told == {kept.id: "said\n", gone.id: "", "f" * 64: "", "e" * 64: "said\n"}
