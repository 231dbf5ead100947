"""Finding one document among many: each dataset and collection carries `documents.parquet`, sorted by id.

Documents are no rows of the catalog. Beside the objects, under cache/documents/, lie each holder's ids alone, 32
bytes a document in their order, so that a look-up halves its way through a few pages of each; only the holders that
have the document are opened. The file's own statistics then name the one row group that can hold it.

The ids are a cache: written when an artifact is committed, and again whenever one is missing.
"""

from __future__ import annotations

import mmap
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from catenary.errors import InvalidInput
from catenary.files import make_folder, write_whole_or_lose
from catenary.records import DOCUMENT_ID_DIGITS

DOCUMENTS = "documents.parquet"
KINDS_WITH_DOCUMENTS = ("collection", "dataset")
MIN_PREFIX_DIGITS = 6
FOLDER = Path("cache", "documents")
WRITERS = 4  # more would wait for each other


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
    path = home / FOLDER / artifact_id
    make_folder(path.parent)
    source = folder / DOCUMENTS
    write_whole_or_lose(path, _ids_in(source) if source.exists() else b"")


def _ids_in(path: Path) -> bytes:
    """The ids in a Parquet file, one after another, as they lie in memory: no string is made of any."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, memory_map=True) as file:  # many files at once: each reads by itself
        ids = file.read(columns=["id"], use_threads=False)["id"].cast(pa.string())
    whole = ids.filter(pc.equal(pc.binary_length(ids), DOCUMENT_ID_DIGITS))
    return b"".join(
        memoryview(chunk.buffers()[2])[chunk.offset * DOCUMENT_ID_DIGITS :][: len(chunk) * DOCUMENT_ID_DIGITS]
        for chunk in whole.chunks
        if len(chunk)
    )


def ids_beginning(path: Path, prefix: str, *, at_most: int = 2) -> list[str]:
    """The ids that begin so, in a file that `write_ids` wrote; the first `at_most` of them."""
    wanted = prefix.encode("ascii", "replace")
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size == 0:
            return []
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            count = size // DOCUMENT_ID_DIGITS

            def id_at(place: int) -> bytes:
                return data[place * DOCUMENT_ID_DIGITS : (place + 1) * DOCUMENT_ID_DIGITS]

            first = bisect_left(range(count), wanted, key=id_at)
            found = (id_at(place) for place in range(first, min(first + at_most, count)))
            return [id.decode("ascii", "replace") for id in found if id.startswith(wanted)]


def holders(
    home: Path, artifacts: Iterable[tuple[str, Callable[[], Path]]], prefix: str
) -> Iterator[tuple[str, list[str]]]:
    """Those of `artifacts` (id, how to open it) that have documents whose ids begin so, with two of these at most."""
    artifacts = list(artifacts)
    missing = [one for one in artifacts if not (home / FOLDER / one[0]).exists()]
    _write_all(home, [(artifact_id, folder()) for artifact_id, folder in missing])
    for artifact_id, _ in artifacts:
        if found := ids_beginning(home / FOLDER / artifact_id, prefix):
            yield artifact_id, found


def _write_all(home: Path, artifacts: Sequence[tuple[str, Path]]) -> None:
    """Write down the ids of many artifacts; most of it is waiting for the disk, so all wait together."""
    with ThreadPoolExecutor(WRITERS) as pool:
        for done in [pool.submit(write_ids, home, artifact_id, folder) for artifact_id, folder in artifacts]:
            done.result()


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
