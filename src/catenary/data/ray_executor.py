"""Doing the same work for many shards on the nodes of a Ray cluster.

    for report in over_ray(shards, curate_one, "auto", state): ...

The work is the function that processes on one machine run, and so are the bytes that it leaves. Every node needs this
version of Catenary, and sees the working folder (a file system that all share): shards are read there and parts written
there, and nothing large goes through Ray. What a node was doing when it died is done again on another.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from catenary import __version__
from catenary.errors import CatenaryError, InvalidInput

T = TypeVar("T")
R = TypeVar("R")

AHEAD = 1000  # tasks that are with Ray at a time


def over_ray(items: Sequence[T], work: Callable[[T], R], address: str, folder: Path) -> Iterator[R]:
    """`work` of each item, in their order, a core each. An error in one is raised here, and the others are given up.

    `address` is what `ray.init` takes: `auto`, `host:6379`, `ray://host:10001`; `local` starts one here.

    Raises InvalidInput without Ray, without such a cluster, and where a node has another version or lacks the folder.
    """
    ray = _connected(address)
    task = ray.remote(num_cpus=1, max_retries=5)(_on_node)
    given: deque[Any] = deque()
    try:
        for item in items:
            if len(given) >= AHEAD:
                yield _told(ray, given.popleft())
            given.append(task.remote(work, item, __version__, str(folder.resolve())))
        while given:
            yield _told(ray, given.popleft())
    finally:
        for one in given:
            ray.cancel(one, force=True)


def _connected(address: str) -> Any:
    try:
        import ray
    except ImportError:
        raise InvalidInput(
            "Ray is not installed.",
            got=f"ray: {address}",
            expected="`pip install 'catenary[ray]'` here and on every node",
            where="executor",
        ) from None
    if not ray.is_initialized():
        try:
            ray.init(address, log_to_driver=False, logging_level=logging.WARNING)
        except (ConnectionError, OSError, RuntimeError, ValueError) as error:
            raise InvalidInput(
                "The Ray cluster cannot be reached.",
                got=f"{address}: {str(error).splitlines()[0] if str(error) else type(error).__name__}",
                expected="the address of a running cluster: `ray start --head` prints it",
                where="executor",
            ) from None
    return ray


def _told(ray: Any, one: Any) -> Any:
    try:
        return ray.get(one)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, CatenaryError):
            raise error.cause from None
        raise


def _on_node(work: Callable[[T], R], item: T, version: str, folder: str) -> R:
    if version != __version__:
        raise InvalidInput(
            "A node of the cluster has another version of Catenary.", got=__version__, expected=version
        )
    if not Path(folder).is_dir():
        raise InvalidInput(
            "A node of the cluster does not see the working folder.",
            got=folder,
            expected="a file system that all nodes share: CATENARY_HOME says where it is",
        )
    return work(item)
