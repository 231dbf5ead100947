"""Logs of runs: bounded, and gone with what they tell of."""

from __future__ import annotations

from pathlib import Path

import pytest

from catenary.errors import Refused
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


def test_the_lines_of_an_encrypted_home_are_sealed(
    store: Store, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, id = store.home.path, "d" * 64
    said = ["1  reading", "2  failed: line 7 says 我的病历\n  and on the next line more", "3  done \udcff"]
    add_line(home, id, said[0])
    add_line(home, id, said[1])
    plain = read_log(home, id)
    store.encrypt("on")
    assert read_log(home, id) == plain
    add_line(home, id, said[2])
    told = plain + "3  done ?\n"
    assert read_log(home, id) == told
    for how in ("on", "renew"):
        store.encrypt(how)
        assert read_log(home, id) == told
        kept = log_path(home, id).read_bytes()
        assert not any(word in kept for word in (b"reading", "病历".encode(), b"next line", b"done"))
    with monkeypatch.context() as without:
        without.delenv("CATENARY_OBJECT_KEY_FILE")
        with pytest.raises(Refused, match="no key is set"):
            read_log(home, id)
        with pytest.raises(Refused, match="no key is set"):
            add_line(home, id, "4")
    log_path(home, "c" * 64).write_bytes(kept)
    assert "reading" not in read_log(home, "c" * 64)  # what is sealed opens in its own log alone
    store.encrypt("off")
    assert log_path(home, id).read_text("utf-8") == told


def test_a_sealed_log_keeps_its_newest_lines(store: Store, key: Path) -> None:
    store.encrypt("on")
    for number in range(4000):
        add_line(store.home.path, "a", f"line {number} of many")
    assert log_path(store.home.path, "a").stat().st_size <= MOST_BYTES
    shown = read_log(store.home.path, "a").splitlines()
    assert len(shown) > 100
    assert shown == [f"line {number} of many" for number in range(4000 - len(shown), 4000)]
