"""Ed25519 keys: made when first needed, kept in the home.

    <home>/keys/<name>.key    a private key (PEM, PKCS 8), readable by its owner alone; encrypted if
                              CATENARY_KEY_PASSPHRASE was set when the key was made
    <home>/keys/<name>.pub    its public half (PEM); this home trusts all that lie here

`owner` signs releases, and `audit` signs the audit log: unattended, so it is never encrypted. A key's id is the
SHA-256 of its 32 raw public bytes. Ed25519 is RFC 8032.
"""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from catenary.errors import Damaged, Refused
from catenary.files import make_folder, require_private, write_whole

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PASSPHRASE = "CATENARY_KEY_PASSPHRASE"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The half that anyone may have."""

    id: str
    pem: str
    _key: Ed25519PublicKey = field(repr=False, compare=False)

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether the private half signed exactly `message`."""
        from cryptography.exceptions import InvalidSignature

        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that can sign."""

    public: PublicKey
    _key: Ed25519PrivateKey = field(repr=False, compare=False)

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes."""
        return self._key.sign(message)


def public_key(pem: str, where: str) -> PublicKey:
    """The public key in a PEM text that stands at `where`. Raises Damaged when it is none of Ed25519."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _no_key(where) from error
    if not isinstance(key, Ed25519PublicKey):
        raise _no_key(where)
    return _public(key)


def own_key(folder: Path, name: str, passphrase: str | None = None) -> SigningKey:
    """The private key `name` in `folder`, made if it is not there yet (encrypted if there is a `passphrase`).

    Raises Refused when others may read it, or it does not open with this passphrase; Damaged when it is no key.
    """
    path = folder / f"{name}.key"
    if not path.exists():
        _make(folder, name, passphrase)
    require_private(path)
    return _load(path, passphrase)


def passphrase_from_environment() -> str | None:
    """CATENARY_KEY_PASSPHRASE, if it is set to anything."""
    return os.environ.get(PASSPHRASE) or None


def trusted_keys(folder: Path) -> dict[str, PublicKey]:
    """The public keys in `folder`, by id. Raises Damaged when one of its .pub files is no key."""
    found = [public_key(path.read_text("utf-8"), str(path)) for path in sorted(folder.glob("*.pub"))]
    return {key.id: key for key in found}


def _make(folder: Path, name: str, passphrase: str | None) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        KeySerializationEncryption,
        NoEncryption,
        PrivateFormat,
    )
    from filelock import FileLock

    make_folder(folder)
    if sys.platform != "win32":
        folder.chmod(0o700)
    with FileLock(folder / ".lock"):  # two processes that need it first get the same key
        if (folder / f"{name}.key").exists():
            return
        key = Ed25519PrivateKey.generate()
        how: KeySerializationEncryption = (
            BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
        )
        write_whole(folder / f"{name}.pub", _public(key.public_key()).pem.encode())
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)
        write_whole(folder / f"{name}.key", pem, mode=0o600)


def _load(path: Path, passphrase: str | None) -> SigningKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    data = path.read_bytes()
    encrypted = b"ENCRYPTED" in data
    if encrypted and not passphrase:
        raise Refused(
            "The private key is encrypted, and no passphrase is set.",
            where=str(path),
            next="export CATENARY_KEY_PASSPHRASE=…",
        )
    try:
        key = load_pem_private_key(data, passphrase.encode() if encrypted and passphrase else None)
    except (ValueError, UnsupportedAlgorithm) as error:
        if encrypted:
            raise Refused(
                "The private key does not open with this passphrase.",
                where=str(path),
                next="export CATENARY_KEY_PASSPHRASE=…",
            ) from error
        raise _no_key(str(path)) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _no_key(str(path))
    return SigningKey(_public(key.public_key()), key)


def _public(key: Ed25519PublicKey) -> PublicKey:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return PublicKey(hashlib.sha256(key.public_bytes_raw()).hexdigest(), pem, key)


def _no_key(where: str) -> Damaged:
    return Damaged("This is no Ed25519 key.", where=where, expected="a key in PEM that Catenary made")
