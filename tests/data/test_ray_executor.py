"""The same work on a real Ray cluster of two nodes, one of which may die."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from catenary.data import curate_files
from catenary.data.executor import over
from catenary.data.shards import shard_paths
from catenary.digest import file_sha256
from catenary.errors import InvalidInput
from tests.data.test_curate import SPLIT, STEPS, corpus, run

pytestmark = pytest.mark.slow
NODE = {"num_cpus": 1, "object_store_memory": 80 << 20}
PATIENCE_SECONDS = 400.0  # of a machine that others keep busy


class Patient:
    """The module `time` with a slow clock: Ray gives a node 30 s to start, and has no setting for it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    def monotonic(self) -> float:
        return time.monotonic() * 30 / PATIENCE_SECONDS


def started() -> Any:
    """Two nodes of a core each."""
    import ray._private.node as starting
    from ray.cluster_utils import Cluster

    config = {"worker_register_timeout_seconds": int(PATIENCE_SECONDS), "health_check_timeout_ms": 60_000}
    starting.time = Patient()
    try:
        made = Cluster()
        made.add_node(**NODE, include_dashboard=False, _system_config=config)
        made.add_node(**NODE)
    finally:
        starting.time = time
    return made


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    import ray

    made = started()
    try:
        yield made
    finally:
        ray.shutdown()
        made.shutdown()


def node() -> str:
    import ray

    found: str = ray.get_runtime_context().get_node_id()
    return found


def wait_for(path: Path) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not path.exists():
        assert time.monotonic() < until, path
        time.sleep(0.05)


def meet(folder: Path, number: int) -> str:
    """Ends when the other one has begun too: with a core a node, the two can only be on two nodes."""
    (folder / f"begun-{number}").touch()
    wait_for(folder / f"begun-{1 - number}")
    return node()


def fail(number: int) -> int:
    if number == 3:
        raise InvalidInput("There is no such step.", got="three")
    return number


def ten_times(number: int) -> int:
    return 10 * number


def stay(folder: Path, head: str, number: int) -> str:
    """On another node than the head: never ends. There it is told of, so that the node can be killed."""
    if node() != head:
        (folder / "on-other").touch()
        time.sleep(PATIENCE_SECONDS)
    elif not (folder / "killed").exists():
        wait_for(folder / "killed")
    return node()


def test_both_nodes_work_and_results_come_in_order(cluster: Any, tmp_path: Path) -> None:
    told = list(over([0, 1], partial(meet, tmp_path), ray=cluster.address, folder=tmp_path))
    assert len(set(told)) == 2
    tens = over(range(20), ten_times, ray=cluster.address, folder=tmp_path)
    assert list(tens) == list(range(0, 200, 10))


def test_a_dataset_has_the_same_bytes_as_on_one_machine(cluster: Any, tmp_path: Path) -> None:
    source, base = corpus(tmp_path / "source")
    alone = run(tmp_path / "alone", source, base, shard_bytes=32 << 10)  # some tasks a node, and no more
    raw = shard_paths(tmp_path / "alone" / "raw", "raw")
    assert len(raw) > 3
    out = tmp_path / "out"
    curate_files(raw, STEPS, SPLIT, out, tmp_path / "state", ray=cluster.address)
    expected = {name: sha for name, sha in alone.items() if name.startswith("out/") and "report" not in name}
    assert {f"out/{path.name}": file_sha256(path) for path in out.iterdir()} == expected


def test_an_error_is_the_users_own(cluster: Any, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="There is no such step"):
        list(over([1, 2, 3, 4], fail, ray=cluster.address, folder=tmp_path))
    with pytest.raises(InvalidInput, match="does not see the working folder"):
        list(over([1], ten_times, ray=cluster.address, folder=tmp_path / "elsewhere"))


def test_what_a_dead_node_was_doing_is_done_again(cluster: Any, tmp_path: Path) -> None:
    import ray

    other = cluster.add_node(**NODE)
    for one in list(cluster.worker_nodes):
        if one is not other:
            cluster.remove_node(one)
    head = next(one["NodeID"] for one in ray.nodes() if one["Alive"] and one["NodeID"] != other.node_id)

    def kill() -> None:
        wait_for(tmp_path / "on-other")
        cluster.remove_node(other, allow_graceful=False)
        (tmp_path / "killed").touch()

    killer = threading.Thread(target=kill)
    killer.start()
    told = list(over(range(2), partial(stay, tmp_path, head), ray=cluster.address, folder=tmp_path))
    killer.join()
    assert told == [head, head]
