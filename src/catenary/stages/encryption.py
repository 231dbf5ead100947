"""Encrypting a home's objects: by whom it may be asked, and what the audit log says of it.

set_encryption(store, "on")
"""

from __future__ import annotations

from catenary.access import claim, local_person, recording, require
from catenary.progress import SILENT, Progress
from catenary.store import Store
from catenary.store.encrypting import Change
from catenary.store.encryption import outer_key
from catenary.store.runs import require_no_run


def set_encryption(
    store: Store, how: Change, new_key: bytes | None = None, progress: Progress = SILENT
) -> None:
    """Turn it on or off, or rotate a key. Raises Refused without the right, while a run is alive, or a server, a
    console or another command has the objects open."""
    who = local_person()
    outer_key()  # said before anything is recorded
    store.require_alone()
    with recording(store.engine, store.home) as log:
        claim(log, who)
        require(log.connection, who, "encrypt")
        require_no_run(log.connection, "Objects cannot be encrypted or decrypted while a run is alive.")
        log.append(who, "objects.encrypt", {"change": how})
    store.encrypt(how, new_key, progress)
