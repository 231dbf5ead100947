"""Normalise: one way of writing the same characters, so that later steps compare what is meant.

In this order, before which `repair: true` mends texts that were decoded as something they were not, and after which
`chinese: simplified | traditional` writes Chinese in one script (`repair.py`):

1. line ends become LF; control, format and unassigned characters go, and so do lone byte-order marks. The joiners that
   scripts need (U+200C, U+200D) stay between characters that are not ASCII.
2. `unicode: nfkc` (default) maps compatibility forms: ＡＢＣ１２３ → ABC123, ﬁ → fi, ㎏ → kg, half-width ｶﾅ → カナ.
3. `punctuation:` decides what NFKC would do to Chinese text. Plain NFKC turns ，！？：；（） into ASCII and … into
   three dots, which no Chinese reader writes and which leaves them beside 。、《》 that it does not touch. So:
     keep (default)  Chinese punctuation stays as the author wrote it
     full            , ! ? : ; ( ) between Chinese characters become ，！？：；（） too
     half            plain NFKC
4. `whitespace: lines` (default): any run of blanks is one space, lines are trimmed, at most one empty line stands
   between two others; `single`: any run of white space is one space; `keep`: as it is.

Normalising a second time changes nothing. Unicode's data is that of the Python that runs.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from catenary.data import rewrite
from catenary.data.batches import Rows, kept_rows, texts_at, with_texts
from catenary.data.characters import ASSIGNED, categories, characters, decompositions
from catenary.data.codepoints import CODEPOINTS, Codepoints, codepoints, texts_of
from catenary.data.repair import in_script, repaired_column
from catenary.data.rewrite import rewritten
from catenary.data.step_settings import NormaliseSettings

CHINESE_PUNCTUATION = "！（），：；？［］～…‥"  # what NFKC would change of GB/T 15834's marks
HALF_OF_FULL = {"！": "!", "（": "(", "）": ")", "，": ",", "：": ":", "；": ";", "？": "?"}
HANGUL_JAMO = (0x1100, 0x1200)


def normalise(batch: pa.RecordBatch, settings: NormaliseSettings, notes: Counter[str]) -> pa.RecordBatch:
    """Rewrites the texts of the kept rows. Notes `changed`: how many differ from before."""
    rows = kept_rows(batch)
    texts = texts_at(batch, rows)
    new = normalised(texts, settings)
    changed = np.flatnonzero(pc.not_equal(texts, new).to_numpy(zero_copy_only=False))
    notes["changed"] += len(changed)
    if not len(changed):
        return batch
    chosen: Rows = rows[changed]
    return with_texts(batch, chosen, new.take(pa.array(changed)) if len(changed) < len(rows) else new)


def normalised(texts: pa.LargeStringArray, settings: NormaliseSettings) -> pa.LargeStringArray:
    """The normalised texts of a column."""
    if settings.repair:
        texts = repaired_column(texts)
    if settings.punctuation == "full" or settings.whitespace == "keep":
        texts = by_points(texts, settings)
    else:
        texts = _at_once(texts, settings)
    return texts if settings.chinese == "keep" else in_script(texts, settings.chinese)


def _at_once(texts: pa.LargeStringArray, settings: NormaliseSettings) -> pa.LargeStringArray:
    """Rules 1 to 4 in one pass over the bytes, but for the few texts with characters that join with others."""
    new, hard = rewritten(
        texts, _entries(settings.unicode, settings.punctuation), settings.whitespace == "lines"
    )
    rows = np.flatnonzero(hard)
    if not len(rows):
        return new
    others = by_points(texts.take(pa.array(rows)), settings)
    order = np.arange(len(texts), dtype=np.int64)
    order[rows] = len(texts) + np.arange(len(rows))
    return pa.concat_arrays([new, others]).take(pa.array(order))


def by_points(texts: pa.LargeStringArray, settings: NormaliseSettings) -> pa.LargeStringArray:
    """Rules 1 to 4, each over the code points of all texts."""
    points = _without_controls(codepoints(texts))
    points = _in_form(points, settings)
    points = _spaced(points, settings.whitespace)
    return texts_of(points)


@cache
def _entries(form: Literal["nfkc", "nfc", "none"], punctuation: str) -> npt.NDArray[np.uint32]:
    """For each code point what `rewritten` writes for it."""
    same = np.arange(CODEPOINTS, dtype=np.uint32)
    new = same
    if form != "none":
        new = _changed_by("NFKC" if form == "nfkc" else "NFC").copy()
        if form == "nfkc" and punctuation != "half":
            new[[ord(char) for char in CHINESE_PUNCTUATION]] = [ord(char) for char in CHINESE_PUNCTUATION]
    hard = (new == CODEPOINTS) | (_utf8_size(new) > _utf8_size(same))
    entries = np.where(hard, np.uint32(rewrite.HARD), new)
    entries[~hard & _blanks()[np.where(hard, 0, new)]] = rewrite.BLANK | 0x20
    roles = _roles()
    entries[roles == NEWLINE] = rewrite.FEED
    entries[0x0A] = rewrite.FEED
    entries[roles == CARRIAGE] = rewrite.CARRIAGE
    entries[roles == JOINER] |= rewrite.JOINER
    entries[roles == GONE] = rewrite.GONE
    return entries


def _utf8_size(points: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
    return np.digitize(points, (0x80, 0x800, 0x10000))


def normalised_text(text: str, settings: NormaliseSettings | None = None) -> str:
    """One normalised text."""
    column = pa.array([text], pa.large_string())
    return str(normalised(column, settings or NormaliseSettings())[0].as_py())


# ── 1. characters that are no text ──────────────────────────────────────────────────────────────────────────────

KEEP, GONE, JOINER, CARRIAGE, NEWLINE = range(5)
NO_TEXT = (
    b"Cc",
    b"Cf",
    b"Cn",
    b"Cs",
    b"Co",
)  # categories: controls, formats, unassigned, surrogates, private use


@cache
def _roles() -> npt.NDArray[np.uint8]:
    """For each code point: KEEP, GONE, or one of the three that depend on their neighbours."""
    roles = np.full(CODEPOINTS, GONE, dtype=np.uint8)
    roles[:ASSIGNED] = np.where(np.isin(categories(), NO_TEXT), GONE, KEEP)
    roles[0xE0100:0xE01F0] = KEEP  # selectors of variants
    for kept in (0x09, 0x0A):
        roles[kept] = KEEP
    roles[[0x0B, 0x0C, 0x85, 0x2028, 0x2029]] = NEWLINE
    roles[0x0D] = CARRIAGE
    roles[[0x200C, 0x200D]] = JOINER
    roles[0xE0020:0xE0080] = KEEP  # tags, of which the flags of regions are made
    return roles


def _without_controls(points: Codepoints) -> Codepoints:
    values = points.values
    roles = _roles()[values]
    if not roles.any():
        return points
    if (roles == NEWLINE).any():
        values = np.where(roles == NEWLINE, np.uint32(0x0A), values)
    keep = roles != GONE
    at = np.flatnonzero(roles == CARRIAGE)
    if len(at):  # CR LF loses the CR; a CR alone is a line end
        followed = np.zeros(len(at), dtype=np.bool_)
        inner = ~np.isin(at + 1, points.starts)
        followed[inner] = values[at[inner] + 1] == 0x0A
        values = values.copy()
        values[at[~followed]] = 0x0A
        keep[at[followed]] = False
    at = np.flatnonzero(roles == JOINER)
    if len(at):
        first, last = np.isin(at, points.starts), np.isin(at + 1, points.starts)
        before = first | (values[at - 1] > 0x7F)
        after = last | (values[np.minimum(at + 1, len(values) - 1)] > 0x7F)
        keep[at[~(before & after)]] = False
    return Codepoints(values, points.starts).filtered(keep)


# ── 2. and 3. compatibility forms and punctuation ───────────────────────────────────────────────────────────────


@cache
def _changed_by(form: Literal["NFC", "NFKC"]) -> npt.NDArray[np.uint32]:
    """For each code point what it becomes by itself; CODEPOINTS where that hangs on more than itself."""
    joining = _joining()
    table = np.arange(CODEPOINTS, dtype=np.uint32)
    table[list(joining)] = CODEPOINTS
    for point in decompositions():
        new = unicodedata.normalize(form, chr(point))
        if len(new) != 1 or ord(new) in joining:
            table[point] = CODEPOINTS
        elif ord(new) != point:
            table[point] = ord(new)
    return table


@cache
def _joining() -> frozenset[int]:
    """Characters that may compose with the one before them: combining marks, Hangul's vowels and finals, a few more."""
    found = set(range(*HANGUL_JAMO))
    for told in decompositions().values():
        parts = told.split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            found.add(int(parts[1], 16))
    classes = np.fromiter(map(unicodedata.combining, characters()), np.uint8, ASSIGNED)
    return frozenset(found.union(np.flatnonzero(classes).tolist()))


def _in_form(points: Codepoints, settings: NormaliseSettings) -> Codepoints:
    if settings.unicode != "none":
        form: Literal["NFC", "NFKC"] = "NFKC" if settings.unicode == "nfkc" else "NFC"
        protected = CHINESE_PUNCTUATION if form == "NFKC" and settings.punctuation != "half" else ""
        points = _composed(points, form, protected)
    if settings.punctuation == "full":
        points = _full_width(points)
    return points


def _composed(points: Codepoints, form: Literal["NFC", "NFKC"], protected: str) -> Codepoints:
    new = _changed_by(form)[points.values]
    if protected:
        held = np.isin(points.values, np.array([ord(char) for char in protected], dtype=np.uint32))
        new[held] = points.values[held]
    hard = new == CODEPOINTS
    if not hard.any():
        return Codepoints(new, points.starts)
    # A few texts hold characters that become several, or that join with their neighbours: those go one by one.
    which = np.flatnonzero(points.counts(hard))
    parts = re.compile(f"([{re.escape(protected)}]+)") if protected else None
    pieces: list[npt.NDArray[np.uint32]] = []
    lengths = np.diff(points.starts)
    done = 0
    for text_number in which:
        start, end = int(points.starts[text_number]), int(points.starts[text_number + 1])
        text = points.values[start:end].tobytes().decode("utf-32-le")
        told = "".join(
            piece if at % 2 else unicodedata.normalize(form, piece)
            for at, piece in enumerate(parts.split(text) if parts else [text])
        )
        pieces += [new[done:start], np.frombuffer(told.encode("utf-32-le"), dtype=np.uint32)]
        lengths[text_number] = len(told)
        done = end
    pieces.append(new[done:])
    return Codepoints(np.concatenate(pieces), np.concatenate(([0], np.cumsum(lengths))))


def _full_width(points: Codepoints) -> Codepoints:
    """ASCII marks that stand beside a Chinese character become full-width."""
    values = points.values
    han = _is_han(values)
    starts = points.starts[1:-1]
    starts = starts[(starts > 0) & (starts < len(values))]
    before = np.zeros(len(values), dtype=np.bool_)
    before[1:] = han[:-1]
    before[starts] = False
    after = np.zeros(len(values), dtype=np.bool_)
    after[:-1] = han[1:]
    after[starts - 1] = False
    beside = before | after
    values = values.copy()
    for full, half in HALF_OF_FULL.items():
        values[beside & (values == ord(half))] = ord(full)
    return Codepoints(values, points.starts)


def _is_han(values: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
    return (
        ((values >= 0x4E00) & (values <= 0x9FFF))
        | ((values >= 0x3400) & (values <= 0x4DBF))
        | ((values >= 0x20000) & (values <= 0x323AF))
    )


# ── 4. white space ──────────────────────────────────────────────────────────────────────────────────────────────


@cache
def _blanks() -> npt.NDArray[np.bool_]:
    """Which code points are white space, line feeds included."""
    table = np.zeros(CODEPOINTS, dtype=np.bool_)
    for point in range(0x3001):
        if chr(point).isspace() or point in (0x180E, 0x2800):  # Mongolian separator, blank Braille
            table[point] = True
    return table


def _spaced(points: Codepoints, how: Literal["lines", "single", "keep"]) -> Codepoints:
    """A run of white space is one space, or one line feed, or two: the most that it may be, and none at the ends."""
    if how == "keep":
        return points
    values = points.values
    blank = _blanks()[values]
    if not blank.any():
        return points
    at = np.flatnonzero(blank)
    text = np.searchsorted(points.starts, at, side="right") - 1
    first = np.ones(len(at), dtype=np.bool_)
    first[1:] = (np.diff(at) > 1) | (np.diff(text) > 0)
    run_starts = np.flatnonzero(first)
    is_feed = values[at] == 0x0A
    feeds = np.add.reduceat(is_feed.astype(np.int64), run_starts)
    sizes = np.diff(np.append(run_starts, len(at)))
    starts, owners = at[run_starts], text[run_starts]
    ends = starts + sizes
    edge = (starts == points.starts[owners]) | (ends == points.starts[owners + 1])

    values = values.copy()
    keep = ~blank
    inner = starts[~edge]
    inner_feeds = feeds[~edge] if how == "lines" else np.zeros(len(inner), dtype=np.int64)
    keep[inner] = True
    values[inner] = np.where(inner_feeds > 0, np.uint32(0x0A), np.uint32(0x20))
    second = inner[inner_feeds > 1] + 1
    keep[second] = True
    values[second] = 0x0A
    return Codepoints(values, points.starts).filtered(keep)
