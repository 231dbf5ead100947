"""Finding personal data in a text: telephone numbers, e-mail and network addresses, Chinese id and bank card numbers,
and the codes of `personal_codes.py`: passports, plates, IBANs, secrets and, where asked for, addresses of the web.

    >>> [(span.kind, span.start, span.end) for span in find("电话13812345678，邮箱a.b@qq.com谢谢")]
    [('phone', 2, 13), ('email', 16, 26)]

One RE2 pattern finds whatever could be one of the kinds, in linear time on any input. Each kind then looks closer:
checksums, valid dates, numbering plans, and the words beside it. A number may touch Chinese characters, for Chinese
has no spaces (`\\b` would miss those), but not further digits or Latin letters, for then it is a part of a longer
code. Full-width digits count as digits. A number called an order, a price or a version is none of these.

Sources: China's telecommunication numbering plan (MIIT, 2017); E.164; id numbers and their checksum, GB 11643-1999;
provinces, GB/T 2260; card numbers and Luhn's checksum, ISO/IEC 7812.
"""

from __future__ import annotations

import datetime
import ipaddress
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from catenary.data.personal_codes import CODES, found_codes

# What could be personal data: an address with @, seven digits or more with small gaps, four numbers with dots, colons.
CANDIDATE = (
    r"[A-Za-z0-9._%+\-]+[@＠][A-Za-z0-9.\-]+"
    r"|[(（]?[+＋]?[0-9０-９](?:[ \-.()（）]{0,2}[0-9０-９]){6,}[Xx]?"
    r"|[0-9]{1,3}(?:\.[0-9]{1,3}){3}"
    r"|[23fF][0-9A-Fa-f]{3}(?::[0-9A-Fa-f]{0,4}){2,7}"
)
# Whatever may hold any kind, for finding the texts worth a closer look; addresses of the web apart.
ANY_CANDIDATE = "|".join((CANDIDATE, *(code.pattern for kind, code in CODES.items() if kind != "url")))
_ASCII = str.maketrans("０１２３４５６７８９＋（）＠", "0123456789+()@")


@dataclass(frozen=True, slots=True)
class Span:
    """Personal data of a kind at `text[start:end]` (characters)."""

    kind: str
    start: int
    end: int


Place = tuple[int, int]


def find(text: str, kinds: Collection[str] | None = None) -> list[Span]:
    """The personal data in a text, in order, without overlaps; only these `kinds` (a subset of ALL_KINDS) when given.

    A number is claimed by one kind even when that is not asked for: a part of a card number is no telephone. Addresses
    of the web claim nothing unless they are asked for.
    """
    wanted = frozenset(DEFAULT_KINDS if kinds is None else kinds)
    codes = _codes(text, "url" in wanted)
    found = list(codes)
    for candidate in _candidates().finditer(text):
        start, end = candidate.span()
        piece = text[start:end].translate(_ASCII)
        taken = [span for span in codes if span.start < end and start < span.end] if codes else []
        claimed = len(taken)
        for kind, places in KINDS.items():
            for first, last in places(piece):
                span = Span(kind, start + first, start + last)
                free = all(span.end <= other.start or span.start >= other.end for other in taken)
                if free and _fits_around(text, span):
                    taken.append(span)
        found += taken[claimed:]
    found.sort(key=lambda span: span.start)
    return [span for span in found if span.kind in wanted]


def _codes(text: str, urls: bool) -> list[Span]:
    matches = [
        (match.lastgroup, *match.span()) for match in _code_candidates().finditer(text) if match.lastgroup
    ]
    if urls:
        address = [("url", *match.span()) for match in _url_candidates().finditer(text)]
        matches = [
            *address,
            *(one for one in matches if all(one[2] <= url[1] or one[1] >= url[2] for url in address)),
        ]
    return [Span(*one) for one in found_codes(text, sorted(matches, key=lambda one: one[1]))]


@cache
def _candidates() -> Any:
    import re2

    return re2.compile(CANDIDATE)


@cache
def _code_candidates() -> Any:
    import re2

    told = "|".join(f"(?P<{kind}>{code.pattern})" for kind, code in CODES.items() if kind != "url")
    return re2.compile(told)


@cache
def _url_candidates() -> Any:
    import re2

    return re2.compile(CODES["url"].pattern)


# ── what stands around it ───────────────────────────────────────────────────────────────────────────────────────

BEFORE = 16  # characters looked at before a number for a word that says what it is
# Whichever stands nearest before a number says what it is: something to call, or the code of some thing.
_REACHES = re.compile(
    r"tel|phone|mobile|cell|mob|call|text|sms|whatsapp|wechat|fax|电话|手机|致电|拨打|联系|微信|号码",
    re.IGNORECASE,
)
_CODES = re.compile(
    r"order|invoice|serial|tracking|item|sku|isbn|issn|\bref\b|\bpart\b|model|batch|#|\bno\.|№"
    r"|订单|单号|编号|流水|运单|快递|货号|型号|批号|序列|条码|条形码|书号|学号|工号",
    re.IGNORECASE,
)
_VERSIONS = re.compile(r"(?:v|ver|version|release|build|版本|固件|驱动)[号:：. ]*$", re.IGNORECASE)
_GLUED_WORD = re.compile(r"[A-Za-z_]+$")
_GLUED_WORDS = re.compile(
    r"tel|phone|mobile|cell|mob|call|ph|wechat|wx|vx|qq|fax|sms|id|card|[ptmv]", re.IGNORECASE
)
_GLUED_IP = re.compile(r"ip(?:v?[46])?", re.IGNORECASE)
_MONEY_BEFORE = "¥￥$€£"
_MONEY_AFTER = re.compile(r"\s?(?:元|块|万|亿|美元|人民币|RMB|CNY|USD|%|％)")


def _fits_around(text: str, span: Span) -> bool:
    """Whether the words and characters beside a find leave it what it seems to be."""
    if span.kind == "email":
        return True
    before = text[max(0, span.start - BEFORE) : span.start]
    after = text[span.end : span.end + 4]
    glued = _GLUED_WORD.search(before)
    if glued and not (_GLUED_IP if span.kind == "ip" else _GLUED_WORDS).fullmatch(glued.group()):
        return False
    if before[-1:].isdigit() or (after[:1].isascii() and (after[:1].isalnum() or after[:1] == "_")):
        return False
    if span.kind == "ip":
        return _VERSIONS.search(before) is None
    if span.kind == "id_number":
        return True
    if (before[-1:] and before[-1] in _MONEY_BEFORE) or _MONEY_AFTER.match(after):
        return False
    coded, reached = _last(_CODES, before), _last(_REACHES, before)
    return coded <= reached


def _last(words: re.Pattern[str], text: str) -> int:
    """Where the last of `words` ends, or -1."""
    return max((match.end() for match in words.finditer(text)), default=-1)


# ── the kinds: each yields (start, end) in an ASCII piece ───────────────────────────────────────────────────────

_EMAIL = re.compile(
    r"[A-Za-z0-9_%+][A-Za-z0-9._%+\-]*@(?:[A-Za-z0-9](?:[A-Za-z0-9\-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,24}"
)
_FILE_ENDINGS = re.compile(
    r"png|jpe?g|gif|webp|svg|bmp|ico|css|js|json|html?|txt|pdf|py", re.IGNORECASE
)  # logo@2x.png


def _emails(piece: str) -> Iterator[Place]:
    for match in _EMAIL.finditer(piece):
        local, _, domain = match.group().rpartition("@")
        if not _FILE_ENDINGS.fullmatch(domain.rpartition(".")[2]) and ".." not in local and local[-1] != ".":
            yield match.span()


_ID_NUMBER = re.compile(r"(?<!\d)(\d{6})([ -]?)(\d{8})\2(\d{3}[\dXx])(?![\dXx])|(?<!\d)\d{15}(?!\d)")
_PROVINCES = frozenset(
    map(
        str,
        (
            *range(11, 16),
            *range(21, 24),
            *range(31, 38),
            *range(41, 47),
            *range(50, 55),
            *range(61, 66),
            71,
            81,
            82,
            83,
        ),
    )
)
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # 2^(17−i) mod 11, GB 11643-1999 §6
_ID_CHECKS = "10X98765432"


def _id_numbers(piece: str) -> Iterator[Place]:
    for match in _ID_NUMBER.finditer(piece):
        number = match.group().replace(" ", "").replace("-", "").upper()
        if number[:2] not in _PROVINCES:
            continue
        if len(number) == 18:
            total = sum(weight * int(digit) for weight, digit in zip(_ID_WEIGHTS, number, strict=False))
            good = _is_date(number[6:14]) and _ID_CHECKS[total % 11] == number[17]
        else:  # the first generation, without century and checksum, in use until 2013
            good = _is_date("19" + number[6:12])
        if good:
            yield match.span()


def _is_date(digits: str) -> bool:
    try:
        return 1850 <= datetime.date(int(digits[:4]), int(digits[4:6]), int(digits[6:])).year < 2100
    except ValueError:
        return False


_CARD = re.compile(
    r"(?<!\d)(?:\d{4}([ -]?)\d{4}\1\d{4}\1\d{1,4}(?:\1\d{1,3})?|\d{4}([ -])\d{6}\2\d{4,5}|\d{6}([ -])\d{8,13})(?!\d)"
)
# Lengths by the issuer's first digits: UnionPay and older Chinese cards, Visa, Mastercard, Amex, JCB, Discover, Diners.
_ISSUERS = re.compile(
    r"(?:62\d{14,17}|9558\d{12,15}|(?:60|68|69|90|94|98)\d{17}|4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2[2-7]\d{14}"
    r"|3[47]\d{13}|35\d{14}|6(?:011|5\d\d)\d{12}|3(?:0[0-5]|[68]\d)\d{11})"
)


def _cards(piece: str) -> Iterator[Place]:
    for match in _CARD.finditer(piece):
        for end in (match.end(), piece.rfind(match.group(1) or "\n", match.start(), match.end())):
            number = re.sub(r"\D", "", piece[match.start() : max(end, match.start())])
            if _ISSUERS.fullmatch(number) and luhn(number):
                yield match.start(), end
                break


def luhn(number: str) -> bool:
    """Whether the digits' checksum holds (ISO/IEC 7812-1, annex B)."""
    doubled = (int(digit) * 2 if at % 2 else int(digit) for at, digit in enumerate(reversed(number)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


_IP4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?!\d|\.\d)")
_IP6 = re.compile(r"[0-9A-Fa-f]{4}:[0-9A-Fa-f:]*")


def _ips(piece: str) -> Iterator[Place]:
    for match in (*_IP4.finditer(piece), *_IP6.finditer(piece)):
        try:
            address = ipaddress.ip_address(match.group())
        except ValueError:
            continue
        if not (address.is_loopback or address.is_unspecified or match.group().startswith(("0.", "255."))):
            yield match.span()


_ALONE = r"(?<![\d.])(?<!\d[ .-])"  # not after a digit, nor one behind a separator
_PHONE = re.compile(
    # Chinese mobile numbers, 3-4-4, with or without the country's code
    r"(?<![\d.])(?:(?:\((?:\+|00)?86\)|(?:\+|00)?86)[ -]?)?1[3-9]\d{9}(?!\.?\d)"
    r"|(?:(?<!\d)(?:\((?:\+|00)?86\)|(?:\+|00)?86)[ -]?|" + _ALONE + r")"
    r"1[3-9]\d(?:[ -]\d{4}[ -]?\d{4}|\d[ -]\d{3}[ -]?\d{4}|\d{4}[ -]\d{4}|[ -]\d{3}[ -]\d{5})(?![ .-]?\d)"
    # Chinese fixed lines: area code, seven or eight digits, an extension
    r"|"
    + _ALONE
    + r"(?:\(0(?:10|2\d|[3-9]\d\d)\) ?|0(?:10|2\d|[3-9]\d\d)[ -]?)[2-9]\d{2,3}[ -]?\d{4}(?:-\d{1,6})?(?!\d)"
    # E.164 with its plus or 00, 8 to 15 digits in up to six groups
    r"|(?<!\d)(?:\+|" + _ALONE + r"00)[1-9]\d{0,3}(?:[ .-]?\(\d{1,5}\))?(?:[ .-]?\d{1,12}){1,6}(?!\d)"
    # North America, 3-3-4; other national forms with the trunk's zero, in three groups
    r"|" + _ALONE + r"(?:1[ .-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[.-])[2-9]\d\d[ .-]\d{4}(?![ .-]?\d)"
    r"|" + _ALONE + r"0\d{2,4}[ -]\d{3,4}[ -]\d{3,4}(?![ .-]?\d)"
)


def _phones(piece: str) -> Iterator[Place]:
    for match in _PHONE.finditer(piece):
        digits = re.sub(r"\D", "", match.group())
        if 8 <= len(digits.removeprefix("00")) <= 15:
            yield match.span()


# In the order in which they claim a number: the stricter check first.
KINDS: dict[str, Callable[[str], Iterator[Place]]] = {
    "email": _emails,
    "id_number": _id_numbers,
    "bank_card": _cards,
    "ip": _ips,
    "phone": _phones,
}
ALL_KINDS = (*KINDS, *CODES)
DEFAULT_KINDS = tuple(sorted({*ALL_KINDS} - {"url"}))
TAGGED_KINDS = ("name", "place")  # what no pattern finds: `redact` takes them from a tagger
