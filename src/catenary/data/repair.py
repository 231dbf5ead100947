"""Repair: texts that were decoded as something they were not, and the two Chinese scripts.

>>> repaired("schÃ¶n, åŒ—äº¬"), repaired("浣犲ソ锛屼笘鐣�"[:-1])
('schön, 北京', '浣犲ソ锛屼笘鐣')
>>> repaired("浣犲ソ涓栫晫")
'你好世界'

Latin mojibake is ftfy's to find (R. Speer, 2019). UTF-8 that was read as GBK is found a line at a time: its bytes are
valid UTF-8 again, which those of Chinese are not by chance.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from catenary.errors import NotFound

# Two or more characters in a row of those that UTF-8's bytes become in Windows-1252, Latin-1 or Mac Roman.
SUSPECT = (
    "[\u00a0-\u00ff\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013\u2014\u2018-\u201e"
    "\u2020-\u2022\u2026\u2030\u2039\u203a\u20ac\u2122\ufffd]{2,}"
)
GBK_LINE = "[\u4e00-\u9fff\ue000-\uf8ff]{3,}"
_LINE = re.compile(r"[^\n]+")


def repaired(text: str) -> str:
    """One text."""
    return _from_gbk(_fix()(text))


def repaired_column(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    """A column; only texts with something suspect in them are looked at."""
    suspect = pc.match_substring_regex(texts, SUSPECT)
    chinese = pc.match_substring_regex(texts, GBK_LINE)
    rows = np.flatnonzero(pc.or_(suspect, chinese).to_numpy(zero_copy_only=False))
    if not len(rows):
        return texts
    told = texts.to_pylist()
    for row in rows.tolist():
        told[row] = _from_gbk(_fix()(told[row]) if suspect[row].as_py() else told[row])
    return pa.array(told, pa.large_string())


def _from_gbk(text: str) -> str:
    def line(match: re.Match[str]) -> str:
        told = match.group()
        try:
            new = told.encode("gbk").decode("utf-8")
        except ValueError:
            return told
        return new if len(new) < len(told) else told

    return _LINE.sub(line, text) if not text.isascii() else text


@cache
def _fix() -> Callable[[str], str]:
    try:
        from ftfy import fix_encoding
    except ImportError:
        raise NotFound(
            "The package {package} is not installed.", next="pip install {package}", package="ftfy"
        ) from None
    fix: Callable[[str], str] = fix_encoding
    return fix


@cache
def converter(script: Literal["simplified", "traditional"]) -> Callable[[str], str]:
    """Chinese text in one of the two scripts, word by word (OpenCC's tables)."""
    try:
        import opencc
    except ImportError:
        raise NotFound(
            "The package {package} is not installed.", next="pip install {package}", package="opencc"
        ) from None
    convert: Callable[[str], str] = opencc.OpenCC("t2s" if script == "simplified" else "s2t").convert
    return convert


def in_script(
    texts: pa.LargeStringArray, script: Literal["simplified", "traditional"]
) -> pa.LargeStringArray:
    """A column in one script; texts without Chinese characters are left alone."""
    rows = np.flatnonzero(pc.match_substring_regex(texts, "[\u4e00-\u9fff]").to_numpy(zero_copy_only=False))
    if not len(rows):
        return texts
    told = texts.to_pylist()
    convert = converter(script)
    for row in rows.tolist():
        told[row] = convert(told[row])
    return pa.array(told, pa.large_string())
