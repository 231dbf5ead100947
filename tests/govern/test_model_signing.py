"""A folder is signed as OpenSSF's tool does it; any other byte, name, file, key or signature is refused."""

from __future__ import annotations

import base64
import json
import random
from pathlib import Path

import pytest

from catenary.errors import Damaged
from catenary.govern.model_signing import PRIVATE, own_model_key, sign_folder, verify_folder

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path)


def write_model(into: Path) -> Path:
    folder = into / "model"
    (folder / "sub").mkdir(parents=True)
    for name, text in {"a.txt": "a", "sub/b.txt": "b", "sub-x.txt": "c", "Z.json": "{}"}.items():
        (folder / name).write_text(text, "utf-8")
    return folder


def test_what_was_signed_is_verified(model: Path, tmp_path: Path) -> None:
    key, public = own_model_key(tmp_path / "keys")
    bundle = sign_folder(model, key, name="model")
    verify_folder(model, bundle, public)
    (model / "model.sig").write_text(bundle)  # where the tool puts it
    verify_folder(model, bundle, public)
    _, same = own_model_key(tmp_path / "keys")
    assert same == public
    assert (tmp_path / "keys" / PRIVATE).stat().st_mode & 0o077 == 0


def test_a_bundle_that_the_openssf_tool_wrote_is_read(model: Path) -> None:
    """Made by model-signing 1.1.1: it stays for ever."""
    bundle, public = ((FIXTURES / name).read_text() for name in ("openssf.sig", "openssf.pub"))
    verify_folder(model, bundle, public)
    (model / "a.txt").write_text("A")
    with pytest.raises(Damaged, match="not what was signed"):
        verify_folder(model, bundle, public)


def test_any_change_of_the_files_is_found(model: Path, tmp_path: Path) -> None:
    key, public = own_model_key(tmp_path / "keys")
    bundle = sign_folder(model, key, name="model")

    def refused() -> None:
        with pytest.raises(Damaged):
            verify_folder(model, bundle, public)

    (model / "a.txt").write_text("b")
    refused()
    (model / "a.txt").unlink()
    refused()
    (model / "a.txt").write_text("a")
    verify_folder(model, bundle, public)
    (model / "more.txt").write_text("")
    refused()


def test_another_key_is_refused(model: Path, tmp_path: Path) -> None:
    key, _ = own_model_key(tmp_path / "keys")
    _, other = own_model_key(tmp_path / "others")
    with pytest.raises(Damaged, match="does not hold"):
        verify_folder(model, sign_folder(model, key, name="model"), other)


def test_a_thousand_altered_bundles_are_all_refused(model: Path, tmp_path: Path) -> None:
    key, public = own_model_key(tmp_path / "keys")
    bundle = sign_folder(model, key, name="model")
    lots = random.Random(5)
    for _ in range(1000):
        raw = json.loads(bundle)
        envelope = raw["dsseEnvelope"]
        part = lots.choice(["payload", "sig"])
        holder = envelope if part == "payload" else envelope["signatures"][0]
        data = bytearray(base64.b64decode(holder[part]))
        data[lots.randrange(len(data))] ^= 1 << lots.randrange(8)
        holder[part] = base64.b64encode(bytes(data)).decode()
        with pytest.raises(Damaged):
            verify_folder(model, json.dumps(raw), public)
