"""Tagged text: CoNLL (a token a line, the tag in the last column; CoNLL-U too), and `word/tag` lines.

    EU NNP B-NP B-ORG             人民网/nz  1月1日/t  讯/ng
    rejects VBZ B-VP O

A sentence is a document, with the columns `tokens` and `tags`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from catenary.data.annotations import annotations_in, text_of
from catenary.data.formats.lines import text_lines
from catenary.data.formats.opened import Input
from catenary.data.formats.reading import Reading
from catenary.data.formats.records import BATCH_ROWS, Records

MOST_TOKENS = 100_000  # of a sentence
CONLL_U_COLUMNS = 10  # https://universaldependencies.org/format.html
FORM, UPOS = 1, 3
# People's Daily 1998 begins each line with the article's number, and brackets names that are several words.
ARTICLE = re.compile(r"\d{8}-\d\d-\d\d\d-\d\d\d(/m)?")
BRACKETED = re.compile(r"\](?:/?[A-Za-z]+)?$")


def read_conll(one: Input, reading: Reading) -> Iterator[Records]:
    """Sentences apart by empty lines; comments and document marks are left out. Offsets are lines."""
    return _batches(_conll_sentences(one, reading), reading)


def read_word_tag(one: Input, reading: Reading) -> Iterator[Records]:
    """A sentence a line, its words apart by white space."""
    return _batches(_word_tag_sentences(one, reading), reading)


Sentence = tuple[int, list[str], list[str], str]  # line, tokens, tags, why it is none


def _conll_sentences(one: Input, reading: Reading) -> Iterator[Sentence]:
    tokens: list[str] = []
    tags: list[str] = []
    start, why = 1, ""
    number = 0
    for number, line in enumerate(text_lines(one, reading), 1):
        if line is not None and not line.strip():
            if tokens or why:
                yield start, tokens, tags, why
            tokens, tags, start, why = [], [], number + 1, ""
            continue
        if line is None or len(tokens) > MOST_TOKENS:
            why = "read:not_text" if line is None else "read:too_large"
            continue
        if line.startswith(("# ", "-DOCSTART-")):
            continue
        token = _token(line)
        if token is None:
            why = why or "read:bad_line"
        elif token[0]:
            tokens.append(token[0])
            tags.append(token[1])
    if tokens or why:
        yield start, tokens, tags, why


def _token(line: str) -> tuple[str, str] | None:
    """The token of a line and its tag; an empty token for a line that stands beside the tokens."""
    cells = line.split("\t") if "\t" in line else line.split(" ")
    cells = [cell for cell in cells if cell] if "\t" not in line else cells
    if len(cells) == CONLL_U_COLUMNS and re.fullmatch(r"\d+([-.]\d+)?", cells[0]):
        return (cells[FORM], cells[UPOS]) if cells[0].isdecimal() else ("", "")
    if len(cells) < 2 or not cells[0].strip():
        return None
    return cells[0].strip(), cells[-1].strip()


def _word_tag_sentences(one: Input, reading: Reading) -> Iterator[Sentence]:
    for number, line in enumerate(text_lines(one, reading), 1):
        if line is None:
            yield number, [], [], "read:not_text"
            continue
        tokens: list[str] = []
        tags: list[str] = []
        why = ""
        for at, piece in enumerate(line.split()):
            if at == 0 and ARTICLE.fullmatch(piece):
                continue
            word, slash, tag = BRACKETED.sub(
                "", piece.removeprefix("[") if len(piece) > 2 else piece
            ).rpartition("/")
            if not slash or not word or not tag:
                why = "read:bad_line"
            else:
                tokens.append(word)
                tags.append(tag)
        if tokens or why:
            yield number, tokens, tags, why


def _batches(sentences: Iterator[Sentence], reading: Reading) -> Iterator[Records]:
    records = Records(annotations=[])
    size = 0
    for offset, tokens, tags, why in sentences:
        columns = {"tokens": tokens, "tags": tags}
        text = text_of(columns) or ""
        if why:
            records.add(offset, whole=text.encode("utf-8", "replace"), why=why)
        else:
            records.add(offset, text, None, annotations_in(columns))
        size += len(text)
        if len(records.offsets) >= BATCH_ROWS or size >= 1 << 18:
            yield records
            records, size = Records(annotations=[]), 0
    yield records
