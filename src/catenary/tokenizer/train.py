"""Training a tokenizer on a stream of texts: the same texts give the same bytes, on any machine.

    >>> tokenizer = train(["悬链是两端固定的链", "链的两端"], TokenizerSettings(kind="bpe", vocab_size=40))
    >>> tokenizer.decode(tokenizer.encode("两端的链"))
    '两端的链'

Kinds
    bpe        merges of characters (Sennrich et al. 2016); characters too rare for the vocabulary are [UNK]
    byte_bpe   merges of bytes (Radford et al. 2019): nothing is ever unknown, and decoding gives the very text back
    unigram    the likeliest pieces (Kudo 2018), out of those that BPE proposes
    wordpiece  BERT's (Devlin et al. 2019): a Chinese character is a word, pieces inside a word begin with ##, and white
               space is not kept
    char       one token a character

Texts are first cut so that no token reaches over a mark or a change of kind: runs of Chinese characters, of other
letters, up to three digits, one mark. Inside a run of Chinese the merges are free, so what becomes a token is a word
or a set phrase; a blank belongs to what follows it.

Hugging Face's trainers differ from run to run where they cut the alphabet, in WordPiece and in Unigram, for they walk
through hash maps that are seeded anew each time. Its BPE does not. So the alphabet is cut here, and WordPiece and
Unigram are made from BPE's pieces.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers, trainers
from tokenizers import Tokenizer as Backend

from catenary.errors import InvalidInput
from catenary.progress import SILENT, Progress
from catenary.tokenizer.replay import replayable
from catenary.tokenizer.settings import TokenizerSettings
from catenary.tokenizer.special import SPECIAL_TOKENS, UNK
from catenary.tokenizer.tokenizer import Tokenizer
from catenary.tokenizer.unigram import likeliest_pieces

VERSION = 1

HAN = r"\p{Han}ー々〇"
LETTERS = rf"[^\s\p{{P}}\p{{S}}\p{{N}}{HAN}▁]"
# Alternatives in order; together they cover every character, so nothing is lost between the pieces.
PIECES = rf" ?[{HAN}]+| ?{LETTERS}+| ?\p{{N}}{{1,3}}| ?[\p{{P}}\p{{S}}]|\s"
WORDS = rf"▁?{LETTERS}+|[{HAN}]|▁?\p{{N}}+|[\p{{P}}\p{{S}}]|\s"
BATCH_TEXTS = 1024
UNIGRAM_SEEDS = 4  # pieces proposed for each that is kept
LONGEST_WORD = 100  # characters that WordPiece tries to match, BERT's limit


def train(
    texts: Iterable[str],
    settings: TokenizerSettings,
    progress: Progress = SILENT,
    total: float | None = None,
) -> Tokenizer:
    """A tokenizer of these texts. `total` is how many there are, where that is known.

    The texts are gone through twice or more; those of an iterator are kept in a temporary file meanwhile. The
    vocabulary is smaller than `vocab_size` when not enough in the texts repeats. Raises InvalidInput when there is no
    text.
    """
    with replayable(texts) as again:
        progress.begin("Counting characters", total, "texts")
        counts = _character_counts(_reported(_lowered(again, settings), progress))
        if not counts.any():
            raise InvalidInput("A tokenizer cannot be trained without texts.", expected="at least one text")
        progress.begin("Training the tokenizer", total, "texts")
        tokenizer = Tokenizer(TRAINERS[settings.kind](_Corpus(again, counts, settings, progress)))
    progress.metric("vocab_size", tokenizer.vocab_size)
    return tokenizer


class _Corpus:
    """The texts to train on, with how often each character occurs in them."""

    def __init__(
        self,
        texts: Iterable[str],
        counts: npt.NDArray[np.int64],
        settings: TokenizerSettings,
        progress: Progress,
    ) -> None:
        self.settings = settings
        self._texts, self._counts, self._progress = texts, counts, progress

    def texts(self) -> Iterator[str]:
        """Every text once more."""
        return _lowered(self._texts, self.settings)

    def alphabet(self, most: int) -> list[str]:
        """At most so many characters, the most frequent first, and by code point where they are equally frequent."""
        present = np.flatnonzero(self._counts)
        order = np.lexsort((present, -self._counts[present]))
        return [chr(point) for point in present[order][:most]]

    def within(self, alphabet: Iterable[str]) -> Iterator[str]:
        """The texts with line feeds, over which no token reaches, in place of characters outside `alphabet`."""
        known = set(alphabet)
        others = {int(point): "\n" for point in np.flatnonzero(self._counts) if chr(point) not in known}
        for text in _reported(self.texts(), self._progress):
            yield text.translate(others) if others else text


def _lowered(texts: Iterable[str], settings: TokenizerSettings) -> Iterator[str]:
    """As the tokenizer's normaliser will have them."""
    lower = normalizers.Lowercase()
    for text in texts:
        yield lower.normalize_str(text) if settings.lowercase else text


def _reported(texts: Iterable[str], progress: Progress) -> Iterator[str]:
    for text in texts:
        yield text
        progress.advance(1)


def _character_counts(texts: Iterator[str]) -> npt.NDArray[np.int64]:
    """How often each code point occurs: int64 (0x110000,)."""
    counts = np.zeros(0x110000, dtype=np.int64)
    while batch := list(islice(texts, BATCH_TEXTS)):
        points = np.frombuffer("".join(batch).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
        counts += np.bincount(points, minlength=len(counts))
    return counts


# ── the kinds ───────────────────────────────────────────────────────────────────────────────────────────────────


def _train_bpe(corpus: _Corpus) -> Backend:
    backend = _over_pieces(models.BPE(unk_token=UNK), corpus.settings)
    # Chinese has some five thousand characters in use: they take half of the vocabulary at most.
    alphabet = corpus.alphabet(corpus.settings.vocab_size // 2)
    backend.train_from_iterator(corpus.within(alphabet), _bpe_trainer(corpus.settings, alphabet))
    return backend


def _train_byte_bpe(corpus: _Corpus) -> Backend:
    backend = _with_normaliser(Backend(models.BPE()), corpus.settings)
    as_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.pre_tokenizer = pre_tokenizers.Sequence([_split(PIECES), as_bytes])
    backend.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend.train_from_iterator(
        corpus.within(corpus.alphabet(0x110000)), _bpe_trainer(corpus.settings, alphabet)
    )
    return backend


def _train_unigram(corpus: _Corpus) -> Backend:
    settings = corpus.settings
    wide = settings.model_copy(update={"vocab_size": settings.vocab_size * UNIGRAM_SEEDS})
    proposer = _over_pieces(models.BPE(unk_token=UNK), wide)
    alphabet = corpus.alphabet(settings.vocab_size // 2)
    proposer.train_from_iterator(corpus.within(alphabet), _bpe_trainer(wide, alphabet))
    seeds = sorted(proposer.get_vocab(), key=proposer.get_vocab().__getitem__)[len(SPECIAL_TOKENS) :]
    words: dict[str, int] = {}
    for text in corpus.texts():
        for word, _ in proposer.pre_tokenizer.pre_tokenize_str(text):
            words[word] = words.get(word, 0) + 1
    pieces = likeliest_pieces(seeds, words, settings.vocab_size - len(SPECIAL_TOKENS))
    scored = [(token, 0.0) for token in SPECIAL_TOKENS] + pieces
    backend = _over_pieces(models.Unigram(scored, SPECIAL_TOKENS.index(UNK), False), settings)
    backend.add_special_tokens(list(SPECIAL_TOKENS))
    return backend


def _train_wordpiece(corpus: _Corpus) -> Backend:
    settings = corpus.settings
    # For training the beginning of a word is marked with ▁, then those pieces lose it and the others get their ##.
    marked = Backend(models.BPE(unk_token=UNK))
    marked.normalizer = normalizers.Replace(
        Regex(rf"(?<!{LETTERS})(?={LETTERS})|(?<!\p{{N}})(?=\p{{N}})"), "▁"
    )
    marked.pre_tokenizer = _split(WORDS)
    alphabet = corpus.alphabet(settings.vocab_size // 2)
    wide = settings.model_copy(update={"vocab_size": settings.vocab_size * 2})
    marked.train_from_iterator(corpus.within(alphabet), _bpe_trainer(wide, [*alphabet, "▁"]))
    learned = sorted(marked.get_vocab(), key=marked.get_vocab().__getitem__)[len(SPECIAL_TOKENS) :]

    inner = [char for char in alphabet if _continues_words(char)]
    pieces = [
        *SPECIAL_TOKENS,
        *(char for char in alphabet if not char.isspace()),
        *(f"##{char}" for char in inner),
    ]
    pieces += [piece[1:] if piece.startswith("▁") else f"##{piece}" for piece in learned if len(piece) > 1]
    kept = [piece for piece in dict.fromkeys(pieces) if piece][: settings.vocab_size]
    vocabulary = {piece: number for number, piece in enumerate(kept)}
    backend = _with_normaliser(
        Backend(models.WordPiece(vocabulary, unk_token=UNK, max_input_chars_per_word=LONGEST_WORD)), settings
    )
    backend.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), _split(WORDS)])
    backend.decoder = decoders.WordPiece(prefix="##", cleanup=False)
    backend.add_special_tokens(list(SPECIAL_TOKENS))
    return backend


def _train_char(corpus: _Corpus) -> Backend:
    settings = corpus.settings
    tokens = [*SPECIAL_TOKENS, *corpus.alphabet(settings.vocab_size - len(SPECIAL_TOKENS))]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    backend = _with_normaliser(Backend(models.WordLevel(vocabulary, unk_token=UNK)), settings)
    backend.pre_tokenizer = _split(r"(?m:.)")
    backend.decoder = decoders.Fuse()
    backend.add_special_tokens(list(SPECIAL_TOKENS))
    return backend


TRAINERS = {
    "bpe": _train_bpe,
    "byte_bpe": _train_byte_bpe,
    "unigram": _train_unigram,
    "wordpiece": _train_wordpiece,
    "char": _train_char,
}


def _over_pieces(model: Any, settings: TokenizerSettings) -> Backend:
    backend = _with_normaliser(Backend(model), settings)
    blanks = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="never", split=False)
    backend.pre_tokenizer = pre_tokenizers.Sequence([_split(PIECES), blanks])
    backend.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="never")
    return backend


def _with_normaliser(backend: Backend, settings: TokenizerSettings) -> Backend:
    if settings.lowercase:
        backend.normalizer = normalizers.Lowercase()
    return backend


def _split(pattern: str) -> Any:
    return pre_tokenizers.Split(Regex(pattern), behavior="isolated")


def _bpe_trainer(settings: TokenizerSettings, alphabet: list[str]) -> Any:
    return trainers.BpeTrainer(
        vocab_size=settings.vocab_size,
        min_frequency=settings.min_frequency,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=alphabet,
        show_progress=False,
    )


def _continues_words(char: str) -> bool:
    """Whether WordPiece can meet a character inside a word: letters and digits that are not Chinese."""
    pieces = _split(WORDS).pre_tokenize_str(char + char)
    return len(pieces) == 1
