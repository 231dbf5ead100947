"""Keys as the gateway takes them: who stands, who asks too fast, who has spent its day."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from catenary.access import api_key_rows, claim, make_api_key, recording, revoke_api_key
from catenary.config import Home
from catenary.serve.callers import Caller, Callers, KeySource
from catenary.serve.errors import ApiError
from catenary.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(Home.of(tmp_path, {})) as opened:
        yield opened


def callers(store: Store, spent: int = 0) -> Callers:
    def rows() -> list:  # type: ignore[type-arg]
        with store.reading() as connection:
            return api_key_rows(connection)

    return Callers(KeySource(rows, lambda _: {key.id: spent for key in rows()}))


def make(store: Store, **limits: object) -> str:
    with recording(store.engine, store.home) as log:
        claim(log, "ada")
        return make_api_key(log, name="shop", by="ada", **limits)[1]  # type: ignore[arg-type]


def of(known: Callers, secret: str | None) -> Caller:
    return asyncio.run(known.of(None if secret is None else f"Bearer {secret}"))


def test_without_keys_anyone_asks_and_from_the_first_on_nobody_without(store: Store) -> None:
    assert of(callers(store), None).key is None
    secret = make(store)
    assert of(callers(store), secret).key is not None
    with store.reading() as connection:
        [kept] = api_key_rows(connection)
    assert secret not in repr(kept)
    for wrong in (None, "", "ck-x", secret[:-1]):
        with pytest.raises(ApiError) as refused:
            of(callers(store), wrong)
        assert (refused.value.kind.status, refused.value.kind.code) == (401, "invalid_api_key")
    with recording(store.engine, store.home) as log:
        revoke_api_key(log, kept.id, by="ada")
    with pytest.raises(ApiError):  # all are revoked: that opens no door
        of(callers(store), secret)
    with pytest.raises(ApiError):
        of(callers(store), None)


def test_a_key_expires(store: Store) -> None:
    secret = make(store, expires_at=datetime.now(UTC) + timedelta(hours=1))
    key = of(callers(store), secret).key
    assert key is not None
    assert not replace(key, expires_at=datetime.now(UTC)).stands(datetime.now(UTC))


def test_rates_and_budgets(store: Store) -> None:
    secret = make(store, requests_per_minute=2, tokens_per_day=100, models=["a"])
    known = callers(store)
    caller = of(known, secret)
    known.admit(caller, 10)(10)
    known.admit(caller, 10)(10)
    with pytest.raises(ApiError) as fast:
        known.admit(caller, 10)
    assert (fast.value.kind.status, fast.value.kind.type) == (429, "rate_limit_error")
    assert 1 <= (fast.value.retry_after_seconds or 0) <= 120
    with pytest.raises(ApiError) as other:
        caller.require_model("b")
    assert other.value.kind.status == 403
    known = callers(store, spent=100)
    with pytest.raises(ApiError) as spent:
        known.admit(of(known, secret), 10)
    assert (spent.value.kind.status, spent.value.kind.type) == (429, "insufficient_quota")
