"""An encrypted file gives back what went in, and nothing else: not a byte, a frame, a name or a key may differ."""

from __future__ import annotations

import io
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catenary.errors import Damaged
from catenary.store import encrypted_file
from catenary.store.encrypted_file import blocks_of, decrypt, encrypt, encrypted_bytes, is_encrypted

KEY_ID, KEY = b"12345678", secrets.token_bytes(32)
SMALL = 64
once = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(autouse=True)
def small_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encrypted_file, "FRAME_BYTES", SMALL)


def hidden(data: bytes, name: str = "a/b") -> bytes:
    out = io.BytesIO()
    encrypt(blocks_of(io.BytesIO(data), SMALL), out, name=name, key_id=KEY_ID, key=KEY)
    return out.getvalue()


def shown(path: Path, data: bytes, name: str = "a/b") -> bytes:
    path.write_bytes(data)
    return b"".join(decrypt(path, name=name, keys=lambda: {KEY_ID: KEY}))


@once
@given(data=st.binary(max_size=5 * SMALL))
def test_there_and_back(tmp_path: Path, data: bytes) -> None:
    once, again = hidden(data), hidden(data)
    assert once != again
    assert len(once) == encrypted_bytes(len(data)) > len(data)
    assert shown(tmp_path / "f", once) == data
    assert is_encrypted(tmp_path / "f")
    assert len(data) < 8 or data not in once[encrypted_file.HEADER_BYTES :]  # which begins as every one does


@once
@given(data=st.binary(max_size=3 * SMALL), where=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_any_changed_byte_is_refused(tmp_path: Path, data: bytes, where: float, flip: int) -> None:
    whole = bytearray(hidden(data))
    whole[int(where * len(whole))] ^= flip
    with pytest.raises(Damaged):
        shown(tmp_path / "f", bytes(whole))


@once
@given(data=st.binary(min_size=1, max_size=4 * SMALL), cut=st.floats(0, 1, exclude_max=True))
def test_any_cut_and_any_addition_is_refused(tmp_path: Path, data: bytes, cut: float) -> None:
    whole = hidden(data)
    for other in (whole[: int(cut * len(whole))], whole + b"x", whole + whole[-SMALL:]):
        with pytest.raises(Damaged):
            shown(tmp_path / "f", other)


def test_frames_that_changed_places_or_were_left_out_are_refused(tmp_path: Path) -> None:
    header, frame = encrypted_file.HEADER_BYTES, SMALL + encrypted_file.TAG_BYTES
    whole = hidden(bytes(4 * SMALL))
    frames = [whole[at : at + frame] for at in range(header, len(whole), frame)]
    assert len(frames) == 4
    for order in ((1, 0, 2, 3), (0, 2, 3), (0, 1, 2), (0, 1, 2, 2, 3), (3,)):
        with pytest.raises(Damaged):
            shown(tmp_path / "f", whole[:header] + b"".join(frames[number] for number in order))


def test_another_name_and_another_key_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Damaged):
        shown(tmp_path / "f", hidden(b"text", "one/a"), "two/a")
    (tmp_path / "f").write_bytes(hidden(b"text"))
    for keys in ({}, {KEY_ID: secrets.token_bytes(32)}, {b"another!": KEY}):
        with pytest.raises(Damaged):
            list(decrypt(tmp_path / "f", name="a/b", keys=lambda keys=keys: keys))


def test_a_large_file_passes_a_frame_at_a_time(tmp_path: Path) -> None:
    held: list[int] = []

    def blocks() -> Iterator[bytes]:
        for number in range(1000):
            held.append(number)
            yield bytes(SMALL)

    class Sink(io.BytesIO):
        def write(self, data: object) -> int:
            assert len(held) <= self.count + 2
            self.count += 1
            return 0

        count = 0

    encrypt(blocks(), Sink(), name="a", key_id=KEY_ID, key=KEY)
    assert len(held) == 1000
