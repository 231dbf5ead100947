"""Encrypted objects as plain files, for as long as this process lives.

Weights are memory-mapped, and read by others' code (onnxruntime, llama.cpp, pyarrow) and by processes of ours, all by
path. So an encrypted object that is opened is decrypted whole into a folder in memory (/dev/shm), which its owner alone
may enter, and which goes when the process does. Where there is none, or no room, `CATENARY_PLAIN` must name a folder,
on an encrypted disk say: nothing is written in plain on a disk that nobody named.

A process that was killed leaves its folder; the next that makes one, or `doctor`, sees its lock free and removes it.
"""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from catenary.errors import Refused

if TYPE_CHECKING:
    from filelock import BaseFileLock

PLAIN = "CATENARY_PLAIN"
_IN_MEMORY = Path("/dev/shm")

_lock = threading.RLock()
_folders: dict[str, Path] = {}  # what was asked for → where it lies
_held: dict[Path, BaseFileLock] = {}  # the folders of this process
_process: int | None = None


def plain_folder(key: str, name: str, size: int, write: Callable[[Path], None]) -> Path:
    """A folder `name` that `write` filled with `size` bytes, the same one each time for the same `key`.

    Raises Refused where there is no room for it.
    """
    global _process
    with _lock:
        if _process != os.getpid():  # a fork has its parent's folders, which are not its own to remove
            _folders.clear()
            _held.clear()
            _process = os.getpid()
        if key not in _folders:
            own = _own(_base(), size)
            folder = own / secrets.token_hex(4) / name
            folder.mkdir(parents=True, mode=0o700)
            try:
                write(folder)
            except BaseException:
                shutil.rmtree(folder.parent, ignore_errors=True)
                raise
            _folders[key] = folder
        return _folders[key]


def clear_plain() -> int:
    """Remove the folders that killed processes left; how many."""
    base = _base()
    return _clear(base) if base is not None else 0


def _base() -> Path | None:
    if named := os.environ.get(PLAIN):
        return Path(named).expanduser().absolute()
    return _IN_MEMORY if _IN_MEMORY.is_dir() and os.access(_IN_MEMORY, os.W_OK) else None


def _own(base: Path | None, size: int) -> Path:
    if base is None or not base.is_dir() or shutil.disk_usage(base).free < size:
        raise Refused(
            "There is no room for the plain files of an encrypted object.",
            got=str(base) if base is not None else None,
            expected="{bytes} bytes in memory, or in a folder that CATENARY_PLAIN names",
            next="export CATENARY_PLAIN=…",
            bytes=size,
        )
    for own in _held:
        if own.parent == base:
            return own
    _clear(base)
    return _begin(base)


def _begin(base: Path) -> Path:
    from filelock import FileLock

    own = base / f"{_prefix()}{secrets.token_hex(8)}"
    lock = FileLock(own.with_suffix(".lock"), thread_local=False, mode=0o600)
    lock.acquire()  # before the folder is there: who finds it free may remove it
    own.mkdir(mode=0o700)
    _held[own] = lock
    atexit.register(_end, own, lock, os.getpid())
    return own


def _end(own: Path, lock: BaseFileLock, process: int) -> None:
    if os.getpid() == process:
        shutil.rmtree(own, ignore_errors=True)
        with suppress(OSError):
            Path(lock.lock_file).unlink()
        lock.release()


def _clear(base: Path) -> int:
    from filelock import FileLock, Timeout

    cleared = 0
    for folder in _left(base):
        if folder in _held:
            continue
        lock = FileLock(folder.with_suffix(".lock"), mode=0o600)
        with suppress(Timeout), lock.acquire(timeout=0):
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):
                Path(lock.lock_file).unlink()
            cleared += 1
    return cleared


def _left(base: Path) -> Iterator[Path]:
    for folder in list(base.glob(f"{_prefix()}*")):
        with suppress(FileNotFoundError):  # another process is clearing, too
            found = folder.lstat()
            if stat.S_ISDIR(found.st_mode) and (sys.platform == "win32" or found.st_uid == os.getuid()):
                yield folder


def _prefix() -> str:
    return f"catenary-{os.getuid()}-" if sys.platform != "win32" else "catenary-"
