"""A home on SQLite, and the same tests again on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from catenary.config import Home
from catenary.store import Store
from catenary.store.encryption import make_key
from tests.store.postgres import new_database


@pytest.fixture(params=["sqlite", "postgresql"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Home]:
    """Where a store may be opened; nothing is there yet."""
    path = tmp_path / ".catenary"
    if request.param == "sqlite":
        yield Home(path, f"sqlite:///{path / 'catalog.db'}")
    else:
        with new_database() as url:
            yield Home(path, url)


@pytest.fixture
def store(home: Home) -> Iterator[Store]:
    """An empty store."""
    with Store.open(home) as opened:
        yield opened


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The outer key of encrypted objects, set as a user sets it; plain files go to a folder of the test."""
    path = tmp_path / "object.key"
    make_key(path)
    monkeypatch.delenv("CATENARY_OBJECT_KEY", raising=False)
    monkeypatch.setenv("CATENARY_OBJECT_KEY_FILE", str(path))
    (tmp_path / "plain").mkdir()
    monkeypatch.setenv("CATENARY_PLAIN", str(tmp_path / "plain"))
    return path
