"""tar archives: each file in one is a part, `archive.tar.gz!/a/b.html`."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator

from catenary.data.formats.opened import Input, UnreadableError
from catenary.data.formats.parts import Names, outside
from catenary.data.formats.reading import Reading
from catenary.data.formats.records import Records

LONGEST_HEADER_BYTES = 1 << 20  # of a name or a PAX header, which the library reads as a whole


class _Member(tarfile.TarInfo):
    """A member whose extended header is not read when it is larger than any honest one."""

    __slots__ = ()

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if not self.isreg() and self.size > LONGEST_HEADER_BYTES and self.type not in tarfile.REGULAR_TYPES:
            raise UnreadableError("read:damaged")
        return super()._proc_member(archive)  # type: ignore[misc,no-any-return]


def read(one: Input, reading: Reading) -> Iterator[Records]:
    """The files in it, as they come. Symbolic and hard links are never followed, devices never opened."""
    names = Names()
    try:
        with tarfile.open(fileobj=one.stream, mode="r|", tarinfo=_Member, errorlevel=2) as archive:
            while (member := archive.next()) is not None:
                archive.members.clear()  # type: ignore[attr-defined] # the library would keep them all
                if member.isdir():
                    continue
                name = names.unique(member.name)
                if member.issym() or member.islnk():
                    yield reading.refused(one, name, "read:link", member.size)
                elif not member.isreg():
                    yield reading.refused(one, name, "read:not_a_file", member.size)
                elif outside(member.name):
                    yield reading.refused(one, name, "read:outside_source", member.size)
                else:
                    stream = archive.extractfile(member)
                    assert stream is not None
                    yield from reading.inside(one, name, stream, member.size)  # type: ignore[arg-type]
    except tarfile.TarError:
        raise UnreadableError("read:damaged") from None
