"""The folder of objects: where artifacts lie, and how one becomes visible whole or not at all.

    objects/<kind>/<id>/    a committed artifact: its files and manifest.json
    work/<id>/out/          what a stage is writing; becomes the object
    work/<id>/state/        the stage's own checkpoints; removed once the artifact is committed
    locks/<id>              held while a process works on the artifact; the kernel lets go when it dies

Publishing: sync and hash every file, write the manifest, sync the folders, rename `out` into `objects`,
sync the parents. An object without its manifest therefore never stands under `objects`, and one that stands
there is whole. Where the home encrypts, the files are encrypted before the rename. All of it is on a local file
system; objects elsewhere (fsspec) would enter through `publish` and `object_folder`.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catenary.digest import BLOCK_BYTES
from catenary.errors import Damaged, InvalidInput, Refused
from catenary.files import make_folder, sync_folder, write_whole
from catenary.store.encryption import encrypts, keyring
from catenary.store.manifest import MANIFEST, FileEntry, Manifest, parse_manifest
from catenary.store.object_files import has_size, manifest_bytes, plain, recode

if TYPE_CHECKING:
    from filelock import BaseFileLock

OBJECTS, WORK, LOCKS = "objects", "work", "locks"
SHORT_ID_DIGITS = 12  # as shown to people
_TRASH = "trash-"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A committed artifact, which lies in `folder`, perhaps encrypted."""

    id: str
    kind: str
    stage: str
    folder: Path
    manifest: Manifest

    @property
    def path(self) -> Path:
        """The folder of its plain files, which must not be written to. Raises as `object_files.plain` does."""
        return plain(self.folder, self.manifest)


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where a stage works: `out` becomes the artifact, `state` is its own to resume from."""

    id: str
    out: Path
    state: Path


def make_home(home: Path) -> None:
    """Make the folder of a store, which keeps itself out of version control."""
    make_folder(home)
    write_whole(home / ".gitignore", b"*\n")


def short(artifact_id: str) -> str:
    """An id as people see it: its first 12 digits."""
    return artifact_id[:SHORT_ID_DIGITS]


def object_folder(home: Path, kind: str, artifact_id: str) -> Path:
    """Where an artifact lies once it is committed."""
    return home / OBJECTS / kind / artifact_id


def find_object(home: Path, artifact_id: str) -> Path | None:
    """The folder of the object with this id, whatever its kind, whether the catalog knows it or not."""
    for kind in _folders(home / OBJECTS):
        if (kind / artifact_id / MANIFEST).is_file():
            return kind / artifact_id
    return None


def all_objects(home: Path) -> Iterator[Path]:
    """The folders of all objects, by kind and id."""
    for kind in _folders(home / OBJECTS):
        yield from _folders(kind)


def work_folders(home: Path) -> Iterator[Path]:
    """The folders of unfinished work, named by artifact id, and of `throw_away`."""
    yield from _folders(home / WORK)


def read_object(folder: Path) -> Manifest:
    """The manifest of the object in `folder`. Raises Damaged when it is not what was written."""
    return parse_manifest(manifest_bytes(folder), folder / MANIFEST)


@contextmanager
def locked(home: Path, name: str, *, wait: bool = False) -> Iterator[bool]:
    """Hold the lock `name` during the block; yields False when another holds it and `wait` is False."""
    lock = lock_of(home, name)
    from filelock import Timeout

    try:
        lock.acquire(timeout=-1 if wait else 0)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def lock_of(home: Path, name: str) -> BaseFileLock:
    """The lock `name` of this home, not yet held. The kernel releases it when the process dies."""
    from filelock import FileLock

    (home / LOCKS).mkdir(parents=True, exist_ok=True)
    return FileLock(home / LOCKS / name, thread_local=False)


@contextmanager
def open_workspace(home: Path, artifact_id: str, *, wait: bool = False) -> Iterator[Workspace]:
    """An empty `out` and the `state` that an earlier try left, locked against other processes.

    With `wait`, queue behind the process that holds it; it may have committed the artifact by then, so look
    again. Raises Refused when another process holds it and `wait` is False.
    """
    with locked(home, artifact_id, wait=wait) as mine:
        if not mine:
            raise Refused(
                "Another process is making this artifact.",
                got=short(artifact_id),
                expected="one process at a time for one artifact",
                next="catenary status",
            )
        folder = home / WORK / artifact_id
        workspace = Workspace(artifact_id, folder / "out", folder / "state")
        _remove(workspace.out)
        make_folder(workspace.out)
        make_folder(workspace.state)
        try:
            yield workspace
        finally:
            _remove_if_unused(folder)


def discard_work(folder: Path) -> None:
    """Remove a folder under work/, checkpoints and all. Its lock must be held."""
    _remove(folder)


def clear_work(home: Path, artifact_id: str) -> None:
    """Remove what is left of an artifact's making, unless a process is at it."""
    folder = home / WORK / artifact_id
    if folder.exists():
        with locked(home, artifact_id) as free:
            if free:
                discard_work(folder)


def publish(
    home: Path,
    workspace: Workspace,
    *,
    kind: str,
    stage: str,
    version: int,
    settings: Mapping[str, Any],
    inputs: Mapping[str, str],
    report: Mapping[str, Any],
) -> Path:
    """Turn a workspace's `out` into a whole object and give its folder. Killed at any point, it is there or
    not.

    When a whole object of this id is there already (an earlier try died before the catalog knew), that one
    stays: others may be reading it.
    """
    folder = object_folder(home, kind, workspace.id)
    if is_whole(folder):
        return folder
    if (workspace.out / MANIFEST).exists():
        raise InvalidInput("A stage may not write a file of this name.", where=stage, got=MANIFEST)
    files = _sync_and_hash(workspace.out)
    manifest = Manifest(workspace.id, kind, stage, version, settings, inputs, files, report)
    write_whole(workspace.out / MANIFEST, manifest.to_bytes())
    if encrypts(home):
        with scratch_folder(home) as scratch:
            recode(workspace.out, workspace.id, manifest, keyring(home), scratch)
    make_folder(folder.parent)
    if folder.exists():  # what is left of a damaged object
        throw_away(home, folder)
    workspace.out.rename(folder)
    sync_folder(folder.parent)
    sync_folder(workspace.out.parent)
    return folder


def is_whole(folder: Path) -> bool:
    """Whether the object in `folder` has all its files at their sizes (`verify` reads their bytes too)."""
    try:
        manifest = read_object(folder)
        return all(has_size(folder / path, entry) for path, entry in manifest.files.items())
    except (OSError, Damaged):
        return False


@contextmanager
def scratch_folder(home: Path) -> Iterator[Path]:
    """A folder on the disk of the objects that goes after the block; `doctor` removes what a kill leaves of it."""
    folder = home / WORK / f"{_TRASH}{secrets.token_hex(8)}"
    with locked(home, folder.name):
        make_folder(folder)
        try:
            yield folder
        finally:
            _remove(folder)
            (home / LOCKS / folder.name).unlink(missing_ok=True)


def throw_away(home: Path, folder: Path) -> None:
    """Remove an object's folder: out of sight at once, then from the disk."""
    trash = home / WORK / f"{_TRASH}{secrets.token_hex(8)}"
    make_folder(trash.parent)
    folder.rename(trash)
    sync_folder(folder.parent)
    _remove(trash)


def is_trash(folder: Path) -> bool:
    """Whether a folder under work/ is what an interrupted `throw_away` left."""
    return folder.name.startswith(_TRASH)


def paths_in(folder: Path) -> list[Path]:
    """All files below `folder`, in the order of their names.

    Raises InvalidInput for a link, a device or a socket: an artifact holds plain files only.
    """
    found = []
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in (*folders, *sorted(names)):
            path = Path(parent, name)
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode):
                found.append(path)
            elif not stat.S_ISDIR(mode):
                raise InvalidInput("An artifact holds plain files only.", got=str(path))
    return sorted(found)


def _sync_and_hash(folder: Path) -> dict[str, FileEntry]:
    files = {path.relative_to(folder).as_posix(): _entry(path) for path in paths_in(folder)}
    for parent, _, _ in os.walk(folder, topdown=False):
        sync_folder(Path(parent))
    return files


def _entry(path: Path) -> FileEntry:
    sha = hashlib.sha256()
    with path.open("rb") as file:
        os.fsync(file.fileno())
        while block := file.read(BLOCK_BYTES):
            sha.update(block)
        return FileEntry(sha.hexdigest(), file.tell())


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir())
    except FileNotFoundError:
        return []


def _remove_if_unused(folder: Path) -> None:
    if not any(names for _, _, names in os.walk(folder)):
        _remove(folder)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
