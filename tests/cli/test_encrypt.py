"""A chain whose objects are encrypted is asked, traced and verified as before, and by nobody without the key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from catenary.access import grant, local_person, recording, revoke_role
from catenary.config import Home
from catenary.store import Store
from tests.cli.conftest import Catenary
from tests.stages.mail import OFFER


def test_a_whole_chain_is_encrypted_and_works_on(
    catenary: Catenary, signed_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    monkeypatch.setenv("CATENARY_PLAIN", str(plain))
    assert catenary(signed_copy, "encrypt", "key", "one.key").code == 0
    assert catenary(signed_copy, "encrypt", "key", "one.key").code == 4
    assert catenary(signed_copy, "encrypt", "on").code == 4  # no key is set
    assert "not encrypted" in catenary(signed_copy, "encrypt", "status").out
    monkeypatch.setenv("CATENARY_OBJECT_KEY_FILE", str(signed_copy / "one.key"))
    on = catenary(signed_copy, "encrypt", "on", "--json")
    assert on.code == 0, on.err
    assert on.json["on"]
    assert on.json["encrypted"] > 20
    assert on.json["plain"] == on.json["older"] == 0
    objects = signed_copy / ".catenary" / "objects"
    assert all(path.read_bytes().startswith(b"catenc") for path in objects.rglob("*") if path.is_file())

    assert catenary(signed_copy, "verify").code == 0
    assert "offer" in catenary(signed_copy, "ask", "kind", OFFER).out
    assert "mail.csv" in catenary(signed_copy, "trace", "--last").out
    assert catenary(signed_copy, "run", "--json").code == 0
    weights = next(objects.glob("release/*/model.onnx"))
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert catenary(signed_copy, "verify").code == 5
    weights.write_bytes(whole)

    assert catenary(signed_copy, "encrypt", "key", "two.key").code == 0
    rotated = catenary(signed_copy, "encrypt", "rotate", "--to", "two.key")
    assert rotated.code == 0, rotated.err
    assert weights.read_bytes() == whole
    refused = catenary(signed_copy, "doctor")
    assert refused.code == 4
    assert "another key" in refused.err
    monkeypatch.setenv("CATENARY_OBJECT_KEY_FILE", str(signed_copy / "two.key"))
    assert catenary(signed_copy, "doctor").code == 0
    assert catenary(signed_copy, "encrypt", "off").code == 0
    assert "0 files are encrypted" in catenary(signed_copy, "encrypt", "status").out
    monkeypatch.delenv("CATENARY_OBJECT_KEY_FILE")
    assert catenary(signed_copy, "audit", "log").out.count("objects.encrypt") == 3
    assert not list(objects.rglob("*.lock"))


@pytest.fixture
def encrypted(catenary: Catenary, signed_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a chain whose objects are encrypted; the key lies elsewhere."""
    (tmp_path / "plain").mkdir()
    monkeypatch.setenv("CATENARY_PLAIN", str(tmp_path / "plain"))
    key = tmp_path / "elsewhere.key"
    assert catenary(signed_copy, "encrypt", "key", str(key)).code == 0
    monkeypatch.setenv("CATENARY_OBJECT_KEY_FILE", str(key))
    assert catenary(signed_copy, "encrypt", "on").code == 0
    return signed_copy


def test_a_release_moves_as_before_and_nothing_becomes_plain(catenary: Catenary, encrypted: Path) -> None:
    assert catenary(encrypted, "move", "kind", "staging").code == 0
    assert "staging" in catenary(encrypted, "ask", "kind", OFFER).err
    assert catenary(encrypted, "move", "kind", "production").code == 0
    assert catenary(encrypted, "ask", "kind", OFFER).code == 0
    assert catenary(encrypted, "move", "kind", "withdrawn", "--why", "wrong licence").code == 0
    assert "withdrawn" in catenary(encrypted, "ask", "kind", OFFER).err
    assert catenary(encrypted, "encrypt", "status", "--json").json["plain"] == 0
    assert catenary(encrypted, "verify").code == 0


def test_a_home_that_moves_takes_no_key_with_it(
    catenary: Catenary, encrypted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = (tmp_path / "elsewhere.key").read_bytes().strip()
    assert catenary(encrypted, "ask", "kind", OFFER).code == 0
    there = encrypted.rename(tmp_path / "another machine")
    catalog = b"".join(path.read_bytes() for path in (there / ".catenary").glob("catalog.db*"))
    assert json.dumps(OFFER)[1:-1].encode() not in catalog
    assert OFFER[:40] in catenary(there, "trace", "--last").flat
    assert not any(key in path.read_bytes() for path in there.rglob("*") if path.is_file())
    assert catenary(there, "verify").code == 0
    assert "offer" in catenary(there, "ask", "kind", OFFER).out
    assert "mail.csv" in catenary(there, "trace", "--last").out
    assert catenary(there, "encrypt", "status", "--json").json["plain"] == 0
    monkeypatch.delenv("CATENARY_OBJECT_KEY_FILE")
    for command in (("verify",), ("ask", "kind", OFFER), ("move", "kind", "staging"), ("show", "kind")):
        refused = catenary(there, *command)
        assert refused.code == 4
        assert "no key is set" in refused.err


def test_a_picture_is_written_in_plain_where_it_is_asked_for(
    catenary: Catenary, encrypted: Path, tmp_path: Path
) -> None:
    told = catenary(encrypted, "show", "models.kind").flat
    assert "--pictures FOLDER" in told
    written = catenary(encrypted, "show", "models.kind", "--pictures", str(tmp_path / "pictures"))
    assert written.code == 0
    [*pictures] = (tmp_path / "pictures").iterdir()
    assert pictures
    for picture in pictures:
        assert picture.read_text("utf-8").lstrip().startswith("<")
        assert picture.name in written.out
    assert catenary(encrypted, "encrypt", "status", "--json").json["plain"] == 0


def test_only_who_may_encrypt_does(
    catenary: Catenary, signed_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CATENARY_OBJECT_KEY_FILE", str(signed_copy / "one.key"))
    assert catenary(signed_copy, "encrypt", "key", "one.key").code == 0
    with Store.open(Home.of(signed_copy)) as store, recording(store.engine, store.home) as log:
        grant(log, "ada", "compliance", by="ada")
        revoke_role(log, local_person(), "compliance", by="ada")
    refused = catenary(signed_copy, "encrypt", "on")
    assert refused.code == 4
    assert "compliance" in refused.err
    assert "not encrypted" in catenary(signed_copy, "encrypt", "status").out
