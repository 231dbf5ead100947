from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from catenary.data import Source, collect, read, resolve
from catenary.data.settings import parse
from catenary.errors import CatenaryError, InvalidInput, NotFound
from tests.store.postgres import new_database


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A real HTTP server of the folder `served`."""
    (tmp_path / "served").mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(tmp_path / "served"))) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


def source(**settings: object) -> Source:
    return parse(Source, {"licence": "MIT", **settings}, "sources.s")


def test_files_over_http(tmp_path: Path, server: str) -> None:
    lines = gzip.compress("一\n二\n".encode())
    (tmp_path / "served" / "a.lines.gz").write_bytes(lines)
    given = source(url=f"{server}/a.lines.gz")
    [file] = files = resolve(given, tmp_path)
    assert (file.name, file.bytes) == ("a.lines.gz", len(lines))
    report = collect(given, files, "s", tmp_path / "out", tmp_path / "state")
    assert (report.documents, report.encodings) == (2, {"utf-8": 1})
    [batch] = read(given, files, "s")
    assert batch.column("text").to_pylist() == ["一", "二"]
    assert batch.column("file").to_pylist() == ["a.lines.gz"] * 2
    (tmp_path / "served" / "a.lines.gz").write_bytes(gzip.compress(b"other\n"))
    [changed] = resolve(given, tmp_path)
    assert changed.fingerprint != file.fingerprint
    with pytest.raises(NotFound):
        resolve(source(url=f"{server}/none.txt"), tmp_path)


def test_folders_and_globs_that_fsspec_reaches(tmp_path: Path) -> None:
    for name in ("x/a.txt", "x/y/b.txt", "x/c.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("text\nz\n")
    for url, names in (
        (f"file://{tmp_path}/x", ["a.txt", "c.csv", "y/b.txt"]),
        (f"file://{tmp_path}/x/*.csv", ["c.csv"]),
        (f"file://{tmp_path}/x/**/*.txt", ["a.txt", "y/b.txt"]),
    ):
        found = [file.name for file in resolve(source(url=url), tmp_path)]
        assert found == names


def test_a_password_is_in_no_error(tmp_path: Path) -> None:
    with pytest.raises(CatenaryError) as error:
        resolve(source(url="http://user:hunter2@127.0.0.1:9/x.txt"), tmp_path)
    assert "hunter2" not in str(error.value)
    with pytest.raises(CatenaryError) as error:
        resolve(
            source(database="postgresql://user:hunter2@127.0.0.1:9/x", query="SELECT 1 ORDER BY 1"), tmp_path
        )
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_rows_of_a_query(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    with new_database() if kind == "postgresql" else nullcontext(f"sqlite:///{tmp_path}/d.db") as url:
        engine = create_engine(url)

        def run(*statements: str) -> None:
            with engine.begin() as connection:
                for statement in statements:
                    connection.execute(text(statement))

        run(
            "CREATE TABLE t (id INTEGER, body TEXT, queue TEXT)",
            "INSERT INTO t VALUES (2, '第二', 'a'), (1, '第一', 'b')",
        )
        monkeypatch.setenv("TICKETS", url)
        query = "SELECT body AS text, queue FROM t ORDER BY id"
        given = source(database="env:TICKETS", query=query, label="queue")
        files = resolve(given, tmp_path)
        report = collect(given, files, "s", tmp_path / "out", tmp_path / "state", workers=1)
        assert (report.documents, report.labels) == (2, {"a": 1, "b": 1})
        [batch] = read(given, files, "s")
        assert batch.column("text").to_pylist() == ["第一", "第二"]
        run("UPDATE t SET body = 'other' WHERE id = 1")
        with pytest.raises(InvalidInput, match="changed"):
            list(read(given, files, "s"))
        assert resolve(given, tmp_path)[0].fingerprint != files[0].fingerprint
        engine.dispose()


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"database": "sqlite://", "query": "SELECT 1 AS text"}, "in an order"),
        ({"database": "sqlite://"}, "in an order"),
        ({"url": "s3://x", "path": "y"}, "exactly one way"),
        ({"url": "s3://x", "files": ["*"]}, "stands beside"),
        ({"url": "s3://x", "licence": None}, "needs its licence"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, object], word: str) -> None:
    with pytest.raises(InvalidInput, match=word):
        source(**settings)


def test_objects_in_s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = pytest.importorskip(
        "moto.server", reason="a local S3 needs moto, which few other tests would use"
    )
    import s3fs

    running = server.ThreadedMotoServer(port=0)
    running.start()
    try:
        host, port = running.get_host_and_port()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        store = s3fs.S3FileSystem()
        store.mkdir("bucket")
        for name, data in (("a.lines", b"one\n"), ("x/b.lines.gz", gzip.compress(b"two\n"))):
            store.pipe(f"bucket/logs/{name}", data)
        given = source(url="s3://bucket/logs")
        files = resolve(given, tmp_path)
        assert [file.name for file in files] == ["a.lines", "x/b.lines.gz"]
        assert all(file.fingerprint and "sha256" not in file.fingerprint for file in files)
        report = collect(given, files, "s", tmp_path / "out", tmp_path / "state", workers=1)
        assert (report.documents, report.quarantined["count"]) == (2, 0)
    finally:
        running.stop()
