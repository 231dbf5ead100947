"""collect: what was read before an interruption is in the collection that the next run commits."""

from __future__ import annotations

from pathlib import Path

import pytest

from catenary.chain.plan import plan
from catenary.chain.run import run
from catenary.chain.spec import load
from catenary.config import Home
from catenary.data.collect import SHARD_ROWS
from catenary.errors import Interrupted
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
