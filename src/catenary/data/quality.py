"""Quality: rules that a text must pass, each dropping for a reason of its own.

`length` bounds characters and words. `quality` holds the rules of Gopher (quality and repetition) and FineWeb, computed
together; their words are jieba's in Chinese. A text is judged by the limits of its language, of which there are two
kinds: Chinese, Japanese and Korean texts have those that FineWeb-2 found for Chinese, any other has the papers' own.
`c4.py` holds the rules that look at lines.

G. Penedo et al., FineWeb2: one pipeline to scale them all (2025), configs/cmn_Hani.yml.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from catenary.data import text_counts as of
from catenary.data.batches import kept_rows, texts_at, with_dropped
from catenary.data.histograms import shares
from catenary.data.step_settings import (
    FineWebSettings,
    GopherSettings,
    LengthSettings,
    QualitySettings,
    RepetitionSettings,
)
from catenary.data.stop_words import RUNNING_CHINESE, RUNNING_TEXT
from catenary.data.text_counts import TextCounts, text_counts
from catenary.data.words import words

Mask = npt.NDArray[np.bool_]
Beyond = tuple[str, Mask]


@dataclass(frozen=True, slots=True)
class Limits:
    """What differs between languages."""

    mean_word_length: tuple[float, float]
    alphabetic_words: float
    repeated_lines: float
    top_ngrams: tuple[float, float, float]
    repeated_ngrams: tuple[float, float, float, float, float, float]
    ended_lines: float
    short_line: int  # characters
    line_feeds: float
    stop_words: frozenset[str]


LIMITS = (
    Limits(
        mean_word_length=(3, 10),
        alphabetic_words=0.8,
        repeated_lines=0.3,
        top_ngrams=(0.20, 0.18, 0.16),
        repeated_ngrams=(0.15, 0.14, 0.13, 0.12, 0.11, 0.10),
        ended_lines=0.12,
        short_line=30,
        line_feeds=0.3,
        stop_words=RUNNING_TEXT,
    ),
    Limits(
        mean_word_length=(1, 5),
        alphabetic_words=0.735,
        repeated_lines=0.287,
        top_ngrams=(0.256, 0.201, 0.171),
        repeated_ngrams=(0.198, 0.182, 0.167, 0.154, 0.14, 0.127),
        ended_lines=0.106,
        short_line=12,  # a Chinese character says as much as two and a half letters
        line_feeds=0.178,
        stop_words=RUNNING_CHINESE,
    ),
)


def length(batch: pa.RecordBatch, settings: LengthSettings, notes: Counter[str]) -> pa.RecordBatch:
    """Drops `length:too_few_chars`, `length:too_many_chars`, `length:too_few_words`, `length:too_many_words`."""
    rows = kept_rows(batch)
    texts = texts_at(batch, rows)
    out = np.zeros(len(rows), dtype=np.bool_)
    for unit, lower, upper in (
        ("chars", settings.min_chars, settings.max_chars),
        ("words", settings.min_words, settings.max_words),
    ):
        if lower is None and upper is None:
            continue
        sizes = _sizes(texts, unit)
        for reason, beyond in (
            (f"length:too_few_{unit}", sizes < lower if lower is not None else None),
            (f"length:too_many_{unit}", sizes > upper if upper is not None else None),
        ):
            if beyond is not None:
                batch = with_dropped(batch, rows[beyond & ~out], reason)
                out |= beyond
    return batch


def quality(batch: pa.RecordBatch, settings: QualitySettings, notes: Counter[str]) -> pa.RecordBatch:
    """Drops `quality:gopher_…`, `quality:repetition_…` and `quality:fineweb_…` by the first rule that a text fails.

    Notes histograms of what the rules look at.
    """
    rows = kept_rows(batch)
    if not len(rows):
        return batch
    texts = texts_at(batch, rows)
    counts = text_counts(
        texts,
        words(texts),
        (LIMITS[0].stop_words, LIMITS[1].stop_words),
        (LIMITS[0].short_line, LIMITS[1].short_line),
        repeats=settings.repetition is not None,
    )
    reasons = np.full(len(rows), "", dtype=object)
    for name, beyond in chain(
        _gopher(counts, settings.gopher) if settings.gopher else (),
        _repetition(counts, settings.repetition) if settings.repetition else (),
        _fineweb(counts, settings.fineweb) if settings.fineweb else (),
    ):
        reasons[beyond & (reasons == "")] = f"quality:{name}"
    _measured(counts, reasons == "", settings, notes)
    out = np.flatnonzero(reasons != "")
    return with_dropped(batch, rows[out], reasons[out].tolist())


def _measured(counts: TextCounts, kept: Mask, settings: QualitySettings, notes: Counter[str]) -> None:
    """Notes histograms of what the rules look at, for the data card."""
    shares("mean_word_length", counts.share(of.WORD_CHARACTERS, of.WORDS), kept, notes, 0, 10)
    shares("alphabetic_words", counts.share(of.ALPHABETIC, of.ALL_WORDS), kept, notes)
    shares("ended_lines", counts.share(of.ENDED, of.FILLED), kept, notes)
    shares("repeated_lines", counts.share(of.REPEATED_RUN_CHARACTERS, of.CHARACTERS), kept, notes)
    if settings.repetition:
        shares("repeated_5_words", counts.share(of.REPEATED_5, of.CHARACTERS), kept, notes)


def _gopher(counts: TextCounts, limits: GopherSettings) -> Iterator[Beyond]:
    number = counts[of.WORDS]
    yield "gopher_too_few_words", number < max(limits.min_words, 1)
    yield "gopher_too_many_words", number > limits.max_words
    mean = counts.share(of.WORD_CHARACTERS, of.WORDS)
    least = _either(counts, limits.min_mean_word_length, [one.mean_word_length[0] for one in LIMITS])
    most = _either(counts, limits.max_mean_word_length, [one.mean_word_length[1] for one in LIMITS])
    yield "gopher_short_words", mean < least
    yield "gopher_long_words", mean > most
    yield "gopher_hashes", counts.share(of.HASHES, of.ALL_WORDS) > limits.max_symbols
    yield "gopher_ellipses", counts.share(of.ELLIPSES, of.ALL_WORDS) > limits.max_symbols
    yield "gopher_bullets", counts.share(of.BULLETS, of.LINES) > limits.max_bullet_lines
    yield "gopher_ellipsis_lines", counts.share(of.TRAILING, of.LINES) > limits.max_ellipsis_lines
    alphabetic = _either(counts, limits.min_alphabetic_words, [one.alphabetic_words for one in LIMITS])
    yield "gopher_not_alphabetic", counts.share(of.ALPHABETIC, of.ALL_WORDS) < alphabetic
    yield "gopher_few_stop_words", counts[of.STOP_WORDS] < limits.min_stop_words


def _repetition(counts: TextCounts, limits: RepetitionSettings) -> Iterator[Beyond]:
    for name, column, whole, limit in (
        ("paragraphs", of.REPEATED_PARAGRAPHS, of.PARAGRAPHS, limits.max_repeated_paragraphs),
        (
            "paragraph_characters",
            of.REPEATED_PARAGRAPH_CHARACTERS,
            of.CHARACTERS,
            limits.max_repeated_paragraph_characters,
        ),
    ):
        yield f"repetition_{name}", counts.share(column, whole) > limit
    most = _either(counts, limits.max_repeated_lines, [one.repeated_lines for one in LIMITS])
    yield "repetition_lines", counts.share(of.REPEATED_RUNS, of.RUNS) > most
    characters = counts.share(of.REPEATED_RUN_CHARACTERS, of.CHARACTERS)
    yield "repetition_line_characters", characters > limits.max_repeated_line_characters
    for at in range(3):
        top = limits.max_top_ngrams
        most = _either(counts, top and top[at], [one.top_ngrams[at] for one in LIMITS])
        yield f"repetition_top_{at + 2}_words", counts.share(of.TOP_2 + at, of.CHARACTERS) > most
    for at in range(6):
        repeated = limits.max_repeated_ngrams
        most = _either(counts, repeated and repeated[at], [one.repeated_ngrams[at] for one in LIMITS])
        yield f"repetition_{at + 5}_words", counts.share(of.REPEATED_5 + at, of.CHARACTERS) > most


def _fineweb(counts: TextCounts, limits: FineWebSettings) -> Iterator[Beyond]:
    least = _either(counts, limits.min_ended_lines, [one.ended_lines for one in LIMITS])
    yield "fineweb_unended_lines", counts.share(of.ENDED, of.FILLED) < least
    yield "fineweb_short_lines", counts.share(of.SHORT, of.FILLED) > limits.max_short_lines
    without_feeds = np.maximum(counts[of.CHARACTERS] - counts[of.FEEDS], 1)
    repeated = counts[of.REPEATED_FILLED] / without_feeds
    yield "fineweb_repeated_lines", repeated > limits.max_repeated_line_characters
    feeds = _either(counts, limits.max_line_feeds, [one.line_feeds for one in LIMITS])
    yield "fineweb_line_feeds", counts.share(of.FEEDS, of.ALL_WORDS) > feeds


def _either(counts: TextCounts, stated: float | None, by_language: list[float]) -> npt.NDArray[np.float64]:
    """The limit of each text: what the settings state, or that of its language."""
    other, chinese = by_language if stated is None else (stated, stated)
    return np.where(counts.chinese, chinese, other)


def _sizes(texts: pa.LargeStringArray, unit: str) -> npt.NDArray[np.int64]:
    words = r"[^\s\p{Z}]+"
    counts = pc.utf8_length(texts) if unit == "chars" else pc.count_substring_regex(texts, pattern=words)
    return np.asarray(counts.to_numpy(zero_copy_only=False), dtype=np.int64)
