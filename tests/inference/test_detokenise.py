"""Text as it comes is the text as a whole: no half characters, no part of a stop text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from catenary.inference.detokenise import Detokeniser, StopTexts
from tests.inference.writers import byte_tokenizer

TOKENIZER = byte_tokenizer()


def pieces(tokenizer: Tokenizer, ids: list[int]) -> list[str]:
    detokeniser = Detokeniser(tokenizer)
    return [*(detokeniser.push(id) for id in ids), detokeniser.end()]


@given(st.text(max_size=40))
def test_text_comes_whole_and_without_halves(text: str) -> None:
    told = pieces(TOKENIZER, TOKENIZER.encode(text).ids)
    assert "".join(told) == text
    if "\ufffd" not in text:
        assert not any("\ufffd" in piece for piece in told)


def test_a_chinese_character_of_several_tokens_comes_at_once() -> None:
    ids = TOKENIZER.encode("龘靐").ids
    assert len(ids) > 2
    assert [piece for piece in pieces(TOKENIZER, ids) if piece] == ["龘", "靐"]


@given(st.lists(st.integers(0, 299), max_size=30))
def test_any_tokens_are_told_as_when_decoded_at_once(ids: list[int]) -> None:
    """Random bytes too, which are no characters."""
    assert "".join(pieces(TOKENIZER, ids)) == TOKENIZER.decode(ids)


def test_sentencepiece_blanks_are_kept() -> None:
    tokenizer = Tokenizer(models.WordLevel({"▁The": 0, "▁chain": 1, "s": 2, "链": 3}, unk_token="s"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    assert pieces(tokenizer, [0, 1, 2, 3, 0]) == ["The", " chain", "s", "链", " The", ""]


@given(
    st.text(alphabet="ab#好\n", max_size=30),
    st.lists(st.text(alphabet="ab#好\n", min_size=1, max_size=4), max_size=3),
    st.integers(1, 4),
)
def test_stop_texts_across_pieces(text: str, stops: list[str], size: int) -> None:
    finder = StopTexts(stops)
    told = ""
    for start in range(0, len(text), size):
        told += finder.push(text[start : start + size])
        assert not any(stop in told for stop in stops)
        if finder.met is not None:
            break
    if finder.met is None:
        told += finder.end()
        assert told == text
        assert not any(stop in text for stop in stops)
    else:
        assert text.startswith(told + finder.met)
