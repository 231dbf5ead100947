import numpy as np
import pytest

from catenary.tokenizer import TokenizerSettings, train
from catenary.train import stream as module
from catenary.train.stream import token_stream

TEXTS = ["酒店很好。", "", "The room was clean.", "下次还来！"] * 5


@pytest.fixture(scope="module")
def tokenizer():
    return train(TEXTS, TokenizerSettings(kind="char"))


def test_documents_are_framed_tokens_end_to_end(tmp_path, tokenizer, monkeypatch):
    whole = token_stream(TEXTS, tokenizer, (5, 6), tmp_path / "a")
    assert whole.ids.dtype == np.uint16
    for number, text in enumerate(TEXTS):
        ids = whole.ids[whole.starts[number] : whole.starts[number + 1]].tolist()
        assert ids == [5, *tokenizer.encode(text), 6]
    assert whole.text_bytes == sum(len(text.encode()) for text in TEXTS)
    assert whole.predicted.tolist() == [len(tokenizer.encode(text)) + 1 for text in TEXTS]
    monkeypatch.setattr(module, "CHUNK_CHARACTERS", 7)
    assert token_stream(TEXTS, tokenizer, (5, 6), tmp_path / "b").sha256 == whole.sha256


def test_it_is_made_once_and_anew_for_anything_else(tmp_path, tokenizer):
    first = token_stream(TEXTS, tokenizer, (5, 6), tmp_path / "a")
    written = (tmp_path / "a/ids.bin").stat().st_mtime_ns
    assert token_stream(TEXTS, tokenizer, (5, 6), tmp_path / "a").sha256 == first.sha256
    assert (tmp_path / "a/ids.bin").stat().st_mtime_ns == written
    assert len(token_stream(TEXTS[1:], tokenizer, (5, 6), tmp_path / "a")) == len(TEXTS) - 1
    assert token_stream(TEXTS[1:], tokenizer, (5, 5), tmp_path / "a").ids[-1] == 5


@pytest.mark.parametrize("name", ["ids.bin", "starts.npy", "stream.json"])
def test_damage_is_found_and_mended(tmp_path, tokenizer, name):
    first = token_stream(TEXTS, tokenizer, (5, 6), tmp_path / "a")
    ids = first.ids.tolist()
    data = bytearray((tmp_path / "a" / name).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "a" / name).write_bytes(data)
    again = token_stream(TEXTS, tokenizer, (5, 6), tmp_path / "a")
    assert again.sha256 == first.sha256
    assert again.ids.tolist() == ids


def test_no_text_is_an_empty_stream(tmp_path, tokenizer):
    assert len(token_stream([], tokenizer, (5, 6), tmp_path / "a")) == 0
