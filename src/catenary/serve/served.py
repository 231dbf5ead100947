"""What answers under a name: an engine, and the release that stands behind it."""

from __future__ import annotations

from dataclasses import dataclass

from catenary.serve.engine import Engine, Task
from catenary.serve.receipts import ReleaseStatus


@dataclass(frozen=True, slots=True)
class Served:
    """An endpoint over HTTP. `created` is in Unix seconds; `upstream`: another server's address, where that answers."""

    name: str
    task: Task
    engine: Engine
    release: str
    status: ReleaseStatus
    model_digest: str
    created: int = 0
    keep_texts: bool = True
    upstream: str | None = None
