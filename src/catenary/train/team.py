"""Several processes at one run: each takes some of the parts of a step, and their gradients are added up.

The process that asks is the leader: it alone validates, reports and writes checkpoints. The others are started by it
(`spawn`), hold the same weights, follow the same batches, and take the same step from the same sum: data-parallel
training (Li et al. 2020, PyTorch Distributed) over the flat gradient, which is one bucket. When one ends, the others'
next sum fails, and all end.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from catenary.errors import CatenaryError, InvalidInput

T = TypeVar("T")
PATIENCE = timedelta(minutes=30)  # a validation by the leader may take this long
ENDING_SECONDS = 10.0


class ProcessLost(CatenaryError):
    """One of several training processes has ended before the others."""


@dataclass(frozen=True)
class Team:
    """Who shares a run. Alone, nothing is sent anywhere."""

    rank: int = 0
    size: int = 1
    _others: list[Any] = field(default_factory=list)

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def mine(self, parts: Sequence[T]) -> list[tuple[int, T]]:
        """The parts of a step that this process takes, with their numbers in it."""
        return list(enumerate(parts))[self.rank :: self.size]

    def add_up(self, gradients: Sequence[torch.Tensor], *values: float) -> list[float]:
        """Add the gradients in place, and the values, over all processes; the same bits in each."""
        if self.size == 1:
            return list(values)
        told = torch.tensor(values, dtype=torch.float64)
        with self.watched():
            for gradient in gradients:
                dist.all_reduce(gradient)
            dist.all_reduce(told)
        return told.tolist()

    def agreed(self, value: T | None) -> T:
        """What the leader says."""
        said = [value]
        if self.size > 1:
            with self.watched():
                dist.broadcast_object_list(said, src=0)
        return said[0]  # type: ignore[return-value]

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Tells what fails between the processes as the loss of one. Raises ProcessLost; other errors pass through."""
        try:
            yield
        except RuntimeError as error:
            for other in self._others:
                other.join(ENDING_SECONDS / 10)
            ended = [
                f"{other.name}: {other.exitcode}" for other in self._others if other.exitcode is not None
            ]
            if not ended and "gloo" not in str(error).lower():
                raise
            raise ProcessLost(
                "A process of this training run has ended, and so the others end too.",
                got=", ".join(ended) or str(error).splitlines()[0],
                next="run the same again: it goes on from the last checkpoint",
            ) from error


ALONE = Team()


@contextmanager
def team_of(processes: int, parts: int, follow: Callable[..., None], *given: Any) -> Iterator[Team]:
    """This process as the leader of `processes`; the others call `follow(team, *given)`.

    Raises InvalidInput where a step has fewer `parts` than there are processes.
    """
    if processes == 1:
        yield ALONE
        return
    if parts < processes:
        raise InvalidInput(
            "Processes share the parts of a step: there must be as many parts as processes.",
            got=f"processes: {processes}, accumulate: {parts}",
            expected="`accumulate: {n}` or more",
            n=processes,
        )
    threads = torch.get_num_threads()
    share = max(1, threads // processes)
    with tempfile.TemporaryDirectory(prefix="catenary-") as folder:
        meeting = Path(folder) / "meeting"
        context = mp.get_context("spawn")
        others = [
            context.Process(
                target=_followed,
                args=(follow, rank, processes, meeting, share, given),
                name=f"process {rank} of {processes}",
                daemon=True,
            )
            for rank in range(1, processes)
        ]
        for other in others:
            other.start()
        torch.set_num_threads(share)
        try:
            _join(0, processes, meeting)
            yield Team(0, processes, others)
        finally:
            torch.set_num_threads(threads)
            if dist.is_initialized():
                dist.destroy_process_group()
            for other in others:
                other.join(ENDING_SECONDS)
                if other.is_alive():
                    other.kill()
                    other.join()


def _followed(
    follow: Callable[..., None], rank: int, size: int, meeting: Path, threads: int, given: tuple[Any, ...]
) -> None:
    """The life of a process that follows. Ctrl-C is the leader's to answer."""
    import signal

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    torch.set_num_threads(threads)
    try:
        _join(rank, size, meeting)
        follow(Team(rank, size), *given)
    except CatenaryError:
        os._exit(1)  # the leader has met the same, and tells it
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def _join(rank: int, size: int, meeting: Path) -> None:
    if sys.platform == "linux":
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # one machine: no name needs to resolve
    dist.init_process_group(
        "gloo", init_method=meeting.as_uri(), rank=rank, world_size=size, timeout=PATIENCE
    )
