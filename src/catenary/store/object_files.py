"""The files of an object as they were committed, whether they lie in plain or encrypted.

A file is encrypted when it has the size that its manifest's size has once encrypted; the manifest itself when it
begins so. The name that is bound into it is `<artifact's id>/<path>`. Only `recode` writes over a file, by renaming.
"""

from __future__ import annotations

import hashlib
import io
import secrets
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from catenary.digest import file_sha256
from catenary.files import sync_folder, write_whole
from catenary.store.encrypted_file import (
    MAGIC,
    DataKeys,
    blocks_of,
    data_key_of,
    decrypt,
    encrypt,
    encrypted_bytes,
    is_encrypted,
    write_synced,
)
from catenary.store.encryption import Keyring, encrypts, has_keyring, keyring
from catenary.store.manifest import MANIFEST, FileEntry, Manifest
from catenary.store.plain import plain_folder


@dataclass(frozen=True, slots=True)
class Encryption:
    """Whether new objects are encrypted, and how many files are: under the newest data key, under older ones, not."""

    on: bool
    encrypted: int
    older: int
    plain: int


def manifest_bytes(folder: Path) -> bytes:
    """The manifest of the object in `folder`, byte for byte as it was written."""
    path = folder / MANIFEST
    data = path.read_bytes()
    return b"".join(_decrypted(path, folder)) if data.startswith(MAGIC) else data


def write_manifest(folder: Path, data: bytes) -> None:
    """Replace the manifest of the object in `folder`."""
    home = _home(folder)
    if encrypts(home):
        key_id, key = keyring(home).active
        hidden = io.BytesIO()
        name = f"{folder.name}/{MANIFEST}"
        encrypt(blocks_of(io.BytesIO(data)), hidden, name=name, key_id=key_id, key=key)
        data = hidden.getvalue()
    write_whole(folder / MANIFEST, data)


def has_size(path: Path, entry: FileEntry) -> bool:
    """Whether a file has the size it was committed with, in plain or encrypted."""
    return path.stat().st_size in (entry.bytes, encrypted_bytes(entry.bytes))


def sha256_of(folder: Path, path: str, entry: FileEntry) -> str:
    """SHA-256 of one file's plain bytes. Raises Damaged where it does not decrypt."""
    if not _is_encrypted(folder / path, entry):
        return file_sha256(folder / path)
    sha = hashlib.sha256()
    for block in _decrypted(folder / path, folder):
        sha.update(block)
    return sha.hexdigest()


def plain(folder: Path, manifest: Manifest) -> Path:
    """Where the object's files lie in plain: `folder` itself, or a copy in memory while this process lives.

    Raises Damaged where an encrypted file is not what was written; Refused where its key or the room is missing.
    """
    if not has_keyring(_home(folder)):
        return folder
    there = {path: folder / path for path in manifest.files if (folder / path).is_file()}
    if all(there[path].stat().st_size == manifest.files[path].bytes for path in there):
        return folder

    def write(target: Path) -> None:
        (target / MANIFEST).write_bytes(manifest.to_bytes())
        for path, file in there.items():
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            if not is_encrypted(file):
                shutil.copyfile(file, target / path)
                continue
            with (target / path).open("wb") as plain_file:
                plain_file.writelines(_decrypted(file, folder))

    key = f"{folder}\x00{hashlib.sha256(manifest.to_bytes()).hexdigest()}"
    return plain_folder(key, folder.name, manifest.size, write)


def recode(folder: Path, artifact_id: str, manifest: Manifest, ring: Keyring, scratch: Path) -> None:
    """Let every file in `folder` be encrypted under the newest data key, or plain, as `ring` says now.

    One file after another, each whole before it takes the other's name: killed at any point, do it again.
    """
    wanted = ring.active[0] if ring.on else None
    for path, entry in _files(manifest):
        with suppress(FileNotFoundError):  # a file that is gone is for `verify` to tell
            if _key_of(folder / path, entry) != wanted:
                _recode(folder / path, f"{artifact_id}/{path}", entry, ring, scratch)
    for parent in {(folder / path).parent for path, _ in _files(manifest)}:
        if parent.is_dir():
            sync_folder(parent)


def states(folder: Path, manifest: Manifest) -> Iterator[bytes | None]:
    """For each file that is there, the id of the data key under which it is encrypted, or None."""
    for path, entry in _files(manifest):
        with suppress(FileNotFoundError):
            yield _key_of(folder / path, entry)


def _recode(file: Path, name: str, entry: FileEntry | None, ring: Keyring, scratch: Path) -> None:
    target = scratch / secrets.token_hex(8)
    with file.open("rb") as source:
        hidden = _is_encrypted(file, entry)
        blocks = decrypt(file, name=name, keys=lambda: ring.keys) if hidden else blocks_of(source)
        if ring.on:
            key_id, key = ring.active
            write_synced(target, lambda out: encrypt(blocks, out, name=name, key_id=key_id, key=key))
        else:
            write_synced(target, lambda out: out.writelines(blocks))
    target.replace(file)


def _files(manifest: Manifest) -> Iterator[tuple[str, FileEntry | None]]:
    yield from manifest.files.items()
    yield MANIFEST, None  # last: until then it says which of the others are encrypted


def _is_encrypted(file: Path, entry: FileEntry | None) -> bool:
    if entry is not None and file.stat().st_size != encrypted_bytes(entry.bytes):
        return False
    return is_encrypted(file)


def _key_of(file: Path, entry: FileEntry | None) -> bytes | None:
    return data_key_of(file) if _is_encrypted(file, entry) else None


def _decrypted(file: Path, folder: Path) -> Iterator[bytes]:
    def keys() -> DataKeys:
        return keyring(_home(folder)).keys

    return decrypt(file, name=f"{folder.name}/{file.relative_to(folder).as_posix()}", keys=keys)


def _home(folder: Path) -> Path:
    return folder.parents[2]  # home/objects/<kind>/<id>
