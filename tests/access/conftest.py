"""A home with a catalog, on SQLite and on PostgreSQL."""

from __future__ import annotations

from tests.store.conftest import home, store

__all__ = ["home", "store"]
