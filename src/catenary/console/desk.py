"""What pages stand on: the chain file as it is now, its plan, its store, and the service that runs beside it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from catenary.chain.plan import Plan, plan
from catenary.chain.spec import Chain
from catenary.console.live import Version, version_of
from catenary.console.service import Recent, Service
from catenary.console.viewer import Sessions
from catenary.store import Store

ReadUsage = Callable[[Chain, date | None, date | None], Sequence[Mapping[str, Any]]]
"""What keys used of models, a day each, with what it costs."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint as the running service sees it."""

    name: str
    task: str
    release: str
    status: str
    ready: bool
    load: int
    restarts: int


@dataclass(kw_only=True)
class Desk:
    """`load` reads the chain file with overrides; `closing`: about to end.

    `endpoints` None: no service in this process; `service`: what the playground asks, here or elsewhere.
    """

    path: Path
    store: Store
    load: Callable[[Sequence[str]], Chain]
    read_usage: ReadUsage
    overrides: Sequence[str] = ()
    endpoints: Callable[[], Sequence[Endpoint]] | None = None
    service: Service | None = None
    closing: Callable[[], bool] = lambda: False
    recent: Recent = field(init=False)
    sessions: Sessions = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _chain: tuple[object, Chain] | None = field(default=None, init=False)
    _plan: tuple[object, Plan] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.sessions = Sessions(self.store.home)
        self.recent = Recent(self.store.emptied)

    @property
    def chain(self) -> Chain:
        """The chain file as it is now. Raises what reading it raises."""
        stamp = _stamp(self.path)
        with self._lock:
            if self._chain is None or self._chain[0] != stamp:
                self._chain = stamp, self.load(self.overrides)
            return self._chain[1]

    def load_with(self, more: Sequence[str]) -> Chain:
        """The chain file as it is now with some settings otherwise. Raises InvalidInput for those that cannot be."""
        return self.load([*self.overrides, *more])

    @property
    def version(self) -> Version:
        """Changes whenever a page might show something else."""
        return version_of(self.store, _stamp(self.path))

    def plan(self) -> Plan:
        """The plan of the chain as it is now: made anew only when the chain file or the store's artifacts changed."""
        chain = self.chain
        # Source files beside the chain may change without a word; the minute bounds how long that stays unseen.
        stamp = (_stamp(self.path), self.version.artifacts, self.version.minute)
        with self._lock:
            if self._plan is None or self._plan[0] != stamp:
                self._plan = stamp, plan(chain, self.store)
            return self._plan[1]


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)
