"""How much the server takes on at once, and for how long."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that keep the server answering.

    `queue` answers may wait or run at the engines at once, `connections` be open at all; one more is refused
    at once with 503. A request has `deadline_seconds` from its admission; `drain_seconds` is how long the
    requests in flight may go on after SIGTERM. `max_tokens` is what an answer may have where the request does not say.
    A stream that is silent for `ping_seconds` sends a comment, so that nothing on the way takes it for dead.
    """

    body_bytes: int = 2 << 20
    texts: int = 256
    characters: int = 200_000
    queue: int = 128
    connections: int = 2048
    deadline_seconds: float = 300.0
    drain_seconds: float = 20.0
    max_tokens: int = 1024
    ping_seconds: float = 15.0
