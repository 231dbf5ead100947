"""Running: reuse, failure, Ctrl-C, kill -9."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from catenary.chain.plan import plan
from catenary.chain.run import run
from catenary.chain.spec import load
from catenary.config import Home
from catenary.errors import CatenaryError, InvalidInput
from catenary.store import Store
from tests.chain.craft import CHAIN, STAGES, Quiet, write_chain

SLOW_CHAIN = CHAIN.replace("louder: {from: text, times: 2}", "louder: {from: text, times: 2, pause: 0.02}")

RUN = """
import sys
from pathlib import Path
from catenary.chain.plan import plan
from catenary.chain.run import run
from catenary.chain.spec import load
from catenary.config import Home
from catenary.store import Store
from tests.chain.craft import STAGES, Quiet
chain = load(Path(sys.argv[1]), STAGES)
with Store.open(Home.of(chain.folder, {})) as store:
    run(plan(chain, store), store, Quiet())
"""


def run_chain(path: Path, *only: str) -> dict[str, str]:
    """link → artifact id"""
    chain = load(path, STAGES)
    with Store.open(Home.of(path.parent, {})) as store:
        outcomes = run(plan(chain, store), store, Quiet(), only=only or None)
        assert not store.verify()
        return {outcome.step.link.full_name: outcome.artifact.id for outcome in outcomes}


def started(path: Path) -> subprocess.Popen[bytes]:
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(path)],
        cwd=root,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(root)},
    )


def test_a_chain_runs_and_its_results_are_right(tmp_path: Path) -> None:
    made = run_chain(write_chain(tmp_path))
    with Store.open(Home.of(tmp_path, {})) as store:
        assert json.loads((store.get(made["models.both"]).path / "counts.json").read_text()) == {
            "A": 6,
            "B": 9,
            "C": 3,
        }
        assert store.links("tiny")["models.both"].artifact_id == made["models.both"]
    locked = json.loads((tmp_path / "catenary.lock").read_text("utf-8"))
    assert locked["links"]["models.both"]["id"] == made["models.both"]


def test_only_what_is_asked_for_and_needed_runs(tmp_path: Path) -> None:
    assert set(run_chain(write_chain(tmp_path), "count")) == {"sources.text", "datasets.loud", "models.count"}


def test_links_that_left_the_chain_are_forgotten(tmp_path: Path) -> None:
    run_chain(write_chain(tmp_path))
    run_chain(write_chain(tmp_path, CHAIN.replace('  count: {from: loud, letters: "${vars.letters}"}\n', "")))
    with Store.open(Home.of(tmp_path, {})) as store:
        assert "models.count" not in store.links("tiny")
        assert len(store.gc().artifacts) == 1


def test_a_failing_stage_leaves_what_was_done_and_says_why(tmp_path: Path) -> None:
    path = write_chain(tmp_path)

    def fail(work: object) -> dict[str, object]:
        raise InvalidInput("This cannot be counted.")

    failing = [
        stage if stage.name != "count" else stage.__class__(**{**vars(stage), "run": fail})
        for stage in STAGES
    ]
    with Store.open(Home.of(tmp_path, {})) as store:
        with pytest.raises(InvalidInput):
            run(plan(load(path, failing), store), store, Quiet())
        assert len(store.artifacts()) == 3
        newest = store.runs()[0]
        assert (newest.outcome, newest.error) == ("failed", "This cannot be counted.")
    assert len(run_chain(path)) == 5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_keeps_what_was_done_and_goes_on(tmp_path: Path, number: signal.Signals) -> None:
    path = write_chain(tmp_path, SLOW_CHAIN.replace("pause: 0.02", "pause: 20"))
    process = started(path)
    while not list(tmp_path.glob(".catenary/objects/dataset/*")):
        time.sleep(0.02)
        assert process.poll() is None, process.stderr.read().decode() if process.stderr else ""
    time.sleep(0.1)
    process.send_signal(number)
    told = process.communicate(timeout=120)[1].decode()
    assert "goes on from here" in told
    with Store.open(Home.of(tmp_path, {})) as store:
        assert store.runs()[0].outcome == "interrupted"


def uninterrupted(folder: Path) -> dict[str, str]:
    folder.mkdir()
    return run_chain(write_chain(folder, SLOW_CHAIN))


@pytest.mark.parametrize("kills", [8, pytest.param(60, marks=pytest.mark.slow)])
def test_kill_9_anywhere_loses_nothing_and_leaves_nothing_half_made(tmp_path: Path, kills: int) -> None:
    expected = uninterrupted(tmp_path / "whole")
    rng = random.Random(kills)
    done = 0
    for chain in itertools.count():
        if done >= kills:
            break
        folder = tmp_path / f"killed-{chain}"
        folder.mkdir()
        path = write_chain(folder, SLOW_CHAIN)
        while True:
            process = started(path)
            try:
                process.wait(rng.uniform(0.2, 1.2))
                break  # it ended by itself
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                done += 1
        assert process.returncode == 0
        with Store.open(Home.of(folder, {})) as store:
            store.doctor()
            assert not store.verify()
        assert run_chain(path) == expected


def test_what_a_kill_after_the_commit_left_is_cleared_by_the_next_run(tmp_path: Path) -> None:
    made = run_chain(write_chain(tmp_path))
    left = tmp_path / ".catenary" / "work" / made["datasets.loud"] / "state"
    left.mkdir(parents=True)
    (left / "step").write_text("7")
    assert run_chain(tmp_path / "catenary.yaml") == made
    assert list((tmp_path / ".catenary" / "work").iterdir()) == []


def test_a_second_process_waits_and_then_reuses(tmp_path: Path) -> None:
    path = write_chain(tmp_path, SLOW_CHAIN.replace("pause: 0.02", "pause: 0.3"))
    first, second = started(path), started(path)
    assert (first.wait(120), second.wait(120)) == (0, 0)
    with Store.open(Home.of(tmp_path, {})) as store:
        assert len([run for run in store.runs(link="datasets.louder") if run.outcome == "done"]) == 1


def test_an_error_carries_its_way_out() -> None:
    error = CatenaryError("x", next="catenary run")
    assert "catenary run" in str(error)
