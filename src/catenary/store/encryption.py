"""The data keys of a home, wrapped by a key that lies outside it.

    <home>/encryption.json          whether new objects are encrypted; the data keys, each encrypted
    CATENARY_OBJECT_KEY             the key that opens them: 32 random bytes in base64
    CATENARY_OBJECT_KEY_FILE        or a file that holds it, readable by its owner alone

Another outer key rewrites this one small file and no object (envelope encryption). Each data key is wrapped by
AES-256-GCM over all else that the file says, so that nobody without the outer key can turn encryption off in it.
The file is never removed, since a data key that is lost is an object that is lost.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from catenary.errors import Damaged, InvalidInput, Refused
from catenary.files import require_private, write_whole
from catenary.store.encrypted_file import KEY_BYTES, KEY_ID_BYTES

KEYRING = "encryption.json"
KEY, KEY_FILE = "CATENARY_OBJECT_KEY", "CATENARY_OBJECT_KEY_FILE"
_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class Keyring:
    """The data keys by id, oldest first; `on`: new objects are encrypted, under the last of them."""

    on: bool
    keys: Mapping[bytes, bytes] = field(repr=False)

    @property
    def active(self) -> tuple[bytes, bytes]:
        """The id and the bytes of the key under which new objects are encrypted."""
        return list(self.keys.items())[-1]

    def with_new_key(self) -> Keyring:
        """The same with one more data key, which is the active one from then on."""
        return replace(
            self, keys={**self.keys, secrets.token_bytes(KEY_ID_BYTES): secrets.token_bytes(KEY_BYTES)}
        )


def make_key(path: Path) -> None:
    """Write a new outer key into a new file that its owner alone may read. Raises Refused where there is a file."""
    if path.exists():
        raise Refused("There is a file already.", where=str(path), expected="the name of a new file")
    write_whole(path, base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n", mode=0o600)


def outer_key(environ: Mapping[str, str] | None = None) -> bytes:
    """The outer key that the environment gives or names. Raises Refused where it does neither."""
    env = os.environ if environ is None else environ
    if text := env.get(KEY):
        return parse_key(text, KEY)
    if named := env.get(KEY_FILE):
        return key_in(Path(named).expanduser())
    raise Refused(
        "The objects are encrypted, and no key is set.",
        expected="CATENARY_OBJECT_KEY, or CATENARY_OBJECT_KEY_FILE",
        next="export CATENARY_OBJECT_KEY_FILE=…",
    )


def key_in(path: Path) -> bytes:
    """The outer key in a file. Raises Refused where there is none, or others may read it."""
    try:
        text = path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(
            "The file of the object key cannot be read.",
            where=str(path),
            expected="a file that `catenary encrypt key` made",
            next="export CATENARY_OBJECT_KEY_FILE=…",
        ) from error
    require_private(path)
    return parse_key(text, str(path))


def parse_key(text: str, where: str) -> bytes:
    """The 32 bytes of a key in base64. Raises InvalidInput for anything else, without repeating it."""
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != KEY_BYTES:
        raise InvalidInput(
            "This is no object key.",
            where=where,
            expected="32 bytes in base64, as `catenary encrypt key` makes them",
            next="catenary encrypt key object.key",
        )
    return key


def has_keyring(home: Path) -> bool:
    """Whether anything here is, or ever was, encrypted."""
    return (home / KEYRING).exists()


def encrypts(home: Path) -> bool:
    """Whether new objects are encrypted. Raises as `keyring` does."""
    return has_keyring(home) and keyring(home).on


def keyring(home: Path, outer: bytes | None = None) -> Keyring:
    """The data keys of a home, opened by the key of the environment (or `outer`).

    Raises Refused for no key, another key, or a home whose list of keys is gone; Damaged for a list that was altered.
    """
    path = home / KEYRING
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise Refused(
            "An object is encrypted, and the list of its keys is gone.",
            where=str(path),
            expected="the file from a backup: without it no encrypted object can be read",
        ) from error
    key = outer or outer_key()
    remembered = _opened.get((data, key))
    if remembered is None:
        remembered = _opened[data, key] = _open(data, key, path)
        while len(_opened) > 8:
            del _opened[next(iter(_opened))]
    return remembered


def write_keyring(home: Path, ring: Keyring, outer: bytes) -> None:
    """Keep the data keys, wrapped by an outer key."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    told = {
        "schema": 1,
        "on": ring.on,
        "opened_by": _fingerprint(outer),
        "order": [id.hex() for id in ring.keys],
    }
    wrapped = {}
    for id, key in ring.keys.items():
        nonce = secrets.token_bytes(_NONCE_BYTES)
        wrapped[id.hex()] = base64.b64encode(
            nonce + AESGCM(outer).encrypt(nonce, key, _said(told, id.hex()))
        ).decode()
    write_whole(home / KEYRING, json.dumps({**told, "keys": wrapped}, indent=1).encode() + b"\n", mode=0o600)


_opened: dict[tuple[bytes, bytes], Keyring] = {}  # a trace reads thousands of manifests


def _open(data: bytes, outer: bytes, path: Path) -> Keyring:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        told: dict[str, Any] = json.loads(data)
        wrapped = told.pop("keys")
        if told["opened_by"] != _fingerprint(outer):
            raise Refused(
                "The objects are encrypted under another key than the one that is set.",
                where=str(path),
                got=_fingerprint(outer),
                expected=told["opened_by"],
                next="export CATENARY_OBJECT_KEY_FILE=…",
            )
        keys = {}
        for id in told["order"]:
            held = base64.b64decode(wrapped[id], validate=True)
            nonce, rest = held[:_NONCE_BYTES], held[_NONCE_BYTES:]
            keys[bytes.fromhex(id)] = AESGCM(outer).decrypt(nonce, rest, _said(told, id))
        if told["schema"] != 1 or not keys or set(wrapped) != set(told["order"]):
            raise ValueError(told)
    except (ValueError, KeyError, TypeError, AttributeError, InvalidTag) as error:
        raise Damaged(
            "The list of data keys is not what was written.",
            where=str(path),
            expected="the file as it was, from a backup",
        ) from error
    return Keyring(bool(told["on"]), keys)


def _said(told: Mapping[str, Any], id: str) -> bytes:
    return json.dumps({**told, "key": id}, sort_keys=True).encode()


def _fingerprint(outer: bytes) -> str:
    return hashlib.sha256(b"catenary object key\x00" + outer).hexdigest()[:16]
