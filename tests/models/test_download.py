"""Fetching a model: the real client against a server of our own that speaks the hub's protocol."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch

from catenary.errors import InvalidInput, NotFound
from catenary.models import build, configure, download, load, save
from tests.models.reference import token_ids
from tests.models.test_model import TINY

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    files: dict[str, bytes]

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name it has above
        pass

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def answer(self) -> None:
        path = self.path.split("?")[0]
        if path.startswith("/api/models/us/tiny/revision/"):
            siblings = [{"rfilename": name} for name in self.files]
            self.send(
                json.dumps({"id": "us/tiny", "sha": COMMIT, "siblings": siblings}).encode(),
                "application/json",
            )
        elif path.startswith("/api/models/us/tiny/tree/"):
            tree = [
                {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
                for name, data in self.files.items()
            ]
            self.send(json.dumps(tree).encode(), "application/json")
        elif (name := path.removeprefix(f"/us/tiny/resolve/{COMMIT}/")) in self.files:
            self.send(self.files[name], "application/octet-stream")
        else:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def send(self, data: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[str]:
    source = tmp_path / "source"
    save(build(configure("bert", **TINY), "mlm", seed=1), source)
    Hub.files = {path.name: path.read_bytes() for path in source.iterdir()}
    Hub.files |= {
        "modeling_tiny.py": b"raise SystemExit",
        "pytorch_model.bin": b"pickle",
        "vocab.txt": b"a\nb\n",
    }
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


def test_fetches_what_we_read_and_nothing_else(hub: str, tmp_path: Path) -> None:
    folder = tmp_path / "fetched"
    assert download("hub:us/tiny", folder, endpoint=hub) == COMMIT
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors", "vocab.txt"}
    ids = token_ids()
    assert torch.equal(load(folder)(ids).logits, load(tmp_path / "source")(ids).logits)


def test_what_is_not_there(hub: str, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="them/other"):
        download("them/other", tmp_path / "fetched", endpoint=hub)
    with pytest.raises(InvalidInput, match="a/b/c"):
        download("a/b/c", tmp_path / "fetched", endpoint=hub)
    with pytest.raises(InvalidInput, match="127"):
        download("us/tiny", tmp_path / "fetched", endpoint="http://127.0.0.1:9")
