"""How often answers that are written side by side tell what they have.

Each piece that goes out costs the service and its client processor time, for which the engine's next step waits, on a
machine where they share the processors. A reader sees no difference while words come several times a second: so of
many answers at once, the pieces of some steps are told as one.
"""

from __future__ import annotations

import math

MOST_HELD_SECONDS = 0.2


class Pace:
    """At most `per_second` pieces of all answers together, but each answer five times a second, or once a step."""

    def __init__(self, per_second: float = math.inf) -> None:
        self._per_second = per_second
        self._told = self._stepped = 0.0

    def due(self, answers: int, now: float) -> bool:
        """Whether what a step of so many answers gave is told at once (True), or with the next. Seconds of one clock.

        The step nearest to the time is taken, for the next is as long again.
        """
        step, self._stepped = now - self._stepped, now
        held = min(answers / self._per_second, MOST_HELD_SECONDS)
        if now - self._told + step / 2 < held:
            return False
        self._told = now
        return True
