"""What a link that trains will take, by its own first steps: that it is there and kept; timings are never asserted."""

from __future__ import annotations

from pathlib import Path

import pytest

from catenary.chain.plan import plan
from catenary.chain.run import run
from catenary.chain.spec import load
from catenary.config import Home
from catenary.stages import STAGES
from catenary.stages.watched import MOST_STEPS, STEPS, Enough, Watch
from catenary.store import Store
from tests.chain.craft import Quiet
from tests.stages.test_heads import chain


@pytest.mark.slow
def test_a_link_whose_inputs_are_made_is_tried_out_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    loaded = load(chain(tmp_path), STAGES)
    with Store.open(Home.of(tmp_path)) as store:
        run(plan(loaded, store), store, Quiet(), only=["models.base", "datasets.asked"])
        by_table = plan(loaded, store)["models.names"].estimate
        objects = sorted((tmp_path / ".catenary").rglob("*"))
        measured = plan(loaded, store, measure=True)["models.names"].estimate
        assert measured != by_table
        assert measured.seconds > 0
        assert measured.memory_bytes > 100 << 20
        assert plan(loaded, store)["models.names"].estimate == measured  # kept
        left = [path for path in sorted((tmp_path / ".catenary").rglob("*")) if path not in objects]
        assert not [path for path in left if "catalog" not in path.name and "cache" not in path.parts]


def test_a_watch_breaks_off_after_the_validation_and_knows_its_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("catenary.stages.watched.time.time", lambda: clock[0])
    watch = Watch(90.0)
    watch.begin("reading", 10, "documents")
    watch.advance(10)
    watch.begin("Training", 1000, "steps")
    watch.advance(0)

    def train() -> None:
        for step in range(1, MOST_STEPS + 1):
            clock[0] += 3.0 if step == 1 else 1.0
            if step == STEPS:
                clock[0] += 5.0
                watch.metric("valid_loss", 1.0, step)
            watch.advance(1, loss=1.0)

    with pytest.raises(Enough):
        train()
    seen = watch.seen()
    assert seen is not None
    assert seen["steps"] == 1000
    assert seen["step_seconds"] == pytest.approx(1.0)
    assert seen["valid_seconds"] == pytest.approx(5.0)
    assert seen["start_seconds"] == pytest.approx(
        12.0
    )  # ten before the training, two of the first step's warming up
