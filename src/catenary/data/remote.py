"""Files that stand elsewhere (S3, HTTP and whatever else fsspec reaches), and rows of a database.

    pages:   {url: "https://example.org/pages.jsonl.gz", licence: CC-BY-4.0}
    logs:    {url: "s3://bucket/logs/*.parquet", licence: proprietary}
    tickets: {database: "env:TICKETS_URL", query: "SELECT id, body AS text FROM t ORDER BY id", licence: proprietary}

What they hold now is told by a fingerprint: a file's strong ETag where its server gives one, else the SHA-256 of its
bytes; of a query the SHA-256 of its rows. It is part of the recipe, and reading stops when it has changed since.
Credentials come from the environment, and are in no recipe, manifest or report.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urlsplit

from catenary.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from catenary.data.source_files import SourceFile
    from catenary.data.sources import Source

BLOCK_BYTES = 1 << 20
ROWS = 1000
QUERY = "query"  # the name of the one file that a query stands for


def remote_files(source: Source) -> Iterator[SourceFile]:
    """The files that the source's `url:` names: one file, a glob, or all below a folder, by name."""
    assert source.url is not None
    for url in (source.url,) if isinstance(source.url, str) else source.url:
        yield from _files_at(url, source)


def _files_at(url: str, source: Source) -> Iterator[SourceFile]:
    from catenary.data.source_files import SourceFile

    with _told(url):
        system, path = _fsspec().core.url_to_fs(url)
        if any(mark in path for mark in "*?["):
            places = sorted(system.glob(path))
            root = path.split("*")[0].split("?")[0].split("[")[0].rpartition("/")[0]
        elif system.info(path)["type"] == "file":
            places, root = [path], path.rpartition("/")[0]
        else:
            places, root = sorted(system.find(path)), path
    if not places:
        raise NotFound("No file of the source matches.", got=_shown(url))
    for place in places:
        with _told(url):
            info = system.info(place)
            if info["type"] != "file":
                continue
            where = system.unstrip_protocol(place)
            size = info.get("size")
            etag = str(info.get("ETag") or info.get("etag") or "")
            if etag and size is not None and not etag.startswith("W/"):
                mark = f"{size}:{etag.strip(chr(34))}"
            else:
                size, mark = _hashed(system, place)
        name = place.removeprefix(root).lstrip("/") or place
        name = urlsplit(name).path.rpartition("/")[2] if "://" in name else name
        yield SourceFile(
            "", PurePosixPath(name).name, name, None, int(size), source.format, url=where, fingerprint=mark
        )


def _hashed(system: Any, place: str) -> tuple[int, str]:
    sha256, size = hashlib.sha256(), 0
    with system.open(place, "rb") as file:
        while block := file.read(BLOCK_BYTES):
            sha256.update(block)
            size += len(block)
    return size, f"sha256:{sha256.hexdigest()}"


@contextmanager
def opened(file: SourceFile) -> Iterator[BinaryIO]:
    """A remote file, read from its start."""
    assert file.url is not None
    with _told(file.url), _fsspec().open(file.url, "rb") as stream:
        yield stream


@contextmanager
def _told(url: str) -> Iterator[None]:
    """Whatever a server or its client says, as an error that names the address."""
    try:
        yield
    except (InvalidInput, NotFound):
        raise
    except FileNotFoundError:
        raise NotFound("No file of the source matches.", got=_shown(url)) from None
    except ImportError as error:
        raise InvalidInput(
            "Reading this address needs a library that is not installed.",
            got=error.name or str(error),
            expected="Catenary with its extra `remote`",
            next="pip install 'catenary[remote]'",
        ) from error
    except Exception as error:  # each protocol has errors of its own
        raise InvalidInput(
            "The address cannot be read.", got=f"{_shown(url)}: {type(error).__name__}: {error}"[:500]
        ) from error


def _shown(url: str) -> str:
    """An address without the user and password that may stand in it."""
    scheme, found, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}" if found else url


def _fsspec() -> Any:
    import fsspec

    return fsspec


# ── rows of a database ──────────────────────────────────────────────────────────────────────────────────────────


def query_file(source: Source) -> SourceFile:
    """The rows of the source's query as a file of records; they are read once to know what they are now."""
    from catenary.data.source_files import SourceFile

    sha256, size = hashlib.sha256(), 0
    for row in rows(source):
        line = _line(row)
        sha256.update(line)
        size += len(line)
    return SourceFile("", QUERY, QUERY, None, size, None, fingerprint=sha256.hexdigest())


def rows(source: Source, fingerprint: str | None = None) -> Iterator[dict[str, Any]]:
    """The rows of the query as they come. Raises InvalidInput at their end when they are not those of `fingerprint`."""
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import SQLAlchemyError

    assert source.database is not None
    assert source.query is not None
    sha256 = hashlib.sha256()
    try:
        engine = create_engine(_address(source.database))
        try:
            with engine.connect().execution_options(stream_results=True, yield_per=ROWS) as connection:
                for row in connection.execute(text(source.query)).mappings():
                    told = dict(row)
                    sha256.update(_line(told))
                    yield told
        finally:
            engine.dispose()
    except (SQLAlchemyError, ImportError) as error:
        said = str(getattr(error, "orig", None) or error).strip().splitlines()
        raise InvalidInput(
            "The database does not answer the query.",
            got=f"{type(error).__name__}: {said[0] if said else ''}",
            where="query",
        ) from None  # the error's own text holds the address, with its password
    if fingerprint is not None and sha256.hexdigest() != fingerprint:
        raise InvalidInput("The rows of the query changed while they were read.", next="catenary run")


def _address(database: str) -> str:
    if not database.startswith("env:"):
        address = database
    elif not (address := os.environ.get(database.removeprefix("env:"), "")):
        raise InvalidInput(
            "The environment does not say where the database is.", got=database, where="database"
        )
    return address.replace("postgresql://", "postgresql+psycopg://", 1) if "+" not in address else address


def _line(row: dict[str, Any]) -> bytes:
    return (
        json.dumps(row, ensure_ascii=False, sort_keys=True, default=repr).encode("utf-8", "surrogatepass")
        + b"\n"
    )
