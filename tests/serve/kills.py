"""Kills of the engine and of the gateway under load: `python -m tests.serve.kills [300]`.

Clients ask without end, as streams and whole. Now and then the engine's process, or the gateway itself, gets SIGKILL.
What must hold: whoever read an answer to its end finds its receipt, with the same words; no stream that was cut reads
as whole; no engine outlives its gateway.
"""

from __future__ import annotations

import json
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import psutil

from tests.inference.writers import write_writer
from tests.serve.chains import receipts, write_chain
from tests.stages.mail import command, environment

CLIENTS = 6
READY_SECONDS = 600.0  # on a machine that has much else to do


@dataclass
class Outcome:
    """`told`: receipt → the words of an answer read to its end. `ready`: seconds after each kill, by its victim."""

    told: dict[str, str] = field(default_factory=dict)
    broken: int = 0
    refused: int = 0
    faults: list[str] = field(default_factory=list)
    ready: dict[str, list[float]] = field(default_factory=lambda: {"engine": [], "gateway": []})


class Gateway:
    """`catenary serve` of one tiny model at one port, started again after each kill."""

    def __init__(self, folder: Path, **serve: Any) -> None:
        write_writer(folder / "writer")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        endpoints = {"tiny": {"model": "tiny", "engine": "torch", "threads": 1}}
        write_chain(
            folder, endpoints=endpoints, models={"tiny": {"path": "writer", "licence": "MIT"}}, **serve
        )
        self.folder, self.url = folder, f"http://127.0.0.1:{self.port}"
        made = subprocess.run(command("run"), cwd=folder, env=environment(), capture_output=True, text=True)
        assert made.returncode == 0, made.stderr
        self.start()

    def start(self) -> None:
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                command("serve", "--port", str(self.port), "--unreleased"),
                cwd=self.folder,
                env=environment(),
                stdout=log,
                stderr=log,
            )

    def engine(self) -> psutil.Process | None:
        """The engine's process, while there is one."""
        try:
            children = psutil.Process(self.process.pid).children()
        except psutil.NoSuchProcess:
            return None
        return children[0] if children else None

    def wait(self) -> float:
        """Seconds until it takes requests."""
        began = time.monotonic()
        with httpx.Client(base_url=self.url, timeout=5) as http:
            while time.monotonic() - began < READY_SECONDS:
                try:
                    if http.get("/ready").status_code == 200:
                        return time.monotonic() - began
                except httpx.HTTPError:
                    pass
                time.sleep(0.02)
        raise AssertionError((self.folder / "log").read_text()[-4000:])

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0


def ask(http: httpx.Client, stream: bool, outcome: Outcome) -> None:
    """One request; what it came to is noted."""
    body: dict[str, Any] = {
        "model": "tiny",
        "messages": [{"role": "user", "content": "go"}],
        "max_tokens": 24,
    }
    try:
        if not stream:
            answer = http.post("/v1/chat/completions", json=body)
            if answer.status_code == 200:
                told = answer.json()
                outcome.told[told["receipt"]["id"]] = told["choices"][0]["message"]["content"]
            else:
                _refused(answer.status_code, answer.text, outcome)
            return
        with http.stream("POST", "/v1/chat/completions", json={**body, "stream": True}) as answer:
            if answer.status_code != 200:
                _refused(answer.status_code, answer.read().decode(), outcome)
                return
            _read(answer, outcome)
    except (httpx.HTTPError, json.JSONDecodeError):
        outcome.broken += 1
        time.sleep(0.05)


def _refused(status: int, text: str, outcome: Outcome) -> None:
    outcome.refused += 1
    if status != 503:
        outcome.faults.append(f"{status}: {text[:300]}")
    time.sleep(0.05)


def _read(answer: httpx.Response, outcome: Outcome) -> None:
    said, receipt, ended, failed = "", None, False, False
    for line in answer.iter_lines():
        data = line.removeprefix("data: ")
        if data == "[DONE]":
            ended = True
        elif line.startswith("data: "):
            told = json.loads(data)
            if "error" in told:
                failed = True
                continue
            said += told["choices"][0]["delta"].get("content") or ""
            receipt = told.get("receipt", {}).get("id", receipt)
    # The body came to a clean end: then it must be whole.
    if ended and receipt is not None and not failed:
        outcome.told[receipt] = said
    else:
        outcome.faults.append(f"a clean end of a stream that is not whole: {said!r}")


def kills(count: int, folder: Path, *, seed: int = 17, said: Callable[[str], None] = print) -> Outcome:
    """So many kills; every other one of the gateway. Raises AssertionError for what must not be."""
    outcome, draw, over = Outcome(), random.Random(seed), threading.Event()
    gateway = Gateway(folder)
    gateway.wait()

    def go_on(number: int) -> None:
        with httpx.Client(base_url=gateway.url, timeout=60) as http:
            while not over.is_set():
                ask(http, number % 2 == 0, outcome)

    clients = [threading.Thread(target=go_on, args=(number,)) for number in range(CLIENTS)]
    for one in clients:
        one.start()
    try:
        for number in range(count):
            time.sleep(draw.uniform(0.2, 1.5))
            what = "gateway" if number % 2 else "engine"
            engine = gateway.engine()
            if what == "engine" and engine is not None:
                engine.kill()
                while engine.is_running() and engine.status() != psutil.STATUS_ZOMBIE:
                    time.sleep(0.01)
            else:
                gateway.process.kill()
                gateway.process.wait()
                gateway.start()
            outcome.ready[what].append(gateway.wait())
            if what == "gateway" and engine is not None:
                psutil.wait_procs([engine], 30)
                assert not engine.is_running(), "an engine outlived its gateway"
            if number % 20 == 19:
                said(f"{number + 1} kills, {len(outcome.told)} answers")
        time.sleep(1)
    except BaseException:
        gateway.process.kill()
        raise
    finally:
        over.set()
        for one in clients:
            one.join()
    gateway.close()
    check(outcome, folder)
    return outcome


def check(outcome: Outcome, folder: Path) -> None:
    """What must hold, when all is over."""
    assert not outcome.faults, outcome.faults[:5]
    kept = {one["id"]: one for one in receipts(folder)}
    missing = set(outcome.told) - set(kept)
    assert not missing, f"{len(missing)} answers without a receipt"
    for id, text in outcome.told.items():
        assert (kept[id]["outcome"], kept[id]["answers"][0]["text"]) == ("complete", text)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    with tempfile.TemporaryDirectory() as place:
        outcome = kills(count, Path(place))
    print(f"{count} kills: {len(outcome.told)} answers read to their end, each with its receipt")  # noqa: T201
    print(f"{outcome.broken} broken off, {outcome.refused} refused with 503")  # noqa: T201
    for what, seconds in outcome.ready.items():
        if seconds:
            figures = f"median {median(seconds):.2f} s, longest {max(seconds):.2f} s"
            print(f"ready after a kill of the {what}: {figures}")  # noqa: T201


if __name__ == "__main__":
    main()
