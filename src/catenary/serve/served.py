"""What answers under a name: an engine, and the release that stands behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from catenary.errors import Refused
from catenary.serve.engine import Engine, Task
from catenary.serve.errors import NO_MODEL, ApiError
from catenary.serve.receipts import ReleaseStatus


@dataclass(frozen=True, slots=True)
class Served:
    """An endpoint over HTTP. `created` is in Unix seconds; `upstream`: another server's address, where that answers.

    `app`: the application, where one answers, and the endpoints it `needs`;
    `passage` gives the passages that it cites by their ids, or NotFound. `check` raises Refused once it may not answer.
    `held`: whether what it has in memory is still in the store; it may block. `sign_off`: the role of the person whom
    each answer waits for.
    """

    name: str
    task: Task
    engine: Engine
    release: str
    status: ReleaseStatus
    model_digest: str
    created: int = 0
    keep_texts: bool = True
    upstream: str | None = None
    app: str | None = None
    needs: tuple[str, ...] = ()
    passage: Callable[[str], Mapping[str, Any]] | None = None
    check: Callable[[], None] = lambda: None
    held: Callable[[], bool] = lambda: True
    sign_off: str | None = None

    def require(self) -> None:
        """Raise ApiError (404) once its release may not be served any more."""
        require(self.check)


def require(check: Callable[[], None]) -> None:
    """Raise what `check` refuses as an ApiError (404)."""
    try:
        check()
    except Refused as refusal:
        raise ApiError(refusal.what, NO_MODEL) from refusal
