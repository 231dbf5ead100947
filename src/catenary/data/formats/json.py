"""JSON: an array of records, records one after the other, one record, or SQuAD's tree of questions.

An array is read an element at a time, so it may be as large as it likes.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import Any

from catenary.data.formats.encoding import detected
from catenary.data.formats.opened import Input, UnreadableError
from catenary.data.formats.reading import Reading
from catenary.data.formats.records import BATCH_ROWS, BLOCK_BYTES, Records
from catenary.data.formats.rows import add_row

LARGEST_VALUE = 8  # documents' worth: SQuAD is one value of 40 MB


def read(one: Input, reading: Reading) -> Iterator[Records]:
    """A document an element; the questions of a tree in SQuAD's shape one by one."""
    records, size, offset = Records(labels=[], annotations=[]), 0, 0
    try:
        for value in _values(one, reading):
            for row in _rows(value):
                offset += 1
                if isinstance(row, dict):
                    add_row(records, offset, row, reading.source, _bytes(row))
                else:
                    records.add(offset, whole=_bytes(row), why="read:bad_json")
                size += len(records.texts[-1])
                if len(records.offsets) >= BATCH_ROWS or size >= BLOCK_BYTES:
                    yield records
                    records, size = Records(labels=[], annotations=[]), 0
    except UnreadableError:
        yield records  # what came before is whole
        raise
    yield records


def _bytes(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _rows(value: Any) -> Iterator[Any]:
    """What one value stands for: itself, the records in its `data`, or the questions in its paragraphs."""
    if isinstance(value, dict) and isinstance(value.get("data"), list):
        for article in value["data"]:
            if isinstance(article, dict) and isinstance(article.get("paragraphs"), list):
                yield from _questions(article["paragraphs"])
            else:
                yield article
    elif isinstance(value, dict) and isinstance(value.get("paragraphs"), list):
        yield from _questions(value["paragraphs"])
    else:
        yield value


def _questions(paragraphs: list[Any]) -> Iterator[Any]:
    """SQuAD (Rajpurkar et al. 2016, 2018): questions on a context, some without an answer in it."""
    for paragraph in paragraphs:
        for asked in paragraph.get("qas") or () if isinstance(paragraph, dict) else ():
            answers = (asked.get("answers") or []) if isinstance(asked, dict) else []
            yield {
                "question": asked.get("question") if isinstance(asked, dict) else None,
                "context": paragraph.get("context"),
                "answers": {
                    "text": [answer.get("text") for answer in answers if isinstance(answer, dict)],
                    "answer_start": [
                        answer.get("answer_start") for answer in answers if isinstance(answer, dict)
                    ],
                },
            }


def _values(one: Input, reading: Reading) -> Iterator[Any]:
    """The values that stand one after the other, the elements of an array for itself."""
    text = _Text(one, reading)
    in_array = False
    while text.more():
        mark = text.held[text.at]
        if mark == "[" and not in_array:
            in_array = True
        elif mark in ",]" and in_array:
            in_array = mark == ","
        else:
            yield text.value()
            continue
        text.at += 1


class _Text:
    """The file's text from where it has been read to, as much as one value needs."""

    def __init__(self, one: Input, reading: Reading) -> None:
        name = reading.source.encoding or detected(one.head(1 << 16)) or "utf-8"
        reading.notes[f"encoding.{name}"] += 1
        self._stream = one.stream
        self._decoder = codecs.getincrementaldecoder(name)("strict")
        self._json = json.JSONDecoder()
        self._limit = LARGEST_VALUE * reading.source.max_document_bytes
        self._ended = False
        self.held = ""
        self.at = 0

    def more(self) -> bool:
        """Skip white space; whether anything is left."""
        while True:
            while self.at < len(self.held) and self.held[self.at] in " \t\r\n\ufeff":
                self.at += 1
            if self.at < len(self.held):
                return True
            if not self._fill(BLOCK_BYTES):
                return False

    def value(self) -> Any:
        """The value that begins here. Raises UnreadableError where there is none, for what follows is lost."""
        while True:
            try:
                value, end = self._json.raw_decode(self.held, self.at)
                if end < len(self.held) or not self._fill(
                    BLOCK_BYTES
                ):  # a number may go on in the next block
                    self.at = end
                    return value
            except ValueError:
                held = len(self.held) - self.at
                if held > self._limit:
                    raise UnreadableError("read:too_large") from None
                if not self._fill(max(BLOCK_BYTES, held)):
                    raise UnreadableError("read:bad_json") from None

    def _fill(self, count: int) -> bool:
        if self._ended:
            return False
        data = self._stream.read(count)
        self._ended = not data
        try:
            new = self._decoder.decode(data, final=self._ended)
        except UnicodeDecodeError:
            raise UnreadableError("read:not_text") from None
        self.held, self.at = self.held[self.at :] + new, 0
        return bool(new) or not self._ended
