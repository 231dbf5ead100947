"""ZIP archives: each file in one is a part, `archive.zip!/a/b.html`."""

from __future__ import annotations

from collections.abc import Iterator

from catenary.data.formats.opened import Input, UnreadableError
from catenary.data.formats.parts import Names, outside
from catenary.data.formats.reading import Reading
from catenary.data.formats.records import Records
from catenary.data.formats.zip_file import entries, open_entry


def read(one: Input, reading: Reading) -> Iterator[Records]:
    """The files in it. Links are never followed, and names that lead out are not read."""
    names = Names()
    with one.seekable() as file:
        for entry in entries(file):
            name = names.unique(entry.name)
            if entry.is_folder:
                continue
            if entry.is_link:
                yield reading.refused(one, name, "read:link", entry.bytes)
            elif outside(entry.name):
                yield reading.refused(one, name, "read:outside_source", entry.bytes)
            else:
                try:
                    stream = open_entry(file, entry)
                except UnreadableError as error:
                    yield reading.refused(one, name, error.why, entry.bytes)
                    continue
                yield from reading.inside(one, name, stream, entry.bytes)
