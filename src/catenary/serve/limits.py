"""How much the server takes on at once, and for how long."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that keep the server answering.

    `queue` requests may wait or run at the engine at once, `connections` be open at all; one more is refused
    at once with 503. A request has `deadline_seconds` from its admission; `drain_seconds` is how long the
    requests in flight may go on after SIGTERM.
    """

    body_bytes: int = 2 << 20
    texts: int = 256
    characters: int = 200_000
    queue: int = 64
    connections: int = 1024
    deadline_seconds: float = 30.0
    drain_seconds: float = 20.0
