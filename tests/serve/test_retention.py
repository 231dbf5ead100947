"""Texts of receipts go when their time is over; what was answered can still be traced by its digests."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from starlette.testclient import TestClient

from catenary.config import Home
from catenary.serve.app import create_app
from catenary.store import Store
from catenary.store.receipts import Receipt
from tests.serve.gateways import bare_gateway
from tests.store.making import make


def receipt(release: str, number: int, age: timedelta) -> Receipt:
    return Receipt(
        id=f"rcpt_{number:032x}",
        at=datetime.now(UTC) - age,
        endpoint="sentiment",
        app=None,
        release_id=release,
        unreleased=False,
        key_id=None,
        body={"texts": [{"text": "很好看", "sha256": "cd" * 32}], "tokens": 3},
    )


def test_the_service_forgets_texts_past_their_time_and_no_others(tmp_path: Path) -> None:
    with Store.open(Home.of(tmp_path, {})) as store:
        made = make(store).id
        old = [
            receipt(made, number, timedelta(days=31)) for number in range(700)
        ]  # more than one round takes
        new = receipt(made, 700, timedelta(days=29))
        store.add_receipts([*old, new])
        month = timedelta(days=30)
        gateway = bare_gateway(
            get_receipt=lambda id: dict(store.receipt(id).body),
            forget_texts=lambda: store.forget_texts(datetime.now(UTC) - month),
        )
        with TestClient(create_app(gateway)):
            patience = time.monotonic() + 60
            while store.receipt(old[-1].id).body["texts"][0]["text"] is not None:
                assert time.monotonic() < patience
                time.sleep(0.01)
        assert {store.receipt(one.id).body["texts"][0]["text"] for one in old} == {None}
        assert store.receipt(old[0].id).body["texts"][0]["sha256"] == "cd" * 32
        assert store.receipt(new.id).body["texts"][0]["text"] == "很好看"
