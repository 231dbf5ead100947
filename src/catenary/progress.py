"""How long work tells what it does: a craft reports, whoever called it shows.

def count(lines, progress: Progress = SILENT):
    progress.begin("counting", total=len(lines), unit="lines")
    for line in lines:
        ...
        progress.advance(1)
    progress.metric("lines", len(lines))
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """Where work reports to. All three may be called often; whoever shows them thins them out."""

    def begin(self, what: str, total: float | None, unit: str) -> None:
        """A new phase named `what` (a message) starts; `total` in `unit`s, None when unknown."""

    def advance(self, amount: float, **figures: float) -> None:
        """`amount` units more are done; `figures` are shown beside the bar (loss=2.3)."""

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        """A figure to keep with the run."""


class Silent:
    """Reports to nobody."""

    def begin(self, what: str, total: float | None, unit: str) -> None: ...

    def advance(self, amount: float, **figures: float) -> None: ...

    def metric(self, name: str, value: float, step: int | None = None) -> None: ...


SILENT: Progress = Silent()


@contextmanager
def timed(progress: Progress, name: str, items: int) -> Iterator[None]:
    """Tell how quickly `items` were done by `name`, and what that cost: `speed.<name>`, items a second;
    `cost.<name>`, seconds of processors for 1,000 items. Nothing is told of what failed."""
    began, worked = time.monotonic(), time.process_time()
    yield
    seconds, processor = time.monotonic() - began, time.process_time() - worked
    progress.metric(f"speed.{name}", items / max(seconds, 1e-9))
    progress.metric(f"cost.{name}", 1000 * processor / max(1, items))
