"""collect: what was read before an interruption is in the collection that the next run commits; and many files are a
table beside the manifest, whatever their number in little memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from catenary.chain.openlineage import events
from catenary.chain.plan import plan
from catenary.chain.run import run
from catenary.chain.spec import load
from catenary.chain.trace import trace
from catenary.config import Home
from catenary.data.collect import SHARD_ROWS
from catenary.errors import CatenaryError, Interrupted
from catenary.progress import Progress, Silent
from catenary.stages import STAGES
from catenary.store import Artifact, Store
from tests.chain.craft import Quiet

CHAIN = """\
schema: 1
project: {name: lines, languages: [en]}
sources:
  lines: {path: data, files: ["*.txt"], format: lines, licence: MIT}
"""


class StopsAfterTheFirstFile(Quiet):
    """Ctrl-C when the first file, and so the first shard, is done."""

    def started(self, step: object) -> Progress:
        class Stops(Silent):
            def advance(self, amount: float, **figures: float) -> None:
                if amount > 0:
                    raise KeyboardInterrupt

        return Stops()


def chain(folder: Path) -> Path:
    (folder / "data").mkdir(parents=True)
    for name in ("a", "b"):
        lines = "".join(f"{name} line {number}\n" for number in range(SHARD_ROWS))
        (folder / "data" / f"{name}.txt").write_text(lines, "utf-8")
    path = folder / "catenary.yaml"
    path.write_text(CHAIN, "utf-8")
    return path


def collected(path: Path, store: Store) -> Artifact:
    [outcome] = run(plan(load(path, STAGES), store), store, Quiet())
    assert not store.verify()
    return outcome.artifact


def test_an_interrupted_collect_keeps_the_shards_it_had_written(tmp_path: Path) -> None:
    whole, stopped = chain(tmp_path / "whole"), chain(tmp_path / "stopped")
    with Store.open(Home.of(whole.parent, {})) as store:
        expected = collected(whole, store).manifest.files
    assert {name for name in expected if name.startswith("raw-")} == {
        "raw-00000.parquet",
        "raw-00001.parquet",
    }
    with Store.open(Home.of(stopped.parent, {})) as store:
        with pytest.raises(Interrupted):
            run(plan(load(stopped, STAGES), store), store, StopsAfterTheFirstFile())
        assert not store.artifacts()
        assert collected(stopped, store).manifest.files == expected


SMALL_FILES = """\
schema: 1
project: {name: notes, languages: [en]}
sources:
  notes: {path: notes, licence: MIT}
datasets:
  clean: {from: [notes], steps: [normalise, {length: {min_chars: 4}}, {dedup: {near: 0.9}}]}
"""
LONG_AGO = 1_000_000_000


def many_files(folder: Path, count: int) -> Path:
    for number in range(count):
        place = folder / "notes" / f"{number % 100:02}"
        place.mkdir(parents=True, exist_ok=True)
        note(place / f"{number:06}.txt", f"note {number} of {number * 7919 % 10007} things 第{number}条")
    path = folder / "catenary.yaml"
    path.write_text(SMALL_FILES, "utf-8")
    return path


def note(path: Path, text: str, when: int = LONG_AGO) -> None:
    path.write_text(text, "utf-8")
    os.utime(path, (when, when))


def to_run(path: Path, store: Store) -> list[str]:
    return [step.link.full_name for step in plan(load(path, STAGES), store).to_run]


def test_many_files_are_a_table_that_says_what_the_list_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = many_files(tmp_path, 12)
    with Store.open(Home.of(tmp_path, {})) as store:
        listed = run(plan(load(path, STAGES), store), store, Quiet())[0].artifact
        monkeypatch.setattr("catenary.stages.collect.MOST_LISTED", 11)
        assert to_run(path, store) == ["sources.notes", "datasets.clean"]
        collection, dataset = (one.artifact for one in run(plan(load(path, STAGES), store), store, Quiet()))
        rows = pq.read_table(collection.path / "files.parquet").to_pylist()
        assert [{key: row[key] for key in listed.manifest.report["files"][0]} for row in rows] == (
            listed.manifest.report["files"]
        )
        told = collection.manifest.report["files"]
        assert told == collection.manifest.settings["content"]["files"]
        assert (told["count"], told["bytes"]) == (12, sum(row["bytes"] for row in rows))
        assert "notes/00/000000.txt" not in (tmp_path / "catenary.lock").read_text("utf-8")
        for name in ("documents.parquet", "raw-00000.parquet"):
            assert collection.manifest.files[name] == listed.manifest.files[name]
        assert not store.verify()

        drawn = json.dumps(trace(store, dataset.id).to_json())
        assert "12 files, each a row of files.parquet" in drawn
        assert "000000.txt" not in drawn
        outside = [
            one["name"] for event in events(store) for one in event["inputs"] if one["namespace"] == "file"
        ]
        assert "notes/files.parquet" in outside


def test_of_many_files_a_changed_a_new_and_a_removed_one_are_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catenary.stages.collect.MOST_LISTED", 11)
    path = many_files(tmp_path, 20)
    changes = (
        lambda: note(tmp_path / "notes/03/000003.txt", "another note", LONG_AGO + 9),
        lambda: note(tmp_path / "notes/07/new.txt", "one more note"),
        lambda: (tmp_path / "notes/05/000005.txt").unlink(),
    )
    with Store.open(Home.of(tmp_path, {})) as store:
        run(plan(load(path, STAGES), store), store, Quiet())
        for change in changes:
            assert to_run(path, store) == []
            change()
            assert to_run(path, store) == ["sources.notes", "datasets.clean"]
            run(plan(load(path, STAGES), store), store, Quiet())
        note(tmp_path / "notes/03/000003.txt", "another note", LONG_AGO + 99)  # the same bytes, newer
        assert to_run(path, store) == []
        planned = plan(load(path, STAGES, ("datasets.clean.steps=[normalise]",)), store)
        assert [step.link.full_name for step in planned.to_run] == ["datasets.clean"]


def test_many_files_that_change_after_the_plan_are_not_passed_off_as_those_planned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catenary.stages.collect.MOST_LISTED", 11)
    path = many_files(tmp_path, 20)
    with Store.open(Home.of(tmp_path, {})) as store:
        planned = plan(load(path, STAGES), store)
        note(tmp_path / "notes/03/000003.txt", "another note", LONG_AGO + 9)
        with pytest.raises(CatenaryError, match="have changed since the chain was planned"):
            run(planned, store, Quiet())
        assert not store.artifacts()


RUN = """
import sys
from pathlib import Path
from catenary.chain.plan import plan
from catenary.chain.run import run
from catenary.chain.spec import load
from catenary.config import Home
from catenary.memory import peak_bytes
from catenary.stages import STAGES
from catenary.store import Store
from tests.chain.craft import Quiet
path = Path(sys.argv[1])
with Store.open(Home.of(path.parent, {})) as store:
    run(plan(load(path, STAGES), store), store, Quiet(), only=["notes"])
    print(peak_bytes() >> 20)
"""


@pytest.mark.slow
def test_ten_times_the_files_in_nearly_the_same_memory(tmp_path: Path) -> None:
    peaks = []
    for count in (2_500, 25_000):
        folder = tmp_path / str(count)
        folder.mkdir()
        path = many_files(folder, count)
        root = Path(__file__).parents[2]
        paths = os.pathsep.join([str(root / "src"), str(root)])
        done = subprocess.run(
            [sys.executable, "-c", RUN, str(path)],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": paths},
        )
        peaks.append(int(done.stdout))
        assert (folder / "catenary.lock").stat().st_size < 2_000_000
    assert peaks[1] < 400
    assert peaks[1] < peaks[0] + 100
