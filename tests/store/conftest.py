"""A home on SQLite, and the same tests again on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from catenary.config import Home
from catenary.store import Store
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
