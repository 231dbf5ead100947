"""The log of a run, whoever started it: when it began, its phases, how far they came, warnings, and how it ended."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from catenary.messages import say
from catenary.store.logs import add_line

LINE_SECONDS = 10.0  # between lines of how far a phase is


class RunLog(logging.Handler):
    """Writes to the artifact's log. A help to who looks on: where it cannot be written, the run goes on."""

    def __init__(self, home: Path, artifact_id: str, heading: str) -> None:
        super().__init__(logging.WARNING)
        self._home, self._artifact_id = home, artifact_id
        self._what, self._unit = "", ""
        self._done, self._total = 0.0, 0.0
        self._said = time.monotonic()
        self.line(heading)
        logging.getLogger().addHandler(self)

    def line(self, text: str) -> None:
        """One line, with the time (UTC)."""
        with suppress(OSError):
            add_line(self._home, self._artifact_id, f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}  {text}")

    def begin(self, what: str, total: float | None, unit: str) -> None:
        """A phase begins."""
        self._what, self._unit, self._total, self._done = say(what), say(unit), total or 0.0, 0.0
        self._said = time.monotonic()
        self.line(self._what + (f", {self._total:,.0f} {self._unit}" if self._total else ""))

    def advance(self, amount: float, figures: dict[str, float]) -> None:
        """So much more is done."""
        self._done += amount
        if time.monotonic() - self._said > LINE_SECONDS:
            self._said = time.monotonic()
            of = f" / {self._total:,.0f}" if self._total else ""
            told = "".join(f", {say(name)} {value:.4g}" for name, value in figures.items())
            self.line(f"{self._what} {self._done:,.0f}{of} {self._unit}{told}")

    def emit(self, record: logging.LogRecord) -> None:
        """A warning of whatever library."""
        self.line(f"{record.levelname.lower()} {record.name}: {record.getMessage()}")

    def end(self, outcome: str, seconds: float, error: str = "") -> None:
        """The run has ended so."""
        logging.getLogger().removeHandler(self)
        self.close()
        self.line(f"{say(outcome)}, {seconds:.1f} s" + (f": {error}" if error else ""))
