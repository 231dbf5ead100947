"""The playground's streams when the service fails, breaks off, says too much or is left: told, and nothing held."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest

from tests.console.conftest import running
from tests.console.test_pages import token_of
from tests.serve.chains import serving, upstream, write_chain
from tests.serve.upstream_server import UpstreamServer

STREAM = {"accept": "text/event-stream"}


def asked(client: httpx.Client, root: str = "") -> tuple[str, dict[str, str]]:
    """Where to ask the endpoint `chat`, and with which fields."""
    page = f"{root}/playground/chat"
    return page, {"token": token_of(client.get(page).text), "text": "one", "max_tokens": "3"}


def requests_now(client: httpx.Client) -> str:
    told = client.get("/console/usage?csv=endpoints").content.decode("utf-8-sig")
    [row] = csv.DictReader(io.StringIO(told))
    return row["requests now"]


def test_what_the_service_refuses_or_breaks_off_is_told_and_nothing_is_held(tmp_path: Path) -> None:
    with UpstreamServer() as there:
        folder = write_chain(tmp_path / "up", endpoints={"chat": upstream(there.url)})
        with serving(folder) as served, served.http() as client:
            page, fields = asked(client, "/console")
            there.next(400)
            told = client.post(page, data=fields, headers=STREAM)
            assert told.status_code >= 400
            assert told.text
            there.next("cut")
            told = client.post(page, data=fields, headers=STREAM)
            assert "word" in told.text
            assert '"receipt"' not in told.text
            long = {**fields, "max_tokens": "1000"}
            with client.stream("POST", page, data=long, headers=STREAM) as answer:
                next(answer.iter_raw())  # and gone, in the middle of it
            patience = time.monotonic() + 120
            while requests_now(client) != "0":
                assert time.monotonic() < patience
                time.sleep(0.1)
            told = client.post(page, data=fields, headers=STREAM)
            assert '"receipt"' in told.text
            assert "Traceback" not in served.log


@contextmanager
def service_that(does: str) -> Iterator[str]:
    """A service elsewhere: its answers break off in the middle, or are far too large."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told = json.dumps({"data": [{"id": "chat", "task": "generate", "status": "released"}]}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            event = b'data: {"choices": [{"delta": {"content": "half"}}]}\n\n'
            told = event if does == "breaks" else b"x" * (9 << 20)
            self.send_response(200 if does == "breaks" else 500)
            self.send_header("content-length", str(len(told) + (1000 if does == "breaks" else 0)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: object) -> None:
            pass

    class Threads(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:  # who asked has gone
            pass

    server = Threads(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(("does", "status", "told"), [("breaks", 200, "half"), ("floods", 400, "too large")])
def test_a_service_elsewhere_that_fails_in_its_answer(
    tmp_path: Path, does: str, status: int, told: str
) -> None:
    folder = write_chain(tmp_path / "up", endpoints={})
    with service_that(does) as url, running(folder, "--service", url) as console, console.client() as client:
        page, fields = asked(client)
        answer = client.post(page, data=fields, headers=STREAM)
        assert (answer.status_code, told in answer.text) == (status, True)
        plain = client.post(page, data=fields)
        assert plain.status_code >= 400
        assert client.get("/playground").status_code == 200
