"""`catenary serve` of a chain whose endpoints are other servers; keys, budgets and receipts are a real home's."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import openai
import yaml

from catenary.access import claim, make_api_key, recording, revoke_api_key
from catenary.config import Home
from catenary.store import Store
from tests.stages.mail import command, environment


@dataclass
class Serving:
    """A `catenary serve` in a process of its own, and its home."""

    folder: Path
    url: str
    process: subprocess.Popen[str]

    def http(self, secret: str | None = None) -> httpx.Client:
        headers = {} if secret is None else {"Authorization": f"Bearer {secret}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)

    def client(self, secret: str = "none", retries: int = 0) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=secret, max_retries=retries)

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()


def write_chain(folder: Path, *, models: Any = None, **serve: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    chain = {"schema": 1, "project": {"name": "up", "languages": ["en"]}, "serve": serve}
    if models is not None:
        chain["models"] = models
    (folder / "catenary.yaml").write_text(yaml.safe_dump(chain, allow_unicode=True), "utf-8")
    return folder


def upstream(*urls: str, **more: Any) -> dict[str, Any]:
    """An endpoint's settings."""
    return {"upstream": {"urls": list(urls), "model": "theirs", "timeout_seconds": 20, **more}}


@contextmanager
def serving(folder: Path, *options: str, **secrets: str) -> Iterator[Serving]:
    """Serves until the block ends; then with exit code 0. `secrets`: environment variables."""
    with (folder / "log").open("a") as log:
        process = subprocess.Popen(
            command("serve", "--port", "0", "--unreleased", *options),
            cwd=folder,
            env=environment() | secrets,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert process.stdout
    try:
        told = ""
        for line in process.stdout:
            told += line
            if found := re.search(r"http://[\d.]+:\d+", line):
                break
        else:
            raise AssertionError(told + (folder / "log").read_text())
        yield Serving(folder, found[0], process)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
    finally:
        process.kill()
        process.communicate()


def store_of(folder: Path) -> Store:
    return Store.open(Home.of(folder, {}))


def make_key(folder: Path, **limits: Any) -> tuple[str, str]:
    """Its id and its secret, made while others may serve."""
    with store_of(folder) as store, recording(store.engine, store.home) as log:
        claim(log, "ada")
        key, secret = make_api_key(log, name="shop", by="ada", **limits)
    return key.id, secret


def revoke(folder: Path, key: str) -> None:
    with store_of(folder) as store, recording(store.engine, store.home) as log:
        revoke_api_key(log, key, by="ada")


def receipts(folder: Path) -> list[dict[str, Any]]:
    """All that are stored, oldest first."""
    with store_of(folder) as store:
        rows = sorted(store.receipts(limit=100_000), key=lambda row: row.at)
        return [dict(row.body) for row in rows]


def usage(folder: Path) -> dict[tuple[str, str], tuple[int, int]]:
    """(key, model) → requests and tokens."""
    with store_of(folder) as store:
        found: dict[tuple[str, str], tuple[int, int]] = {}
        for row in store.usage():
            requests, tokens = found.get((row.key_id, row.model), (0, 0))
            found[row.key_id, row.model] = (
                requests + row.requests,
                tokens + row.input_tokens + row.output_tokens,
            )
        return found


def today_changed(began: datetime) -> bool:
    """Whether midnight has passed since: then a budget is a new one, and a test of it proves nothing."""
    return datetime.now(began.tzinfo).date() != began.date()
