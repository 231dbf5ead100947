"""Language: which language a text is in, and keeping only those that are asked for.

By script first, for that is certain and works on three characters: Chinese characters without kana are Chinese, with
kana Japanese, Hangul is Korean, Thai is Thai … Reviews are short, and CLD2 knows nothing of a text under some twenty
letters. What one script is shared by several languages (Latin, Cyrillic, Arabic, Devanagari) goes to CLD2 (the
detector of Chrome, `pycld2`), first as it is, then with its mode for short texts, and only a reliable answer counts.
Of a long text it sees the beginning and the middle. Without an answer, Latin letters that are all ASCII are taken for
English.

Languages are ISO 639 codes: zh, en, ja … A text without letters is `und` (undetermined).
"""

from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from catenary.data.batches import kept_rows, texts_at, with_dropped
from catenary.data.codepoints import CODEPOINTS
from catenary.data.compiled import Bytes, Ints, bytes_of, compiled
from catenary.data.step_settings import LanguageSettings
from catenary.data.utf8 import code_point, size_of

UNDETERMINED = "und"

# Letters by script: Unicode blocks, for the scripts that decide or that CLD2 is asked about (Unicode 16, Blocks.txt).
SCRIPTS: dict[str, tuple[tuple[int, int], ...]] = {
    "han": ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF), (0x3005, 0x3007)),
    "kana": ((0x3041, 0x309F), (0x30A1, 0x30FA), (0x30FC, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF9F)),
    "hangul": ((0x1100, 0x11FF), (0x3130, 0x318F), (0xAC00, 0xD7AF)),
    "latin": ((0x41, 0x5A), (0x61, 0x7A), (0xC0, 0xD6), (0xD8, 0xF6), (0xF8, 0x24F), (0x1E00, 0x1EFF)),
    "cyrillic": ((0x400, 0x52F),),
    "greek": ((0x370, 0x3FF), (0x1F00, 0x1FFF)),
    "hebrew": ((0x5D0, 0x5EA),),
    "arabic": ((0x620, 0x6FF), (0x750, 0x77F), (0xFB50, 0xFDFF), (0xFE70, 0xFEFC)),
    "devanagari": ((0x900, 0x97F),),
    "thai": ((0xE01, 0xE3A), (0xE40, 0xE4E)),
    "armenian": ((0x531, 0x587),),
    "georgian": ((0x10A0, 0x10FF),),
}
# What a script means where CLD2 has no answer, or need not be asked.
LANGUAGE_OF_SCRIPT = {
    "han": "zh",
    "kana": "ja",
    "hangul": "ko",
    "cyrillic": "ru",
    "greek": "el",
    "hebrew": "he",
    "arabic": "ar",
    "devanagari": "hi",
    "thai": "th",
    "armenian": "hy",
    "georgian": "ka",
}
SHARED_SCRIPTS = frozenset({"latin", "cyrillic", "arabic", "devanagari", "hebrew"})
CHARACTER_WEIGHT = 3  # a Chinese or Japanese character says about as much as three letters
KANA_SHARE = 0.1  # Japanese has far more kana than this, Chinese that borrows a の far fewer
ASKED = 2000  # characters of its beginning and of its middle that tell a long text's language
CLD2_NAMES = {"zh-Hant": "zh", "iw": "he", "jw": "jv", "no": "nb"}


def language(batch: pa.RecordBatch, settings: LanguageSettings, notes: Counter[str]) -> pa.RecordBatch:
    """Drops `language:<the one found>`. Notes `language.<code>`: how many texts are in each."""
    rows = kept_rows(batch)
    found = np.array(languages_of(texts_at(batch, rows)), dtype=object)
    for name, count in Counter(found).items():
        notes[f"language.{name}"] += count
    wanted = {*settings.languages, *((UNDETERMINED,) if settings.keep_undetermined else ())}
    other = np.array([name not in wanted for name in found], dtype=np.bool_)
    return with_dropped(batch, rows[other], [f"language:{name}" for name in found[other]])


def language_of(text: str) -> str:
    """The language of one text."""
    return languages_of(pa.array([text], pa.large_string()))[0]


def languages_of(texts: pa.LargeStringArray) -> list[str]:
    """The language of each text."""
    names = list(SCRIPTS)
    counts = _letters(*bytes_of(texts), _script_table(), len(names))
    han, kana = counts[names.index("han")], counts[names.index("kana")]
    weights = counts.copy()
    weights[names.index("han")] = (han + kana) * CHARACTER_WEIGHT
    weights[names.index("kana")] = 0
    main = weights.argmax(axis=0)
    japanese = (main == names.index("han")) & (kana > KANA_SHARE * (han + kana))

    found = [LANGUAGE_OF_SCRIPT.get(names[at], "en") for at in main]
    for row in np.flatnonzero(japanese):
        found[row] = "ja"
    for row in np.flatnonzero(weights.max(axis=0, initial=0) == 0):
        found[row] = UNDETERMINED
    shared = np.isin(main, [names.index(name) for name in SHARED_SCRIPTS]) & (
        weights.max(axis=0, initial=0) > 0
    )
    for row in np.flatnonzero(shared):
        found[row] = _by_cld2(texts[int(row)].as_py(), found[row])
    return found


def _by_cld2(text: str, otherwise: str) -> str:
    import pycld2

    if len(text) > 2 * ASKED:  # its language shows in less, and CLD2 reads some 25 MB a second
        middle = len(text) // 2
        text = f"{text[:ASKED]}\n{text[middle : middle + ASKED]}"
    for best_effort in (False, True):
        try:
            reliable, _, details = pycld2.detect(text, bestEffort=best_effort)
        except pycld2.error:  # it refuses some characters that are valid UTF-8
            break
        code = details[0][1]
        if reliable and code != "un":
            return str(CLD2_NAMES.get(code, code))
    return otherwise if otherwise != "en" or text.isascii() else UNDETERMINED


@compiled
def _letters(data: Bytes, starts: Ints, table: npt.NDArray[np.uint8], scripts: int) -> Ints:
    """int64 (scripts, texts): how many letters of each script a text has."""
    found = np.zeros((scripts, len(starts) - 1), np.int64)
    counts = np.zeros(scripts + 1, np.int64)
    for text in range(len(starts) - 1):
        counts[:] = 0
        at = starts[text]
        while at < starts[text + 1]:
            counts[table[code_point(data, at)]] += 1
            at += size_of(data[at])
        found[:, text] = counts[1:]
    return found


@cache
def _script_table() -> npt.NDArray[np.uint8]:
    """For each code point the number of its script from 1, 0 for none."""
    table = np.zeros(CODEPOINTS, dtype=np.uint8)
    for number, blocks in enumerate(SCRIPTS.values(), 1):
        for first, last in blocks:
            table[first : last + 1] = number
    return table
