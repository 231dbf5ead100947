"""What a link took the last time on this machine, and so what it will take now.

A stage's own estimate knows how time grows with settings and sizes, and not how quick a machine is. Its ratio between
now and then, times what the run took then, knows both.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from typing import Any

from catenary.chain.spec import Link
from catenary.chain.stage import Estimate
from catenary.store import Artifact, Store
from catenary.store.outside_files import outside_files


def from_last_run(store: Store, link: Link, last: Artifact, input_bytes: Sequence[int]) -> Estimate | None:
    """By the run that made `last`; None where it was made elsewhere, or not in one go."""
    runs = store.runs(artifact_id=last.id)
    if len(runs) != 1 or runs[0].outcome != "done" or runs[0].host != socket.gethostname():
        return None
    seconds, memory = runs[0].seconds, runs[0].peak_memory_bytes
    bytes_then = _input_bytes(store, link, last)
    if seconds is None or memory is None or bytes_then is None or not input_bytes:
        return None
    now = link.stage.estimate(link.settings, input_bytes)
    then = link.stage.estimate(_settings_then(link, last.manifest.settings), bytes_then)
    return Estimate(
        seconds * now.seconds / then.seconds,
        memory,  # of the whole process, links before this one included
        round(last.manifest.size * (now.disk_bytes / then.disk_bytes if then.disk_bytes else 1)),
    )


def _input_bytes(store: Store, link: Link, last: Artifact) -> list[int] | None:
    """In the order of the link's roles, as it is asked for."""
    if not link.inputs:
        files = outside_files(last.manifest.settings.get("content", {}))
        return [files.bytes] if files.count else None
    inputs = [last.manifest.inputs.get(role) for role in link.inputs]
    if not all(id is not None and store.has(id) for id in inputs):
        return None
    return [store.get(id).manifest.size for id in inputs if id is not None]


def _settings_then(link: Link, recipe: Mapping[str, Any]) -> Any:
    """Today's settings with the numbers and words of that recipe."""
    fields = type(link.settings).model_fields
    plain = {
        key: value for key, value in recipe.items() if key in fields and isinstance(value, int | float | str)
    }
    return link.settings.model_copy(update=plain)
