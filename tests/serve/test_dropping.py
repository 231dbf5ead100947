"""What was erased leaves a running service's memory: its engine is let go, its answers are forgotten."""

from __future__ import annotations

import gc
import time
import weakref

from starlette.testclient import TestClient

from catenary.serve.app import create_app
from catenary.serve.cache import Cache, Known
from catenary.serve.engine import Delta, Spent
from catenary.serve.served import Served
from tests.serve.gateways import bare_gateway
from tests.serve.test_following import Echo


def test_an_erased_endpoint_is_let_go_and_the_others_go_on() -> None:
    there = {"one": True, "other": True}
    engines = {name: Echo() for name in there}
    cache = Cache()
    cache.put(b"asked", Known((Delta(0, "told"),), Spent(1, 1)))
    gateway = bare_gateway(
        {
            name: Served(name, "classify", engine, "r", "released", "d", held=lambda name=name: there[name])  # type: ignore[misc]
            for name, engine in engines.items()
        },
        cache=cache,
    )
    first = weakref.ref(engines.pop("one"))
    with TestClient(create_app(gateway)) as http:

        def ask(name: str) -> int:
            return http.post("/v1/classify", json={"model": name, "input": "x"}).status_code

        assert http.get("/ready").json() == {"status": "ready"}
        assert ask("one") == ask("other") == 200
        there["one"] = False
        patience = time.monotonic() + 60
        while ask("one") != 404:
            assert time.monotonic() < patience
            time.sleep(0.05)
        while first() is not None:
            assert time.monotonic() < patience
            gc.collect()
            time.sleep(0.05)
        assert cache.get(b"asked") is None
        assert http.get("/ready").json() == {"status": "degraded", "degraded": ["one"]}
        assert ask("other") == 200
        assert engines["other"].open
        assert gateway.endpoints["other"].engine is engines["other"]
