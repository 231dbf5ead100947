"""gettext catalogs (.po, .pot): what a program says and its translation. Each message is a pair `source`, `target`.

    msgid "%d file"                 → source "%d file", target "%d Datei": the singular with the first form,
    msgid_plural "%d files"         → source "%d files", target "%d Dateien": the plural with each of the others;
    msgstr[0] "%d Datei"              where a language has one form alone (Chinese), it is that of the plural
    msgstr[1] "%d Dateien"

What is fuzzy, obsolete or not translated is dropped with that as its reason. Texts are left as they stand: line feeds,
placeholders, and the marks of keyboard shortcuts (`_`, `&`, `~`). `languages: [en, zh]` of the source says which
language is which where a catalog's header names its own; without it, `source` is the msgid.

https://www.gnu.org/software/gettext/manual/html_node/PO-Files.html
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from catenary.data.annotations import annotations_in, text_of
from catenary.data.formats.lines import decoded_blocks
from catenary.data.formats.opened import Input
from catenary.data.formats.reading import Reading
from catenary.data.formats.records import BATCH_ROWS, BLOCK_BYTES, Records

STRING = re.compile(r'\s*"([^"\\]*+(?:\\.[^"\\]*+)*+)"')
KEYWORD = re.compile(r"(msgctxt|msgid_plural|msgid|msgstr(?:\[(\d{1,2})\])?)(?=[\s\"]|$)")
HEAD_BYTES = 1 << 16
BYTE = re.compile(r"\\(?:[0-7]{1,3}|x[0-9A-Fa-f]{1,2})")
ESCAPE = re.compile(rf"((?:{BYTE.pattern})+)|\\(.)")
ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "a": "\a", '"': '"', "\\": "\\"}
CHARSET = re.compile(rb'^"Content-Type:[^"\n]*charset=([\w.:-]+)', re.IGNORECASE | re.MULTILINE)
# Those that gettext allows of which Python knows the like; GB2312 is what people call all of GB18030.
CHARSETS = re.compile(
    r"ascii|us-ascii|utf-?8|iso-8859-\d+|koi8-[rut]|cp\d{3,4}|gb2312|gbk|gb18030|big5|big5-hkscs"
    r"|euc-(?:jp|kr)|shift_jis|johab|tis-620"
)
READ_AS = {"gb2312": "gb18030", "gbk": "gb18030", "ascii": "utf-8", "us-ascii": "utf-8"}


def read(one: Input, reading: Reading) -> Iterator[Records]:
    """A pair a message, or a form of one that counts; offsets are the lines of the translations."""
    wanted = tuple(map(_language, reading.source.languages or ()))
    language = ""
    records, size = Records(annotations=[]), 0
    for message in _messages(one, reading):
        if message.is_header:
            language = _language(_header(message.forms[0].text, "Language"))
            continue
        size += message.size
        _add(records, message, _order(language, wanted))
        if len(records.offsets) >= BATCH_ROWS or size >= BLOCK_BYTES:
            yield records
            records, size = Records(annotations=[]), 0
    yield records


@dataclass(slots=True)
class _Text:
    """A string of an entry, at the line of its keyword."""

    line: int
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.pieces)


@dataclass(slots=True)
class _Message:
    """An entry as far as it has been read."""

    line: int
    texts: dict[str, _Text] = field(default_factory=dict)  # by keyword
    forms: dict[int, _Text] = field(default_factory=dict)  # msgstr
    fuzzy: bool = False
    obsolete: bool = False
    why: str = ""
    size: int = 0
    _into: _Text | None = None  # what a line of strings alone goes on with

    def take(self, number: int, line: str, limit: int) -> None:
        """A line of the entry: a keyword, strings, or both."""
        self.size += len(line)
        keyword = KEYWORD.match(line)
        at = 0
        if keyword is not None:
            at = keyword.end()
            held: dict[Any, _Text] = self.forms if keyword[1].startswith("msgstr") else self.texts
            name = int(keyword[2] or 0) if held is self.forms else keyword[1]
            if held is self.forms and not self.forms:
                self.line = number
            if name in held:
                self.why = self.why or "read:bad_line"
            held[name] = self._into = _Text(number)
        if self.size > limit:
            self.why = self.why or "read:too_large"
        while not self.why and (found := STRING.match(line, at)) is not None and self._into:
            self._into.pieces.append(_unescaped(found[1]))
            at = found.end()
        if at < len(line) or self._into is None:
            self.why = self.why or "read:bad_line"

    @property
    def is_header(self) -> bool:
        return (
            not self.why
            and "msgctxt" not in self.texts
            and "msgid" in self.texts
            and not self.texts["msgid"].text
            and 0 in self.forms
        )

    def dropped(self) -> str:
        """Why it is no pair, or nothing."""
        if self.why or "msgid" not in self.texts or 0 not in self.forms:
            return self.why or "read:bad_line"
        if self.obsolete:
            return "read:obsolete"
        return "read:fuzzy" if self.fuzzy else ""

    def pairs(self) -> Iterator[tuple[int, str, str]]:
        """(line, msgid, msgstr) of each form."""
        single = self.texts["msgid"].text
        plural = self.texts["msgid_plural"].text if "msgid_plural" in self.texts else single
        for form, told in sorted(self.forms.items()):
            yield told.line, single if form == 0 and len(self.forms) > 1 else plural, told.text


def _add(records: Records, message: _Message, order: Sequence[int]) -> None:
    why = message.dropped()
    if why:
        held = message.texts.get("msgid")
        records.add(message.line, whole=(held.text if held else "").encode("utf-8", "replace"), why=why)
        return
    for line, *pair in message.pairs():
        if not pair[1].strip():
            records.add(line, whole=pair[0].encode("utf-8", "replace"), why="read:untranslated")
        elif not order:
            records.add(line, whole=pair[0].encode("utf-8", "replace"), why="read:no_such_language")
        else:
            columns = {"source": pair[order[0]], "target": pair[order[1]]}
            records.add(line, text_of(columns) or "", None, annotations_in(columns))


def _order(language: str, wanted: Sequence[str]) -> Sequence[int]:
    """Which of (msgid, msgstr) is the source, which the target; nothing where the catalog is in another language."""
    if not wanted or not language:
        return (0, 1)
    for told, order in ((wanted[1], (0, 1)), (wanted[0], (1, 0))):
        if language == told or language.startswith(f"{told}-"):
            return order
    return ()


def _language(code: str) -> str:
    """`zh_CN.UTF-8` as `zh-cn`."""
    return re.split(r"[.@]", code.strip())[0].replace("_", "-").lower()


def _header(text: str, name: str) -> str:
    found = re.search(rf"^{name}:(.*)$", text, re.MULTILINE | re.IGNORECASE)
    return found[1] if found else ""


def _messages(one: Input, reading: Reading) -> Iterator[_Message]:
    """Entries, each ended by an empty line, or by what can only begin another."""
    message: _Message | None = None
    for number, line, why in _lines(one, reading):
        obsolete = line.startswith("#~")
        line = line.removeprefix("#~").strip()
        if message is not None and _ends(message, line) and not why:
            yield message
            message = None
        if not why and (not line or (obsolete and line.startswith("|")) or line.startswith("domain ")):
            continue
        message = message or _Message(number)
        message.why = message.why or why
        if why:
            continue
        if line.startswith("#"):
            message.fuzzy |= line.startswith("#,") and "fuzzy" in re.split(r"[,\s]+", line)
        else:
            message.obsolete |= obsolete
            message.take(number, line, reading.source.max_document_bytes)
    if message is not None and _ends(message, ""):
        yield message


def _ends(message: _Message, line: str) -> bool:
    """Whether an entry of which something has been read ends before this line."""
    if not line:
        return bool(message.texts or message.forms or message.why)
    if line.startswith(("#", "msgctxt", "domain ")):
        return bool(message.forms)
    return re.match(r"msgid\b", line) is not None and ("msgid" in message.texts or bool(message.forms))


def _unescaped(text: str) -> str:
    return ESCAPE.sub(_escaped, text) if "\\" in text else text


def _escaped(found: re.Match[str]) -> str:
    if found[2] is not None:
        return ESCAPED.get(found[2], found[2])
    told = (one[1:] for one in BYTE.findall(found[1]))
    return bytes(int(one[1:], 16) if one[0] == "x" else int(one, 8) & 0xFF for one in told).decode(
        "utf-8", "replace"
    )


def _lines(one: Input, reading: Reading) -> Iterator[tuple[int, str, str]]:
    """(number, line, why there is none)."""
    number = 0
    for block, texts in decoded_blocks(one, reading, _charset(one.head(HEAD_BYTES))):
        for at, text in enumerate(texts):
            number += 1
            yield number, text or "", _why(text, at in block.too_large)


def _why(text: str | None, too_large: bool) -> str:
    if too_large:
        return "read:too_large"
    return "read:not_text" if text is None else ""


def _charset(head: bytes) -> str | None:
    """The encoding that a catalog's header tells; none where it tells none that gettext knows."""
    found = CHARSET.search(head)
    told = found[1].decode("ascii", "replace").lower() if found else ""
    if not CHARSETS.fullmatch(told):
        return None
    try:
        return codecs.lookup(READ_AS.get(told, told)).name
    except LookupError:
        return None
