"""Real servers in their own processes."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.inference.bag_of_words import write_folder
from tests.inference.writers import write_reader, write_writer

ROOT = Path(__file__).parents[2]


@dataclass
class Server:
    url: str
    folder: Path
    process: subprocess.Popen[str]

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=30)

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)


def all_ready(http: httpx.Client) -> bool:
    """Whether every endpoint can answer."""
    return bool(http.get("/ready").json() == {"status": "ready"})


Start = Callable[..., Server]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts a server with the limits given; ends it after the module."""
    started: list[Server] = []

    def start_one(writer: bool = False, others: bool = False, **limits: float) -> Server:
        folder = write_folder(tmp_path_factory.mktemp("served"))
        if writer:
            write_writer(folder / "writer")
        if others:
            write_reader(folder / "vectors", "embed")
            write_reader(folder / "tagger", "tag")
            write_writer(folder / "translator", "t5")
        arguments = [f"{name}={value}" for name, value in limits.items()]
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.serve.application", str(folder), *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=(folder / "stderr").open("w"),
            text=True,
        )
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url, (folder / "stderr").read_text()
        started.append(Server(url, folder, process))
        return started[-1]

    yield start_one
    for server in started:
        server.process.kill()
        server.process.communicate()


@pytest.fixture(scope="module")
def server(start: Start) -> Server:
    """A server with a body limit of 100,000 bytes, 20 texts and 1,000 characters."""
    return start(body_bytes=100_000, texts=20, characters=1000)
