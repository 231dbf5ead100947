"""Texts that people wrote, encrypted in the catalog of a home whose objects are encrypted.

    kept = sealed(connection, "rcpt_…", "Where is my parcel?")   # {"catenary:sealed": "…"}; in a plain home the text
    opened(connection, "rcpt_…", kept)                           # the text; raises as `encryption.keyring` does

Any JSON value can be sealed. The key is HKDF-SHA256 of a data key of the home (`encryption.py`), and the id of the
receipt is bound into it, so that no text can stand in another. A value says by itself whether it is sealed: a change
of the encryption that was killed on the way leaves some of each, and all can be read.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine

from catenary.errors import Damaged
from catenary.store.encrypted_file import KEY_BYTES, KEY_ID_BYTES
from catenary.store.encryption import encrypts, keyring

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TEXTS = ("text", "messages", "tools", "words", "found")
"""The names in a receipt's body that hold what somebody wrote."""

SEALED = "catenary:sealed"
_HOME = "catenary_home"
_NONCE_BYTES = 12


def of_home(engine: Engine, home: Path) -> Engine:
    """The same engine; its connections know by which home's keys texts are sealed."""
    return engine.execution_options(**{_HOME: home})


def sealed(connection: Connection, about: str, value: Any) -> Any:
    """A JSON value as it is kept in what is said of the receipt `about`. None stays None."""
    home = connection.get_execution_options().get(_HOME)
    return value if home is None else sealed_in(home, about, value)


def opened(connection: Connection, about: str, value: Any) -> Any:
    """What was kept. Raises Damaged for another value than was written, Refused without its key."""
    return opened_in(connection.get_execution_options()[_HOME], about, value) if is_sealed(value) else value


def sealed_in(home: Path, about: str, value: Any) -> Any:
    """The same by the keys of `home`."""
    if value is None or not encrypts(home):
        return value
    key_id, key = keyring(home).active
    nonce = secrets.token_bytes(_NONCE_BYTES)
    hidden = _cipher(key).encrypt(nonce, json.dumps(value, allow_nan=False).encode(), about.encode())
    return {SEALED: base64.b64encode(key_id + nonce + hidden).decode()}


def opened_in(home: Path, about: str, value: Any) -> Any:
    """The same by the keys of `home`."""
    if not is_sealed(value):
        return value
    from cryptography.exceptions import InvalidTag

    keys = keyring(home).keys
    try:
        data = base64.b64decode(value[SEALED], validate=True)
        key_id, nonce = data[:KEY_ID_BYTES], data[KEY_ID_BYTES:][:_NONCE_BYTES]
        hidden = data[KEY_ID_BYTES + _NONCE_BYTES :]
        return json.loads(_cipher(keys[key_id]).decrypt(nonce, hidden, about.encode()))
    except (ValueError, TypeError, KeyError, binascii.Error, InvalidTag) as error:
        raise Damaged(
            "A text in the catalog is not what was written.",
            where=about,
            expected="the catalog as it was, from a backup",
        ) from error


def resealed(connection: Connection, about: str, value: Any) -> Any:
    """What was kept, as it is to be kept now: under the newest key, or plain; the same value where it is so already."""
    home = connection.get_execution_options()[_HOME]
    if encrypts(home) and is_sealed(value):
        with suppress(ValueError, TypeError):
            if base64.b64decode(value[SEALED])[:KEY_ID_BYTES] == keyring(home).active[0]:
                return value
    return sealed(connection, about, opened(connection, about, value))


def each_text(body: Any, change: Callable[[Any], Any]) -> Any:
    """A receipt's body with each text that somebody wrote changed."""
    if isinstance(body, Mapping):
        return {
            name: change(value) if name in TEXTS else each_text(value, change) for name, value in body.items()
        }
    return [each_text(one, change) for one in body] if isinstance(body, list) else body


def is_sealed(value: Any) -> bool:
    """Whether a kept value is sealed."""
    return isinstance(value, Mapping) and set(value) == {SEALED}


@lru_cache(maxsize=8)
def _cipher(key: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return AESGCM(HKDF(SHA256(), KEY_BYTES, None, b"catenary text").derive(key))
