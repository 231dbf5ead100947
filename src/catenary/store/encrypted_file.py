"""One file, encrypted: frames of AES-256-GCM, so that files of any size are read and written a frame at a time.

    magic | id of the data key (8 bytes) | salt (32 bytes) | frame | frame | … | last frame

The file's own key is HKDF-SHA256 of the data key, the salt, the header and the file's name, so no two files share a key
and none can stand in another's place. A frame is 1 MiB of the file and a tag of 16 bytes; its nonce is its number and
whether it is the last, so frames cannot be dropped, swapped, added or cut off (STREAM: Hoang, Reyhanitabar, Rogaway
and Vizár, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", CRYPTO 2015; as `age` does it).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING

from catenary.errors import Damaged

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC = b"catenc\x00\x01"
KEY_BYTES, KEY_ID_BYTES, SALT_BYTES, TAG_BYTES = 32, 8, 32, 16
HEADER_BYTES = len(MAGIC) + KEY_ID_BYTES + SALT_BYTES
FRAME_BYTES = 1 << 20

DataKeys = Mapping[bytes, bytes]  # id → key


def encrypted_bytes(plain_bytes: int) -> int:
    """The size of an encrypted file of so many bytes."""
    return HEADER_BYTES + plain_bytes + TAG_BYTES * max(1, -(-plain_bytes // FRAME_BYTES))


def is_encrypted(path: Path) -> bool:
    """Whether a file begins as an encrypted one does."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def data_key_of(path: Path) -> bytes | None:
    """The id of the data key under which a file is encrypted; None for a file that is not."""
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
    return header[len(MAGIC) :][:KEY_ID_BYTES] if header.startswith(MAGIC) else None


def encrypt(blocks: Iterator[bytes], target: IO[bytes], *, name: str, key_id: bytes, key: bytes) -> None:
    """Write an encrypted file. `blocks` are `FRAME_BYTES` long each, but for the last."""
    header = MAGIC + key_id + secrets.token_bytes(SALT_BYTES)
    target.write(header)
    cipher = _cipher(header, name, key)
    for number, (block, last) in enumerate(_with_last(blocks)):
        target.write(cipher.encrypt(_nonce(number, last), block, None))


def decrypt(path: Path, *, name: str, keys: Callable[[], DataKeys]) -> Iterator[bytes]:
    """The blocks of an encrypted file. Raises Damaged before a block that is not what was written."""
    from cryptography.exceptions import InvalidTag

    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
        key = keys().get(header[len(MAGIC) :][:KEY_ID_BYTES])
        if len(header) < HEADER_BYTES or not header.startswith(MAGIC) or key is None:
            raise _damaged(path)
        cipher = _cipher(header, name, key)
        for number, (frame, last) in enumerate(_with_last(blocks_of(file, FRAME_BYTES + TAG_BYTES))):
            try:
                yield cipher.decrypt(_nonce(number, last), frame, None)
            except (InvalidTag, ValueError) as error:
                raise _damaged(path) from error


def blocks_of(file: IO[bytes], size: int = FRAME_BYTES) -> Iterator[bytes]:
    """What is left of a file in blocks of `size` bytes."""
    while block := file.read(size):
        yield block


def write_synced(path: Path, write: Callable[[IO[bytes]], None], *, mode: int = 0o666) -> None:
    """Make a new file, durably. Raises FileExistsError where there is one."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:  # noqa: PTH123
        write(file)
        file.flush()
        os.fsync(file.fileno())


def _with_last(blocks: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each block, and whether it is the last; an empty last one where there is none."""
    held = next(blocks, b"")
    for block in blocks:
        yield held, False
        held = block
    yield held, True


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


def _cipher(header: bytes, name: str, key: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    salt = header[-SALT_BYTES:]
    info = b"catenary object\x00" + header[:-SALT_BYTES] + name.encode("utf-8", "surrogateescape")
    return AESGCM(HKDF(SHA256(), KEY_BYTES, salt, info).derive(key))


def _damaged(path: Path) -> Damaged:
    return Damaged(
        "An encrypted file is not what was written.",
        where=str(path),
        expected="the bytes that were committed, in the place where they were committed",
        next="catenary verify",
    )
