"""Listening: a socket on this machine only unless told otherwise, and an orderly end.

On SIGTERM or Ctrl-C `/ready` and all new requests answer 503, those in flight finish within the drain time,
what is left then gets 503, and the process ends with 0. A second signal ends at once.
"""

from __future__ import annotations

import ipaddress
import json
import os
import secrets
import socket
import time
from collections.abc import Callable
from types import FrameType

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from catenary.errors import Damaged, InvalidInput, Refused
from catenary.serve.errors import INVALID_REQUEST, envelope
from catenary.serve.gateway import Gateway

HEADER_BYTES = 64 << 10
BACKLOG = 2048


def listen(
    app: FastAPI,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    allow_remote: bool = False,
    on_listening: Callable[[str], None] | None = None,
) -> None:
    """Serve `app` until a signal ends it. `on_listening` is told the URL once all engines are ready; until then the
    port answers, and says 503. Port 0 takes any free one.

    Raises Refused for a host that other machines reach, unless `allow_remote`; InvalidInput for one that
    cannot be listened at; Damaged where an engine says that it cannot start.
    """
    limits = app.state.gateway.limits
    refuse_remote(host, allow_remote)
    bound = bind(host, port)
    config = uvicorn.Config(
        app,
        http=EnvelopeProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=HEADER_BYTES,
        timeout_graceful_shutdown=2,
    )
    server = DrainingServer(config, app, limits.drain_seconds)
    if on_listening is not None:
        server.on_ready = lambda: on_listening(url_of(bound))
    try:
        server.run(sockets=[bound])
    finally:
        bound.close()
    if server.failed is not None:
        raise Damaged("An engine cannot start.", got=server.failed)


def refuse_remote(host: str, allow_remote: bool) -> None:
    """Raise Refused unless `host` is a loopback: until a key is made, whoever connects may ask."""
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback and not allow_remote:
        raise Refused(
            "Without keys the service answers this machine only.",
            got=host,
            expected="a loopback address such as 127.0.0.1, or the consent to serve anyone who can connect",
            next="catenary serve --allow-remote",
        )


class DrainingServer(uvicorn.Server):
    """uvicorn, but a signal first drains: it stops taking requests while it still accepts connections, so
    that clients get a 503 to retry on rather than a refused connection.
    """

    def __init__(self, config: uvicorn.Config, app: FastAPI, drain_seconds: float) -> None:
        super().__init__(config)
        gateway: Gateway = app.state.gateway
        self._traffic = gateway.traffic
        self._close: Callable[[], None] = gateway.admission.close
        self._drain_seconds = drain_seconds
        self._drain_ends = float("inf")
        self._engines = [served.engine for served in gateway.endpoints.values()]
        self._was_ready = False
        self.on_ready: Callable[[], None] = lambda: None
        self.failed: str | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """First signal: drain. Second: end. Neither is raised again, so the process ends with 0."""
        if self._traffic.draining:
            self.should_exit = True
        self._traffic.draining = True
        self._drain_ends = min(self._drain_ends, time.monotonic() + self._drain_seconds)

    async def on_tick(self, counter: int) -> bool:
        """Called by uvicorn ten times a second; True ends its main loop."""
        if not self._was_ready:
            self._look_at_engines()
        if self._traffic.draining and (self._traffic.open == 0 or time.monotonic() > self._drain_ends):
            self.should_exit = True
        ends = await super().on_tick(counter)
        if ends:
            self._close()
        return ends

    def _look_at_engines(self) -> None:
        """Until all have been ready once: a model that cannot be loaded now will not be later."""
        states = [engine.state for engine in self._engines]
        self.failed = next((state.failed for state in states if state.failed), None)
        if self.failed is not None:
            self.should_exit = True
        elif all(state.ready for state in states):
            self._was_ready = True
            self.on_ready()


class EnvelopeProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, with a refusal of what is no HTTP in the envelope too."""

    def send_400_response(self, msg: str) -> None:
        body = json.dumps(envelope(INVALID_REQUEST, msg)).encode()
        response = h11.Response(
            status_code=400,
            headers=[
                ("content-type", "application/json"),
                ("content-length", str(len(body))),
                ("x-request-id", f"req_{secrets.token_hex(16)}"),
                ("connection", "close"),
            ],
        )
        for event in (response, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes any free one. Raises InvalidInput where that cannot be."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # asyncio sets TCP_NODELAY only where the protocol is named; without it an answer takes 40 ms longer.
        bound = socket.socket(family, kind, socket.IPPROTO_TCP)
        try:
            if os.name == "posix":  # elsewhere it would let another process take the port
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
            bound.listen(BACKLOG)
        except BaseException:
            bound.close()
            raise
        return bound
    except (OSError, OverflowError) as error:
        raise InvalidInput(
            "The service cannot listen there.",
            got=f"{host}:{port} ({error})",
            expected="a free port of this machine",
        ) from error


def url_of(bound: socket.socket) -> str:
    """Where it is reached."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
