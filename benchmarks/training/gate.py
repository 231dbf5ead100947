"""A side's end of the line: it trains when it is told to, and says how long each turn took."""

from __future__ import annotations

import json
import os
import resource
import sys
import time


class Gate:
    """Made before anything is imported that prints: stdout carries answers only, all else goes to stderr."""

    def __init__(self) -> None:
        self._answers = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        self._left, self._units = 0, 0.0
        self._began, self._cpu_began = 0.0, 0.0
        self.losses: list[float] = []

    def open(self) -> None:
        """Everything is loaded: wait for the first turn."""
        self._say({"ready": True})
        self._wait()

    def step_done(self, units: float = 0.0) -> None:
        """After each step, worth so many units where the referee cannot know; at a turn's end it waits for the next."""
        self._left -= 1
        self._units += units
        if self._left == 0:
            seconds, cpu_seconds = time.perf_counter() - self._began, time.process_time() - self._cpu_began
            self._say({"seconds": seconds, "cpu_seconds": cpu_seconds, "units": self._units})
            self._units = 0.0
            self._wait()

    def _wait(self) -> None:
        order = sys.stdin.readline().split()
        if not order or order[0] == "end":
            peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            self._say({"losses": self.losses, "peak_mb": peak_mb})
            os._exit(0)
        self._left = int(order[1])
        self._began, self._cpu_began = time.perf_counter(), time.process_time()

    def _say(self, answer: object) -> None:
        self._answers.write(json.dumps(answer) + "\n")
        self._answers.flush()
