"""Under load, on leaving clients, and at the end."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from catenary.errors import InvalidInput, Refused
from catenary.serve.listen import Address, bind, refuse_remote
from tests.serve.conftest import Server, Start
from tests.serve.gateways import bare_gateway


def ask_slow(server: Server, texts: int, model: str = "slow") -> httpx.Response:
    with server.client() as http:
        return http.post("/v1/classify", json={"model": model, "input": ["好"] * texts})


def wait_for(true: Callable[[], bool], seconds: float = 10) -> None:
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_overload_is_refused_at_once_and_nothing_is_lost(start: Start) -> None:
    server = start(queue=4)
    with ThreadPoolExecutor(40) as clients:
        responses = list(clients.map(lambda _: ask_slow(server, 4), range(40)))
    statuses = [response.status_code for response in responses]
    assert set(statuses) == {200, 503}
    for response in responses:
        if response.status_code == 503:
            assert response.json()["error"]["type"] == "server_overloaded"
            assert int(response.headers["retry-after"]) >= 1
    receipts = (server.folder / "receipts.jsonl").read_text().splitlines()
    assert len(receipts) == statuses.count(200)
    assert ask_slow(server, 1).status_code == 200  # every place was given back


def test_ready_tells_that_the_queue_is_full_while_health_stays(start: Start) -> None:
    server = start(queue=1)
    with ThreadPoolExecutor(1) as clients, server.client() as http:
        slow = clients.submit(ask_slow, server, 20)
        wait_for(lambda: http.get("/ready").status_code == 503)
        assert http.get("/health").status_code == 200
        assert http.get("/v1/models").status_code == 200
        assert slow.result().status_code == 200
        wait_for(lambda: http.get("/ready").status_code == 200)


def test_past_the_deadline_the_answer_is_503_and_the_engine_stops(start: Start) -> None:
    server = start(deadline_seconds=0.3)
    assert ask_slow(server, 100).json()["error"]["code"] == "server_overloaded"
    wait_for(lambda: "stopped" in (server.folder / "slow.log").read_text())
    assert not (server.folder / "receipts.jsonl").exists()
    assert ask_slow(server, 1).status_code == 200


def test_a_client_that_leaves_stops_the_engine(start: Start) -> None:
    server = start()
    with pytest.raises(httpx.ReadTimeout), httpx.Client(base_url=server.url, timeout=0.3) as http:
        http.post("/v1/classify", json={"model": "slow", "input": ["好"] * 200})
    wait_for(lambda: "stopped" in (server.folder / "slow.log").read_text(), seconds=20)  # of 10 s of work
    wait_for(lambda: "'/v1/classify' 499" in (server.folder / "stderr").read_text())
    assert not (server.folder / "receipts.jsonl").exists()


def test_a_client_that_leaves_a_stream_stops_the_writer(start: Start) -> None:
    server = start()
    body = {
        "model": "words",
        "messages": [{"role": "user", "content": "slow"}],
        "max_tokens": 1000,
        "stream": True,
    }
    with server.client() as http, http.stream("POST", "/v1/chat/completions", json=body) as answer:
        assert next(answer.iter_lines()).startswith("data: ")
    wait_for(lambda: "stopped" in (server.folder / "slow.log").read_text(), seconds=15)  # of 20 s of work
    wait_for(lambda: "'/v1/chat/completions' 499" in (server.folder / "stderr").read_text())
    [kept] = (server.folder / "receipts.jsonl").read_text().splitlines()
    assert json.loads(kept)["outcome"] == "cut"


def test_a_client_that_sends_half_a_body_holds_no_place(start: Start) -> None:
    server = start(queue=1)
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as half:
        half.sendall(
            b"POST /v1/classify HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            b'Content-Length: 100\r\n\r\n{"model": "slow"'
        )
        assert ask_slow(server, 1).status_code == 200
    wait_for(lambda: "'/v1/classify' 499" in (server.folder / "stderr").read_text())


def test_sigterm_drains(start: Start) -> None:
    server = start()
    answers: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: answers.append(ask_slow(server, 20)))
    asking.start()
    with server.client() as http:
        time.sleep(0.3)
        server.terminate()
        wait_for(lambda: http.get("/ready").status_code == 503)
        refused = http.get("/v1/models")
        assert refused.json()["error"]["type"] == "server_overloaded"
        assert "retry-after" in refused.headers
        assert http.get("/health").status_code == 200
    asking.join()
    assert answers[0].status_code == 200
    assert server.process.wait(timeout=40) == 0


def test_what_outlasts_the_drain_time_gets_503(start: Start) -> None:
    server = start(drain_seconds=0.5)
    answers: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: answers.append(ask_slow(server, 200)))
    asking.start()
    time.sleep(0.5)
    server.terminate()
    assert server.process.wait(timeout=40) == 0
    asking.join()
    assert answers[0].json()["error"]["type"] == "server_overloaded"
    assert not (server.folder / "receipts.jsonl").exists()


def test_an_idle_server_ends_at_once(start: Start) -> None:
    server = start()
    with server.client() as http:  # a kept-alive connection does not hold it up
        http.get("/health")
        server.terminate()
        assert server.process.wait(timeout=15) == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.1"])
def test_other_machines_are_not_served_without_consent(host: str) -> None:
    with pytest.raises(Refused, match="--allow-remote"):
        refuse_remote(Address.of(host, 80), allow_remote=False)
    refuse_remote(Address.of(host, 80), allow_remote=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_this_machine_is_served(host: str) -> None:
    refuse_remote(Address.of(host, 80), allow_remote=False)


@pytest.mark.parametrize("host", ["", "no such host", "a" * 300, "é" * 70])
def test_what_is_no_host_is_told(host: str) -> None:
    with pytest.raises(InvalidInput, match="cannot listen"):
        Address.of(host, 80)


def test_with_consent_and_without_a_key_it_still_does_not_listen() -> None:
    from catenary.serve.app import create_app
    from catenary.serve.listen import listen

    with pytest.raises(Refused, match="catenary keys --make"):
        listen(create_app(bare_gateway()), host="0.0.0.0", port=0, allow_remote=True)


def test_of_two_that_want_a_port_at_once_one_has_it() -> None:
    for _ in range(20):
        with bind(Address.of("127.0.0.1", 0)) as free:
            address = Address.of("127.0.0.1", free.getsockname()[1])
        together = threading.Barrier(8)

        def want(_: int, together: threading.Barrier = together, address: Address = address) -> Any:
            together.wait()
            try:
                return bind(address)
            except InvalidInput as refused:
                return refused

        with ThreadPoolExecutor(8) as pool:
            had = list(pool.map(want, range(8)))
        listening = [one for one in had if isinstance(one, socket.socket)]
        assert len(listening) == 1
        assert all("Address already in use" in str(one) for one in had if one is not listening[0])
        listening[0].close()


def test_a_taken_port_is_told(start: Start, server: Server) -> None:
    from catenary.serve.app import create_app
    from catenary.serve.listen import listen

    app = create_app(bare_gateway())
    with pytest.raises(InvalidInput, match="cannot listen"):
        listen(app, port=int(server.url.rsplit(":", 1)[1]))


def test_as_many_files_may_be_open_as_connections_need() -> None:
    code = (
        "import resource as r; from catenary.serve.listen import allow_files; hard = r.getrlimit(r.RLIMIT_NOFILE)[1];"
        "r.setrlimit(r.RLIMIT_NOFILE, (64, hard)); allow_files(100); print(*r.getrlimit(r.RLIMIT_NOFILE), hard);"
        "r.setrlimit(r.RLIMIT_NOFILE, (64, 80)); allow_files(100); print(*r.getrlimit(r.RLIMIT_NOFILE))"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    first, second = told.splitlines()
    soft, hard, before = first.split()
    assert (soft, hard) == ("100", before)
    assert second == "80 80"


def test_asking_without_http_loads_no_web_framework() -> None:
    code = "import sys, catenary.serve, catenary.server; sys.exit('fastapi' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
