"""A run says how it ended, also when its process could not."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys

import pytest

from catenary.config import Home
from catenary.store import Metric, Store

ARTIFACT = "ab" * 32


def test_a_run_and_its_figures_are_kept(store: Store) -> None:
    run = store.start_run("reviews", "models.base", "pretrain", ARTIFACT)
    assert [(row.outcome, row.pid) for row in store.runs()] == [(None, os.getpid())]
    store.metric(run, "loss", 2.5, step=1)
    store.add_metrics(run, [Metric("loss", 1.5, 2), Metric("accuracy", 0.8), Metric("loss", math.nan, 3)])
    store.end_run(run, "done", seconds=3.5, peak_memory_bytes=1 << 40)
    (row,) = store.runs(chain="reviews", link="models.base", artifact_id=ARTIFACT)
    assert (row.outcome, row.seconds, row.peak_memory_bytes, row.error) == ("done", 3.5, 1 << 40, None)
    assert row.ended_at is not None
    assert row.ended_at >= row.started_at
    losses = [(figure.step, figure.value) for figure in store.metrics(run, "loss")]
    assert losses[:2] == [(1, 2.5), (2, 1.5)]
    assert math.isnan(losses[2][1])
    assert [figure.name for figure in store.metrics(run)] == ["loss", "loss", "accuracy", "loss"]


def test_runs_come_newest_first_and_can_be_chosen(store: Store) -> None:
    numbers = [store.start_run("reviews", link, "curate", ARTIFACT) for link in ("a", "b", "a")]
    for number in numbers:
        store.end_run(number, "failed", error="bad \0 byte")
    assert [row.id for row in store.runs()] == numbers[::-1]
    assert [row.id for row in store.runs(link="a")] == [numbers[2], numbers[0]]
    assert store.runs(chain="other") == []


def test_a_living_run_is_left_alone_by_others_who_open_the_store(store: Store) -> None:
    run = store.start_run("reviews", "models.base", "pretrain", ARTIFACT)
    with Store.open(store.home) as other:
        assert [row.outcome for row in other.runs()] == [None]
        assert other.doctor() == []
    store.end_run(run, "done")


def test_a_run_whose_process_was_killed_is_lost(home: Home) -> None:
    program = """
import os, signal, sys
from pathlib import Path
from catenary.config import Home
from catenary.store import Store
store = Store.open(Home(Path(sys.argv[1]), sys.argv[2]))
store.start_run("reviews", "models.base", "pretrain", "ab" * 32)
os.kill(os.getpid(), signal.SIGKILL)
"""
    Store.open(home).close()
    killed = subprocess.run([sys.executable, "-c", program, str(home.path), home.catalog_url])
    assert killed.returncode == -signal.SIGKILL
    with Store.open(home) as store:
        (row,) = store.runs()
        assert row.outcome == "lost"
        assert row.ended_at is not None
        store.gc()  # not kept from it by the dead


def test_a_run_of_another_machine_is_not_ours_to_judge(store: Store, home: Home) -> None:
    run = store.start_run("reviews", "models.base", "pretrain", ARTIFACT)
    elsewhere = Home(home.path.with_name("elsewhere"), home.catalog_url)
    with Store.open(elsewhere) as other:
        assert [row.outcome for row in other.runs()] == [None]
    store.end_run(run, "done")


def test_how_a_run_ended_is_said_once(store: Store) -> None:
    run = store.start_run("reviews", "models.base", "pretrain", ARTIFACT)
    store.end_run(run, "interrupted")
    with pytest.raises(KeyError):
        store.end_run(run, "done")
    assert [row.outcome for row in store.runs()] == ["interrupted"]
