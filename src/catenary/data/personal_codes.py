"""Codes that lead to a person or open a door: IBANs, passports, number plates, keys and secrets, addresses of the web.

Each kind is a pattern that RE2 runs over whole texts, and a check of what it finds. A code may touch Chinese
characters, but no further Latin letters or digits.

Sources: IBAN and its checksum, ISO 13616 with ISO 7064 MOD 97-10; plates, GA 36-2018; passports and travel permits of
China's National Immigration Administration; the prefixes of keys as their issuers document them for scanners.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Code:
    """`pattern` for RE2; `check` gets the match and what stands before it, and returns the code's place in it."""

    pattern: str
    check: Callable[[str, str], Place | None]


_IBAN_LENGTHS = {  # by country, from the registry of ISO 13616
    15: "NO",
    16: "BE",
    18: "DK FI FO GL NL",
    19: "MK SI",
    20: "AT BA EE KZ LT LU XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HU LB NI PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU",
    31: "MT SC",
    32: "LC",
    33: "RU",
}


def _iban(found: str, before: str) -> Place | None:
    """The longest part that is an IBAN: a word in capitals may follow it."""
    ends = [match.start() for match in re.finditer(" ", found)]
    for end in (len(found), *reversed(ends)):
        told = found[:end].replace(" ", "")
        known = told[:2] in _IBAN_LENGTHS.get(len(told), "").split()
        if (
            known
            and "02" <= told[2:4] <= "98"
            and int("".join(str(int(one, 36)) for one in told[4:] + told[:4])) % 97 == 1
        ):
            return 0, end
    return None


_PASSPORT_WORDS = re.compile(r"护照|護照|通行证|通行證|旅行证|台胞证|回乡证|passport", re.IGNORECASE)
_CHINESE_PASSPORT = re.compile(r"(?:E[A-HJ-NP-Z]\d{7}|[EG]\d{8}|[DSP]E?\d{7})")
_OTHER_CODES = re.compile(
    r"order|serial|model|part|item|sku|\bno\.?$|#|型号|订单|编号|单号|货号|批号|序列|版本|零件|产品",
    re.IGNORECASE,
)


def _passport(found: str, before: str) -> Place | None:
    named = _PASSPORT_WORDS.search(before) is not None
    chinese = _CHINESE_PASSPORT.fullmatch(found) is not None and not _OTHER_CODES.search(before[-12:])
    return (0, len(found)) if named or chinese else None


_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_PLATE = re.compile(
    rf"[{_PROVINCES}][A-HJ-NP-Z][·・• ]?(?:[DFABCEGHJK]\d{{5}}|[DFABCEGHJK][A-HJ-NP-Z]\d{{4}}|\d{{5}}[DFABCEGHJK]"
    r"|[A-HJ-NP-Z0-9]{5}|[A-HJ-NP-Z0-9]{4}[挂学警港澳])"
)


def _plate(found: str, before: str) -> Place | None:
    for end in (len(found), len(found) - 1):  # a letter or a sign may follow
        if _PLATE.fullmatch(found[:end]) and sum(map(str.isdigit, found[:end])) >= 2:
            return (0, end) if end == len(found) or not found[end].isascii() else None
    return None


_SAID = re.compile(
    r"(?i)(?:password|passwd|pwd|secret|api[_-]?key|access[_-]?key|token|密码|口令|密钥|秘钥|私钥)[\"']?[ ]{0,2}"
    r"(?:[:=：]|是|为)[ ]{0,2}[\"']?"
)
_NO_SECRET = re.compile(
    r"[*xX.]+|<.*|\$.*|\{.*|env:.*|%.*|\(.*|https?:.*|(?i:none|null|true|false|your.*|changeme.*)"
)


def _secret(found: str, before: str) -> Place | None:
    said = _SAID.match(found)
    if not said:
        return 0, len(found)
    value = found[said.end() :].rstrip("\"').,;")
    kinds = (any(map(str.isalpha, value)), any(map(str.isdigit, value)), not value.isalnum())
    good = (
        len(value) >= 6
        and value.isascii()
        and sum(kinds) >= 2
        and any(kinds[1:])
        and not _NO_SECRET.fullmatch(value)
    )
    return (said.end(), said.end() + len(value)) if good and kinds[1] else None


def _url(found: str, before: str) -> Place | None:
    end = len(found.rstrip(".,;:!?'\")]}"))
    return 0, end


CODES: dict[str, Code] = {
    "secret": Code(
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----[A-Za-z0-9+/=\s,:\-]+-----END [A-Z ]*PRIVATE KEY-----"
        r"|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{40,}|sk-[A-Za-z0-9_\-]{20,}"
        r"|xox[abprs]-[A-Za-z0-9\-]{10,}|AIza[0-9A-Za-z_\-]{35}|glpat-[A-Za-z0-9_\-]{20}|npm_[A-Za-z0-9]{36}"
        r"|hf_[A-Za-z0-9]{30,}|LTAI[A-Za-z0-9]{12,}|AKID[A-Za-z0-9]{32}"
        r"|eyJ[A-Za-z0-9_\-]{10,}\.eyJ[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]{10,}"
        r"|(?i:password|passwd|pwd|secret|api[_-]?key|access[_-]?key|token|密码|口令|密钥|秘钥|私钥)[\"']?[ ]{0,2}"
        r"(?:[:=：]|是|为)[ ]{0,2}[\"']?[!-~]{6,}",
        _secret,
    ),
    "iban": Code(r"[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?", _iban),
    "plate": Code(rf"[{_PROVINCES}][A-HJ-NP-Z][·・• ]?[A-HJ-NP-Z0-9]{{4,6}}[挂学警港澳]?", _plate),
    "passport": Code(r"[A-Z]{1,2}[0-9]{7,9}", _passport),
    "url": Code(r"(?i:https?://|ftp://|www\.)[!#-;=?-\[\]_a-z~]{3,}", _url),
}
BEFORE = 24  # characters looked at before a code


def found_codes(text: str, matches: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """(kind, start, end) of the codes among what RE2 matched in a text."""
    found: list[tuple[str, int, int]] = []
    for kind, start, end in matches:
        before = text[max(0, start - BEFORE) : start]
        after = text[end : end + 1]
        if kind not in ("url", "secret") and (
            (before[-1:].isascii() and before[-1:].isalnum()) or (after.isascii() and after.isalnum())
        ):
            continue
        place = CODES[kind].check(text[start:end], before)
        if place is not None:
            found.append((kind, start + place[0], start + place[1]))
    return found
