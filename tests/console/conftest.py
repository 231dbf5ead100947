"""The console over a real chain, served in a process of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest

from tests.serve.browser import Browser, browsers
from tests.stages.mail import command, copied, environment, made_once

AXE = find_spec("axe_playwright_python")


@dataclass
class Console:
    """A console that runs: `catenary console` in a folder."""

    url: str
    folder: Path
    process: subprocess.Popen[str]

    def client(self, **headers: str) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)


def start(folder: Path, *arguments: str, port: int = 0) -> Console:
    """Start one; the caller ends it."""
    process = subprocess.Popen(
        command("console", "--port", str(port), *arguments),
        cwd=folder,
        env={**environment(), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert "http://" in line, line
    return Console(
        next(word for word in line.rstrip(";").split() if "http://" in word).rstrip(";"), folder, process
    )


def end(console: Console) -> None:
    console.process.terminate()
    assert console.process.wait(60) == 0


@contextmanager
def running(folder: Path, *arguments: str, port: int = 0) -> Iterator[Console]:
    """A console for the length of a block; it ends in order."""
    console = start(folder, *arguments, port=port)
    try:
        yield console
        end(console)
    finally:
        console.process.kill()
        console.process.communicate()


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chain of tests/stages/mail.py, made and unsigned. For reading."""
    base = tmp_path_factory.getbasetemp()
    return made_once(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    """A copy of the chain that a test may change."""
    return copied(made, tmp_path)


@pytest.fixture(scope="module")
def console(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A console over a copy of the chain. For reading."""
    with running(copied(made, tmp_path_factory.mktemp("console"))) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real browser's window."""
    with browsers(1) as [window]:
        yield window


Violations = Callable[[Browser], list[str]]


@pytest.fixture(scope="session")
def violations() -> Violations:
    """What axe-core finds on the page that a browser shows."""
    if AXE is None or AXE.origin is None:
        pytest.skip("needs axe-playwright-python")
    script = Path(AXE.origin).with_name("axe.min.js").read_text("utf-8")

    def found(window: Browser) -> list[str]:
        # Through the debugger, for the page's own policy lets no script in.
        window.command("Runtime.evaluate", {"expression": script})
        asked = {
            "expression": "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', "
            "'best-practice']}).then(told => told.violations.map(one => one.id + ': ' + "
            "one.nodes.map(node => node.html.slice(0, 200)).join(' | ')))",
            "awaitPromise": True,
            "returnByValue": True,
        }
        told: list[str] = window.command("Runtime.evaluate", asked)["result"]["value"]
        return told

    return found
