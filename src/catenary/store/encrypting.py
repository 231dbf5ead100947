"""Turning encryption of a home's objects on and off, and rotating its keys.

    change(home, "on")                   # new objects are encrypted from now on; then those that are there
    change(home, "rotate", new_key)      # another outer key: one small file is written, no object
    change(home, "renew")                # another data key: every object is encrypted anew
    change(home, "off")                  # plain again

Ids and manifests say what the plain bytes are, so none of it changes one. Each change is first one atomic write of the
list of keys, which says what every file shall be; then the files follow, one at a time, and the texts in the catalog.
Killed in between, some are as they were, all can be read, and the same change said again goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from catenary.errors import Damaged, Refused
from catenary.progress import SILENT, Progress
from catenary.store.encryption import Keyring, has_keyring, keyring, outer_key, write_keyring
from catenary.store.in_use import ENCRYPTION, require_alone
from catenary.store.object_files import Encryption, recode, states
from catenary.store.objects import LOCKS, all_objects, locked, read_object, scratch_folder

if TYPE_CHECKING:
    from filelock import BaseFileLock

Change = Literal["on", "off", "rotate", "renew"]


def state(home: Path) -> Encryption | None:
    """What is encrypted here; None where nothing ever was. Raises as `keyring` does."""
    if not has_keyring(home):
        return None
    ring = keyring(home)
    newest = ring.active[0]
    counts = {"encrypted": 0, "older": 0, "plain": 0}
    for folder in all_objects(home):
        with suppress(FileNotFoundError, Damaged):
            for key_id in states(folder, read_object(folder)):
                counts["plain" if key_id is None else "encrypted" if key_id == newest else "older"] += 1
    return Encryption(ring.on, **counts)


def change(
    home: Path,
    how: Change,
    new_key: bytes | None = None,
    progress: Progress = SILENT,
    *,
    here: BaseFileLock | None = None,
    texts: Callable[[], None] = lambda: None,
) -> None:
    """Change what the list of keys says, then the files, then with `texts` what the catalog keeps.

    Raises Refused where other processes than `here` (as `in_use.enter` gave it) have the home open, or one is at it.
    """
    with locked(home, ENCRYPTION) as mine:
        if not mine:
            raise Refused(
                "Another process is encrypting or decrypting the objects.", next="catenary encrypt status"
            )
        require_alone(home, here)
        outer = outer_key()
        if how == "on" and not has_keyring(home):
            write_keyring(home, Keyring(True, {}).with_new_key(), outer)
        ring = keyring(home, outer)
        if how == "rotate":
            write_keyring(home, ring, new_key or outer)
        else:
            _apply(home, _changed(home, how, ring, outer), progress)
            texts()
    (home / LOCKS / ENCRYPTION).unlink(missing_ok=True)


def _changed(home: Path, how: Change, ring: Keyring, outer: bytes) -> Keyring:
    new = ring.with_new_key() if how == "renew" else Keyring(how == "on", ring.keys)
    if new != ring:
        write_keyring(home, new, outer)
    return new


def _apply(home: Path, ring: Keyring, progress: Progress) -> None:
    folders = list(all_objects(home))
    progress.begin("encrypting" if ring.on else "decrypting", total=len(folders), unit="artifacts")
    with scratch_folder(home) as scratch:
        for folder in folders:
            with suppress(FileNotFoundError, Damaged):  # removed meanwhile, or for `verify` to tell
                recode(folder, folder.name, read_object(folder), ring, scratch)
            progress.advance(1)
