"""Keys are made once, kept private, and open only for their owner."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from catenary.access import own_key, public_key, trusted_keys
from catenary.errors import Damaged, Refused


def test_a_key_is_made_once_and_signs(tmp_path: Path) -> None:
    key = own_key(tmp_path / "keys", "owner")
    again = own_key(tmp_path / "keys", "owner")
    assert again.public == key.public
    signature = again.sign(b"message")
    assert key.public.verifies(signature, b"message")
    assert not key.public.verifies(signature, b"another message")
    assert not key.public.verifies(signature[:-1], b"message")
    assert own_key(tmp_path / "keys", "audit").public != key.public
    assert "_key" not in repr(key)


def test_many_who_need_it_first_get_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(lambda _: own_key(tmp_path / "keys", "owner").public.id, range(16)))
    assert len(keys) == 1


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_a_private_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    own_key(folder, "owner")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "owner.key").stat().st_mode & 0o777 == 0o600
    (folder / "owner.key").chmod(0o644)
    with pytest.raises(Refused, match="readable by others"):
        own_key(folder, "owner")


def test_an_encrypted_key_needs_its_passphrase(tmp_path: Path) -> None:
    made = own_key(tmp_path, "owner", "correct horse")
    assert own_key(tmp_path, "owner", "correct horse").public == made.public
    for passphrase in (None, "wrong horse"):
        with pytest.raises(Refused, match="passphrase"):
            own_key(tmp_path, "owner", passphrase)


def test_a_passphrase_does_not_hinder_a_key_without_one(tmp_path: Path) -> None:
    assert own_key(tmp_path, "owner").public == own_key(tmp_path, "owner", "unneeded").public


def test_the_public_keys_that_lie_in_the_folder_are_trusted(tmp_path: Path) -> None:
    mine, theirs = own_key(tmp_path / "a", "owner").public, own_key(tmp_path / "b", "owner").public
    (tmp_path / "a" / "theirs.pub").write_text(theirs.pem)
    assert trusted_keys(tmp_path / "a") == {mine.id: mine, theirs.id: theirs}
    assert trusted_keys(tmp_path / "nowhere") == {}


def test_what_is_no_ed25519_key_is_refused(tmp_path: Path) -> None:
    other = generate_private_key(SECP256R1()).public_key()
    pem = other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    for text in ("", "no key", pem):
        with pytest.raises(Damaged, match="Ed25519"):
            public_key(text, "here")
    (tmp_path / "owner.key").write_text("no key")
    (tmp_path / "owner.key").chmod(0o600)
    with pytest.raises(Damaged, match="Ed25519"):
        own_key(tmp_path, "owner")
