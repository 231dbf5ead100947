"""One small chain, made once; every command as a user types it."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from catenary.cli import main
from catenary.messages import set_language
from tests.stages.mail import OFFER, SIGNERS, copied, made_once


@dataclass(frozen=True)
class Said:
    """What a command left: its exit code, its two outputs."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def flat(self) -> str:
        """Standard output without line breaks and runs of spaces: tables wrap."""
        return " ".join(self.out.split())


Catenary = Callable[..., Said]


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("CATENARY_HOME", "CATENARY_CATALOG", "CATENARY_PASSPHRASE", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    yield
    set_language("en")


@pytest.fixture
def catenary(monkeypatch: pytest.MonkeyPatch) -> Catenary:
    """Run one command in a folder, in this process; what it said and its exit code."""

    def run(folder: Path, *arguments: str) -> Said:
        monkeypatch.chdir(folder)
        return call(*arguments)

    return run


def call(*arguments: str) -> Said:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(list(arguments))
        except SystemExit as end:
            code = end.code
    assert isinstance(code, int)
    return Said(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The chain, made and unsigned. For reading: tests that change anything take `copy`."""
    base = tmp_path_factory.getbasetemp()
    return made_once(base if worker_id == "master" else base.parent)


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    """A copy of the made chain that a test may change."""
    return copied(made, tmp_path)


@pytest.fixture(scope="session")
def signed(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chain, signed by all its roles, and asked once. For reading, too."""
    folder = copied(made, tmp_path_factory.mktemp("signed"))
    for role in SIGNERS:
        assert call("sign", "kind", "--as", role, "-f", str(folder)).code == 0
    assert call("ask", "kind", OFFER, "-f", str(folder)).code == 0
    return folder


@pytest.fixture
def signed_copy(signed: Path, tmp_path: Path) -> Path:
    """A copy of the signed chain that a test may change."""
    return copied(signed, tmp_path)


def ids(catenary: Catenary, folder: Path, *arguments: str) -> dict[str, str]:
    """Every link's artifact id, as `catenary plan` tells it."""
    return {link["link"]: link["id"] for link in catenary(folder, "plan", "--json", *arguments).json["links"]}


def object_folder(folder: Path, id: str) -> Path:
    """Where an artifact lies."""
    [found] = (folder / ".catenary" / "objects").glob(f"*/{id}")
    return found
