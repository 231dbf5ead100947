"""Texts as the rows of ids that a model is trained on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from catenary.errors import InvalidInput
from catenary.models import TransformerConfig, copy_companions
from catenary.tokenizer import Tokenizer
from catenary.tokenizer import load as load_tokenizer
from catenary.tokenizer import save as save_tokenizer
from catenary.tokenizer.special import Frame
from catenary.train.batches import TokenRows


def carried(folder: Path, start: TransformerConfig | Path, out: Path, *, frame: Frame) -> Tokenizer:
    """The tokenizer as the model will carry it, kept in `out`: with the frame of its kind around each text.

    A model that is gone on with (`start` is its folder) keeps its own, as it is.
    """
    if isinstance(start, Path):
        out.mkdir(parents=True, exist_ok=True)
        copy_companions(start, out)
        return load_tokenizer(start)
    tokenizer = load_tokenizer(folder)
    if tokenizer.vocab_size > start.vocab_size:
        raise InvalidInput(
            "The tokenizer has more tokens than the model has embeddings.",
            where=str(folder),
            got=f"{tokenizer.vocab_size} > {start.vocab_size}",
            expected="a vocab_size of at least the tokenizer's",
        )
    save_tokenizer(tokenizer, out, frame=frame)
    return load_tokenizer(out)


def first_tokens(tokenizer: Tokenizer, texts: Sequence[str], max_tokens: int) -> TokenRows:
    """One row a text: its first `max_tokens` tokens, framed as the tokenizer frames them. Serving reads as much."""
    backend = tokenizer.truncate(max_tokens).backend
    return TokenRows.of([encoding.ids for encoding in backend.encode_batch_fast(texts)])


def text_rows(
    tokenizer: Tokenizer, texts: Sequence[str | tuple[str, str]], max_tokens: int
) -> tuple[TokenRows, list[int] | None]:
    """As `first_tokens`; of pairs of texts, both in one row and the token at which each second one begins."""
    if not texts or isinstance(texts[0], str):
        return first_tokens(tokenizer, [text for text in texts if isinstance(text, str)], max_tokens), None
    encodings = tokenizer.truncate(max_tokens).backend.encode_batch(list(texts))
    # A second text that was empty, or the row's end.
    seconds = [next((i for i, side in enumerate(e.sequence_ids) if side == 1), len(e.ids)) for e in encodings]
    return TokenRows.of([encoding.ids for encoding in encodings]), seconds


def all_tokens(tokenizer: Tokenizer, texts: Sequence[str], max_tokens: int) -> TokenRows:
    """Long texts in several rows of at most `max_tokens` tokens, each framed; rows of special tokens alone left out."""
    backend = tokenizer.truncate(max_tokens).backend
    special = tokenizer.special_ids
    kept = [
        (number, piece.ids)
        for number, encoding in enumerate(backend.encode_batch_fast(texts))
        for piece in (encoding, *encoding.overflowing)
        if not special.issuperset(piece.ids)
    ]
    return TokenRows.of([ids for _, ids in kept], [number for number, _ in kept])


def ordinary_ids(tokenizer: Tokenizer) -> tuple[int, ...]:
    """All ids but the special tokens'."""
    return tuple(sorted(set(range(tokenizer.vocab_size)) - tokenizer.special_ids))


def mask_id(tokenizer: Tokenizer, folder: Path) -> int:
    """The id that stands for a hidden token. Raises InvalidInput where the tokenizer has none."""
    found = tokenizer.id_of("[MASK]")
    if found is None:
        raise InvalidInput(
            "Masked-LM training needs a tokenizer with a mask token.",
            where=str(folder),
            got="no [MASK]",
        )
    return found
