"""PDF: the text of all pages (PDFium). It runs in a process that can be killed: see `workers.py`."""

from __future__ import annotations

from collections.abc import Iterator

import pypdfium2 as pdfium

from catenary.data.formats.opened import Input, UnreadableError
from catenary.data.formats.reading import Reading
from catenary.data.formats.records import Records, one

MOST_PAGES = 50_000


def read(given: Input, reading: Reading) -> Iterator[Records]:
    """The document's text, pages apart by an empty line; a scan without text is empty."""
    with given.on_disk() as path:
        try:
            document = pdfium.PdfDocument(path)
        except pdfium.PdfiumError as error:
            why = "read:encrypted" if "assword" in str(error) else "read:damaged"
            raise UnreadableError(why) from None
        try:
            yield _text(document, reading)
        except pdfium.PdfiumError:
            raise UnreadableError("read:damaged") from None
        finally:
            document.close()


def _text(document: pdfium.PdfDocument, reading: Reading) -> Records:
    pages: list[str] = []
    size = 0
    for number in range(len(document)):
        if number >= MOST_PAGES:
            raise UnreadableError("read:too_large")
        page = document[number]
        words = page.get_textpage()
        pages.append(words.get_text_bounded().replace("\r\n", "\n").replace("\ufffe", "").strip())
        words.close()
        page.close()
        size += len(pages[-1])
        if size > reading.source.max_document_bytes:
            raise UnreadableError("read:too_large")
        reading.tick()
    meta = {"pages": str(len(pages))}
    title = " ".join(document.get_metadata_value("Title").split())
    return one("\n\n".join(filter(None, pages)), meta | ({"title": title[:500]} if title else {}))
