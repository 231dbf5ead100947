"""The graph of facts that a page looked at last, kept open while somebody looks: opening one reads all of it."""

from __future__ import annotations

import threading
from pathlib import Path

from catenary.search.knowledge import FACTS_FILE, Knowledge

KEPT_SECONDS = 120.0


class OpenGraph:
    """At most one graph, as its file is now; forgotten soon after the last look, so that nothing erased stays here."""

    def __init__(self, kept_seconds: float = KEPT_SECONDS) -> None:
        self._kept_seconds = kept_seconds
        self.kept: tuple[object, Knowledge] | None = None
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def at(self, folder: Path) -> Knowledge:
        """The graph in this folder. Raises what `Knowledge` raises."""
        try:
            stat = (folder / FACTS_FILE).stat()
        except FileNotFoundError:  # emptied by an erasure: it says so
            return Knowledge(folder)
        key = (folder, stat.st_ino, stat.st_mtime_ns, stat.st_size)
        with self._lock:
            if self.kept is None or self.kept[0] != key:
                self.kept = None
                self.kept = key, Knowledge(folder)
            if self._timer is not None:
                self._timer.cancel()
            self._timer = threading.Timer(self._kept_seconds, self._forget)
            self._timer.daemon = True
            self._timer.start()
            return self.kept[1]

    def _forget(self) -> None:
        with self._lock:
            if threading.current_thread() is self._timer:  # else somebody looked since
                self.kept = self._timer = None
