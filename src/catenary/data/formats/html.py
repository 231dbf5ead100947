"""HTML: what a reader of the page would read. How it is taken from the page, the source's `extract:` says.

    main       the main content without menus, footers and the like (resiliparse: fast, the default)
    markdown   all but the ways to other pages, with headings and program text marked as in Markdown: for manuals, whose
               asides are content
    precise    the main content more exactly and twenty times slower (trafilatura)
    all        all visible text
    raw        the page as it is, with its markup: for a step to extract later

The page's encoding is the source's, that of its byte-order mark, UTF-8 where it holds, the one it declares, or the one
that is detected, in this order.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Any, Literal

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

from catenary.data.formats.encoding import Decoded, decoded
from catenary.data.formats.opened import Input, UnreadableError
from catenary.data.formats.reading import Reading
from catenary.data.formats.records import Records, one
from catenary.data.formats.text import encoding_meta, noted

Extract = Literal["main", "markdown", "precise", "all", "raw"]

CHARSET = re.compile(
    rb"""<meta[^>]{0,200}charset\s*=\s*["']?\s*([\w:.-]+)|<\?xml[^>]*encoding=["']([\w.-]+)""", re.I
)
# What the web means by a name (WHATWG Encoding): the wider encoding that browsers take.
WIDER = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "shift_jis": "cp932",
}
# What leads to other pages, by HTML's own names and by those that writers of manuals have (DocBook, Sphinx).
ELSEWHERE = (
    "nav, footer, form, [role=navigation], .docnav, .navheader, .navfooter, .sphinxsidebar, .headerlink"
)
MISTAKES = 0.01  # of the characters: more, and the page is not in the encoding that it declares


def read(given: Input, reading: Reading) -> Iterator[Records]:
    """The page's text, with its title and language in `meta`."""
    yield document(given.whole(reading.source.max_document_bytes), reading)


def document(data: bytes, reading: Reading, charset: str | None = None, offset: int = 1) -> Records:
    """The document that a page is. `charset` is what came with it over HTTP or mail."""
    told = noted(decoded_page(data, reading.source.encoding, charset), reading)
    if reading.source.extract == "raw":
        return one(told.text, encoding_meta(told), offset)
    tree = HTMLTree.parse(told.text)
    meta = encoding_meta(told) | _meta(tree)
    return one(extract(told.text, reading.source.extract, tree), meta, offset)


def extract(page: str, how: Extract = "main", tree: Any = None) -> str:
    """The text of a page. `tree` is the page when it is parsed already."""
    if how == "raw":
        return page
    if how == "precise":
        import trafilatura

        return trafilatura.extract(page, include_comments=False, deduplicate=False) or ""
    parsed = HTMLTree.parse(page) if tree is None else tree
    if how == "markdown":
        _mark(parsed)
    text: str = extract_plain_text(
        parsed, preserve_formatting=True, main_content=how == "main", list_bullets=False, alt_texts=False
    )
    return text


def _mark(tree: Any) -> None:
    """Write Markdown's marks into a page's headings and program text, and take out what only leads to other pages."""
    for element in tree.document.query_selector_all(ELSEWHERE):
        element.decompose()
    for level in range(1, 7):
        for heading in tree.document.query_selector_all(f"h{level}"):
            if heading.first_child is not None:
                heading.insert_before(tree.create_text_node("#" * level + " "), heading.first_child)
    for block in tree.document.query_selector_all("pre"):
        if block.first_child is not None:
            block.insert_before(tree.create_text_node("```\n"), block.first_child)
            block.append_child(tree.create_text_node("\n```\n"))


def decoded_page(data: bytes, stated: str | None = None, charset: str | None = None) -> Decoded:
    """A page's text. Raises UnreadableError where it is none."""
    told = decoded(data, stated) if stated else _utf8(data) or _as_declared(data, charset) or decoded(data)
    if told is None:
        raise UnreadableError("read:not_text")
    return told


def _utf8(data: bytes) -> Decoded | None:
    try:
        return Decoded(data.removeprefix(codecs.BOM_UTF8).decode(), "utf-8")
    except UnicodeDecodeError:
        return None


def _as_declared(data: bytes, charset: str | None) -> Decoded | None:
    found = CHARSET.search(data[:4096])
    named = charset or (found and (found[1] or found[2]).decode("ascii", "replace"))
    if not named or data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return None
    try:
        name = codecs.lookup(named).name
        name = WIDER.get(name, name)
        text = data.decode(name, "replace")
    except (LookupError, ValueError):  # no encoding at all, or one that is no encoding of text
        return None
    errors = text.count("\ufffd")
    return Decoded(text, name, errors) if errors <= MISTAKES * len(text) else None


def _meta(tree: Any) -> dict[str, str]:
    meta = {}
    if tree.title:
        meta["title"] = " ".join(tree.title.split())[:500]
    root = tree.document.query_selector("html[lang]") if tree.document else None
    if root is not None:
        meta["language"] = root.getattr("lang", "")[:20]
    return {name: value for name, value in meta.items() if value}
