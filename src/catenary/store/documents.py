"""Finding one document among many: each dataset and collection carries `documents.parquet`, sorted by id.

Documents are no rows of the catalog. Beside the objects, under cache/documents/, lie each holder's ids alone, 32
bytes a document in their order, so that a look-up halves its way through a few pages of each; only the holders that
have the document are opened. The file's own statistics then name the one row group that can hold it.

The ids are a cache: written when an artifact is committed, and again whenever they are missing or not whole. Nobody
waits until the disk has them, so a power cut may leave any part: they end with their number, and a look-up that meets
ids out of their order takes none of the file.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catenary.errors import InvalidInput
from catenary.files import write_unsynced
from catenary.records import DOCUMENT_ID_DIGITS
from catenary.store.encrypted_file import is_encrypted

if TYPE_CHECKING:
    import pyarrow as pa

DOCUMENTS = "documents.parquet"
KINDS_WITH_DOCUMENTS = ("collection", "dataset")
MIN_PREFIX_DIGITS = 6
FOLDER = Path("cache", "documents")
READERS = min(4, os.cpu_count() or 1)  # more would wait for each other
_END = b"documents %22d"  # as long as an id


def find_document(path: Path, document_id: str) -> dict[str, Any] | None:
    """The row with this id in a Parquet file sorted by its column `id`, as a mapping of columns to values."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        names = [file.schema.column(leaf).path for leaf in range(len(file.schema))]
        column = names.index("id")  # statistics are kept by leaf, and a nested column has several
        for group in range(file.metadata.num_row_groups):
            known = file.metadata.row_group(group).column(column).statistics
            if known is not None and known.has_min_max:
                if document_id > known.max:
                    continue
                if document_id < known.min:
                    return None  # sorted: it would have come before
            ids = file.read_row_group(group, columns=["id"]).column("id")
            place = pc.index(ids, document_id).as_py()
            if place >= 0:
                row: dict[str, Any] = file.read_row_group(group).slice(place, 1).to_pylist()[0]
                return row
    return None


def write_ids(home: Path, artifact_id: str, folder: Path) -> None:
    """Write down the ids of the documents of the artifact in `folder`; none where it has no documents."""
    _write(home / FOLDER / artifact_id, _ids_in(folder / DOCUMENTS))


def _write(path: Path, ids: Sequence[memoryview]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_unsynced(path, [*ids, _END % (sum(map(len, ids)) // DOCUMENT_ID_DIGITS)])


def _ids_in(path: Path) -> list[memoryview]:
    """The ids in a Parquet file one after another, in pieces, as they lie in memory: no string is made of any."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    if not path.exists():
        return []
    with pq.ParquetFile(path, memory_map=True) as file:  # many files at once: each reads by itself
        ids = file.read(columns=["id"], use_threads=False)["id"]
    if ids.type != pa.string():
        ids = ids.cast(pa.string())
    pieces = []
    for chunk in ids.chunks:
        if not _all_whole(chunk):
            chunk = chunk.filter(pc.equal(pc.binary_length(chunk), DOCUMENT_ID_DIGITS))
        if len(chunk):
            first = int(np.frombuffer(chunk.buffers()[1], np.int32)[chunk.offset])
            pieces.append(memoryview(chunk.buffers()[2])[first:][: len(chunk) * DOCUMENT_ID_DIGITS])
    return pieces


def _all_whole(ids: pa.StringArray) -> bool:
    """Whether each of these is as long as an id, from where each begins: quicker than asking for their lengths."""
    import numpy as np

    if len(ids) == 0 or ids.null_count:
        return False
    starts = np.frombuffer(ids.buffers()[1], np.int32)[ids.offset :][: len(ids) + 1]
    return bool((np.diff(starts) == DOCUMENT_ID_DIGITS).all())


def ids_beginning(path: Path, prefix: str, *, at_most: int = 2) -> list[str] | None:
    """The ids that begin so, in a file that `write_ids` wrote; the first `at_most` of them.

    None where the file cannot be read or is not whole.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            count = len(data) // DOCUMENT_ID_DIGITS - 1
            if data[count * DOCUMENT_ID_DIGITS :] != _END % count:
                return None
            return _beginning(data, count, prefix, at_most)
    except (OSError, ValueError):  # nothing can be mapped of an empty file
        return None


def _beginning(ids: memoryview | mmap.mmap, count: int, prefix: str, at_most: int) -> list[str] | None:
    """Those of `count` ids in their order that begin so; None where the look-up meets some out of it."""

    def id_at(place: int) -> bytes:
        return bytes(ids[place * DOCUMENT_ID_DIGITS : (place + 1) * DOCUMENT_ID_DIGITS])

    wanted = prefix.encode("ascii", "replace")
    low, lowest, high, highest = 0, b"\x01", count, b"\xff"
    while low < high:
        middle = (low + high) // 2
        id = id_at(middle)
        if not lowest <= id <= highest:
            return None
        if id < wanted:
            low, lowest = middle + 1, id
        else:
            high, highest = middle, id
    found = [id_at(place) for place in range(low, min(low + at_most, count))]
    if any(after < before for before, after in pairwise([lowest, *found])):
        return None
    return [id.decode("ascii", "replace") for id in found if id.startswith(wanted)]


def holders(
    home: Path, artifacts: Iterable[tuple[str, Callable[[], Path]]], prefix: str
) -> Iterator[tuple[str, list[str]]]:
    """Those of `artifacts` (id, how to open it) that have documents whose ids begin so, with two of these at most."""
    artifacts = list(artifacts)
    found = {artifact_id: ids_beginning(home / FOLDER / artifact_id, prefix) for artifact_id, _ in artifacts}
    unknown = [(artifact_id, folder()) for artifact_id, folder in artifacts if found[artifact_id] is None]
    found |= _read_and_write_all(home, unknown, prefix)
    for artifact_id, ids in found.items():
        if ids:
            yield artifact_id, ids


def _read_and_write_all(
    home: Path, artifacts: Sequence[tuple[str, Path]], prefix: str
) -> dict[str, list[str] | None]:
    """The ids that begin so of each artifact, from its documents, and all of its ids written down."""

    def some(start: int) -> dict[str, list[str] | None]:
        found: dict[str, list[str] | None] = {}
        for artifact_id, folder in artifacts[start::READERS]:
            pieces = _ids_in(folder / DOCUMENTS)
            with suppress(OSError):  # a full disk, or one that is only read: the next look-up reads again
                _write(home / FOLDER / artifact_id, pieces)
            found[artifact_id] = [
                id
                for ids in pieces
                for id in _beginning(ids, len(ids) // DOCUMENT_ID_DIGITS, prefix, at_most=2) or ()
            ][:2]
        return found

    if not artifacts:
        return {}
    found: dict[str, list[str] | None] = {}
    with ThreadPoolExecutor(READERS) as pool:
        for some_found in pool.map(some, range(min(READERS, len(artifacts)))):
            found |= some_found
    return found


def are_plain(folder: Path) -> bool:
    """Whether the documents of an artifact can be read where they lie; False where there are none."""
    try:
        return not is_encrypted(folder / DOCUMENTS)
    except FileNotFoundError:
        return False


def forget_ids(home: Path, artifact_id: str) -> None:
    """Drop what `write_ids` wrote of an artifact that is no more."""
    with suppress(FileNotFoundError):
        (home / FOLDER / artifact_id).unlink()


def require_prefix(prefix: str) -> None:
    """Raises InvalidInput for less of a document's id than tells it apart."""
    if len(prefix) < MIN_PREFIX_DIGITS:
        raise InvalidInput(
            "A document's id needs more digits than this.",
            got=f"doc:{prefix}",
            expected="at least {digits} hexadecimal digits",
            next="catenary trace doc:<id>",
            digits=MIN_PREFIX_DIGITS,
        )


def ambiguous(prefix: str, ids: Iterable[str]) -> InvalidInput:
    """The error for a prefix that several documents have."""
    return InvalidInput(
        "Several documents have an id that begins so.",
        got=f"doc:{prefix}",
        expected="enough digits to tell them apart: {ids} …",
        ids=", ".join(f"doc:{id}" for id in sorted(ids)),
    )
