"""Which processes have a home open, so that nobody rewrites its objects under them.

    here = enter(home)          # as `Store.open` does; refused while objects are encrypted or decrypted
    others(home, here)          # the ids of the other processes that have it open
    leave(here)

Each open store holds a lock of its own, locks/open-<process>-…, which the kernel releases when the process dies; the
file that a killed one leaves goes when the next opens the home. Who changes the encryption takes its lock first and
then looks for others; who opens a store does it the other way round. So of two at the same moment at least one sees the
other.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from catenary.errors import Refused
from catenary.store.objects import LOCKS, lock_of

if TYPE_CHECKING:
    from filelock import BaseFileLock

ENCRYPTION = "encryption"  # the lock of who changes the encryption; its file goes when that is done
_OPEN = "open-"
_WAIT_SECONDS = 1.0  # another that looks whether the lock is free holds it for a moment
_LOOK_SECONDS = 0.2


def enter(home: Path) -> BaseFileLock | None:
    """Be seen to have this home open; None on a disk that cannot be written to, where nobody changes anything.

    Raises Refused while a process encrypts or decrypts the objects.
    """
    here = lock_of(home, f"{_OPEN}{os.getpid()}-{secrets.token_hex(4)}")
    try:
        # Who finds it free in the moment between the making of the file and its locking removes it: made once more.
        here.acquire(timeout=_WAIT_SECONDS, poll_interval=0.01)
    except OSError:
        return None
    _clear(home, here)
    if _changing(home):
        leave(here)
        raise Refused(
            "The objects are being encrypted or decrypted.",
            where=str(home),
            expected="to wait until `catenary encrypt` is done",
        )
    return here


def leave(here: BaseFileLock | None) -> None:
    """Have the home open no more."""
    if (
        here is not None and _process(here.lock_file) == os.getpid()
    ):  # a forked child leaves its parent's alone
        here.release()
        Path(here.lock_file).unlink(missing_ok=True)


def others(home: Path, here: BaseFileLock | None) -> list[int]:
    """The ids of the processes that have this home open, but for `here`; what dead ones left is cleared away."""
    return _clear(home, here, wait_seconds=_LOOK_SECONDS)


def _clear(home: Path, here: BaseFileLock | None, wait_seconds: float = 0) -> list[int]:
    from filelock import Timeout

    living = []
    for path in sorted((home / LOCKS).glob(f"{_OPEN}*")):
        if here is not None and path == Path(here.lock_file):
            continue
        try:
            with (
                lock_of(home, path.name).acquire(timeout=wait_seconds, poll_interval=0.01),
                suppress(OSError),  # Windows removes no file that is open
            ):
                path.unlink(missing_ok=True)
        except Timeout:
            living.append(_process(path))
    return living


def require_alone(home: Path, here: BaseFileLock | None) -> None:
    """Raises Refused while another process has this home open."""
    if found := others(home, here):
        raise Refused(
            "Objects cannot be encrypted or decrypted while other processes have them open.",
            where=str(home),
            got=", ".join(map(str, found)),
            expected="no server, console or command at work here: end the processes of these numbers",
        )


def _process(lock_file: str | os.PathLike[str]) -> int:
    return int(Path(lock_file).name.split("-")[1])


def _changing(home: Path) -> bool:
    if not (home / LOCKS / ENCRYPTION).exists():
        return False
    from filelock import Timeout

    lock = lock_of(home, ENCRYPTION)
    try:
        lock.acquire(timeout=_WAIT_SECONDS)
    except Timeout:
        return True
    lock.release()
    return False
