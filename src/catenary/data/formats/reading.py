"""The reading of one file with all that is nested in it: format found, limits kept, nothing left out in silence.

    for records in Reading(source).file(file):
        records.part, records.texts, records.dropped        # "b/c.html", [...], [...]

Whatever a part holds, it never stops the run. What cannot be read is quarantined: one record without text, dropped for
a reason, with the number of its bytes in `meta`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from catenary.data import remote
from catenary.data.formats import detect, find
from catenary.data.formats.opened import BombError, Expansion, Input, UnreadableError, buffered
from catenary.data.formats.records import Records
from catenary.data.formats.rows import add_row
from catenary.errors import CatenaryError, InvalidInput

if TYPE_CHECKING:
    from catenary.data.source_files import SourceFile
    from catenary.data.sources import Source

MAX_DEPTH = 4  # archives within archives
MAX_PARTS = 1_000_000  # of one file, all levels together
QUARANTINED = "quarantined_bytes"  # in the meta of a record that stands for a file or part that was not read


class Reading:
    """One file being read.

    `skip` names parts (by their turn) that must not be tried again, with the reason: a part at which a process hung
    or died. `tick` is called while bytes arrive, `begin` with the turn of each part before it is opened, and
    `out_of_memory` when one took too much: parsers do not give all of it back, and what follows would suffer.
    """

    def __init__(
        self,
        source: Source,
        *,
        skip: Mapping[int, str] | None = None,
        tick: Callable[[], None] = lambda: None,
        begin: Callable[[int], None] = lambda turn: None,
        out_of_memory: Callable[[], None] = lambda: None,
    ) -> None:
        self.source = source
        self.notes: Counter[str] = Counter()  # encoding.<name>, encoding_errors, format.<name>
        self.tick = tick
        self._skip = skip or {}
        self._begin = begin
        self._out_of_memory = out_of_memory
        self._turn = 0
        self._expansion = Expansion.of(0)

    def file(self, file: SourceFile) -> Iterator[Records]:
        """The records of a source's file."""
        if self.source.database is not None:
            yield from self._rows(file)
        elif file.url is not None:
            with remote.opened(file) as stream:
                yield from self.stream(stream, file.name, file.bytes, file.format)
        else:
            try:
                with file.path.open("rb") as stream:
                    yield from self.stream(stream, file.name, file.bytes, file.format, file.path, file.other)
            except OSError:  # gone, or not ours to read; what happens within is caught there
                yield quarantined("read:unreadable", file.bytes)

    def _rows(self, file: SourceFile) -> Iterator[Records]:
        """The records that the rows of a query are."""
        self._begin(0)
        records = Records(labels=[], annotations=[])
        for offset, row in enumerate(remote.rows(self.source, file.fingerprint), 1):
            add_row(records, offset, row, self.source)
            if len(records.offsets) >= remote.ROWS:
                self.tick()
                yield records
                records = Records(labels=[], annotations=[])
        yield records

    def stream(
        self,
        file: BinaryIO,
        name: str,
        file_bytes: int,
        format: str | None = None,  # noqa: A002
        path: Path | None = None,
        other: Path | None = None,
    ) -> Iterator[Records]:
        """The records of an opened file."""
        self._expansion = Expansion.of(file_bytes)
        whole = Input(name, buffered(file, lambda count: self.tick()), "", path, other, file_bytes)
        try:
            yield from self._records(whole, format or self.source.format)
        except BombError as error:
            yield quarantined(error.why, file_bytes)

    def inside(
        self,
        outer: Input,
        name: str,
        stream: BinaryIO,
        part_bytes: int | None = None,
        format: str | None = None,  # noqa: A002
    ) -> Iterator[Records]:
        """The records of what stands in `outer` under `name`."""
        part = f"{outer.part}!/{name}" if outer.part else name
        inner = Input(
            name, buffered(stream, self.expanded), part, content_bytes=part_bytes, depth=outer.depth + 1
        )
        yield from self._records(inner, format or self.source.format)

    def unwrapped(self, outer: Input, name: str, stream: BinaryIO) -> Iterator[Records]:
        """The records of the one file that `outer` is the compressed form of; it keeps the part's name."""
        inner = Input(name, buffered(stream, self.expanded), outer.part, depth=outer.depth + 1)
        yield from self._records(inner, self.source.format)

    def refused(self, outer: Input, name: str, why: str, part_bytes: int = 0) -> Records:
        """The record of something in `outer` that must not be opened."""
        return quarantined(why, part_bytes, f"{outer.part}!/{name}" if outer.part else name)

    def expanded(self, count: int) -> None:
        """Count bytes that were decompressed. Raises BombError when there are too many."""
        self._expansion.add(count)
        self.tick()

    def _records(self, one: Input, declared: str | None) -> Iterator[Records]:
        turn = self._turn
        self._turn += 1
        self._begin(turn)
        last = 0
        try:
            if turn in self._skip:
                raise UnreadableError(self._skip[turn])
            if one.depth > MAX_DEPTH:
                raise UnreadableError("read:too_deep")
            if turn >= MAX_PARTS:
                raise UnreadableError("read:too_many_parts")
            name = detect.format_of(one.name, one.head(), declared, nested=one.depth > 0)
            reader = find(name)
            assert reader is not None
            self.notes[f"format.{name}"] += 1
            for records in reader.reader()(one, self):
                records.part = records.part or one.part
                if records.part == one.part and records.offsets:
                    last = records.offsets[-1]
                yield records
            return
        except (BombError, CatenaryError):
            raise
        except UnreadableError as error:
            why, sha256 = error.why, error.sha256
        except OSError:
            why, sha256 = "read:unreadable", None
        except MemoryError:
            self._out_of_memory()
            why, sha256 = "read:memory", None
        except RecursionError:
            why, sha256 = "read:too_deep", None
        except ImportError as error:
            raise _missing(name, error) from error
        except Exception:  # hostile bytes meet a dozen parsers here: whatever one raises, its file is damaged
            why, sha256 = "read:damaged", None
        told = quarantined(why, one.content_bytes or 0, one.part, last + 1)
        if sha256 is not None:
            told.sha256s = [sha256]
        yield told


def quarantined(why: str, part_bytes: int, part: str = "", offset: int = 1) -> Records:
    """The record of a file or part that is not read."""
    records = Records(metas=[], part=part)
    records.add(offset, why=why)
    records.metas = [{QUARANTINED: str(part_bytes)}]
    return records


def _missing(name: str, error: ImportError) -> InvalidInput:
    return InvalidInput(
        "Reading the format {format} needs a library that is not installed.",
        got=error.name or str(error),
        expected="Catenary with its extra `formats`",
        next="pip install 'catenary[formats]'",
        format=name,
    )
