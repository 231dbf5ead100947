"""Listening: a socket on this machine only unless told otherwise, and an orderly end.

On SIGTERM or Ctrl-C `/ready` and all new requests answer 503, those in flight finish within the drain time,
what is left then gets 503, and the process ends with 0. A second signal ends at once.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import os
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from catenary.errors import Damaged, InvalidInput, Refused
from catenary.serve.errors import INVALID_REQUEST, envelope
from catenary.serve.gateway import Gateway

log = logging.getLogger("catenary.serve")

HEADER_BYTES = 64 << 10
BACKLOG = 2048
KEEP_ALIVE_SECONDS = (
    75  # longer than clients keep one (httpx: 5 s), so that none asks as its connection is closed
)
SPARE_FILES = 512  # beside the connections: pipes of engines, the catalog, pages


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

    Raises Refused for a host that other machines reach, unless `allow_remote` and there is a key; InvalidInput for one
    that cannot be listened at; Damaged where an engine says that it cannot start.
    """
    limits = app.state.gateway.limits
    address = Address.of(host, port)
    refuse_remote(address, allow_remote)
    if not address.loopback:
        refuse_without_keys(address, app.state.gateway.callers.keyed())
    allow_files(limits.connections + SPARE_FILES)
    bound = bind(address)
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
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
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


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen, looked up once: what was judged is what is bound."""

    host: str
    family: socket.AddressFamily
    at: tuple[Any, ...]

    @classmethod
    def of(cls, host: str, port: int) -> Address:
        """Raises InvalidInput for a host that is none."""
        try:
            family, _, _, _, at = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        except (OSError, OverflowError, UnicodeError) as error:
            raise _no_listening(f"{host}:{port}", error) from error
        return cls(host, family, at)

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return ipaddress.ip_address(self.at[0].partition("%")[0]).is_loopback


def refuse_remote(address: Address, allow_remote: bool) -> None:
    """Raise Refused for an address that other machines reach, unless that is meant."""
    if not address.loopback and not allow_remote:
        raise Refused(
            "Unless told otherwise it listens for this machine only.",
            got=address.host,
            expected="a loopback address such as 127.0.0.1, or --allow-remote",
        )


def refuse_without_keys(address: Address, keyed: bool) -> None:
    """Raise Refused where whoever connects could ask. A key made once is required for ever, revoked or not."""
    if not keyed:
        raise Refused(
            "Without keys the service answers this machine only.",
            got=address.host,
            expected="a key, whose secret every request then shows",
            next="catenary keys --make NAME",
        )


class DrainingServer(uvicorn.Server):
    """uvicorn, but a signal first drains: it stops taking requests while it still accepts connections, so
    that clients get a 503 to retry on rather than a refused connection.
    """

    def __init__(self, config: uvicorn.Config, app: FastAPI, drain_seconds: float) -> None:
        super().__init__(config)
        gateway: Gateway = app.state.gateway
        self._traffic, self._waits = gateway.traffic, gateway.waits
        self._close: Callable[[], None] = gateway.admission.close
        self._drain_seconds = drain_seconds
        self._drain_ends = float("inf")
        self._endpoints = gateway.endpoints
        self._told_ready = False
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
        if not self._told_ready:
            self._look_at_engines()
        if self._traffic.draining and (self._traffic.open == 0 or time.monotonic() > self._drain_ends):
            self.should_exit = True
        ends = await super().on_tick(counter)
        if ends:
            self._close()
        return ends

    def _look_at_engines(self) -> None:
        """Until all have been ready once: a model that cannot be loaded now will not be later."""
        states = [served.engine.state for served in self._endpoints.values()]
        self.failed = next((state.failed for state in states if state.failed), None)
        if self.failed is not None:
            self.should_exit = True
        elif not self._waits():
            self._told_ready = True
            self.on_ready()


class Connection(h11.Connection):
    """h11's, but a chunk of a stream is written as it is: it changes no state, and there is one for every token."""

    _in_chunks = False

    def send(self, event: Any) -> Any:
        """See h11."""
        if self._in_chunks and type(event) is h11.Data:
            return b"%x\r\n%b\r\n" % (len(event.data), event.data) if event.data else b""
        told = super().send(event)
        self._in_chunks = (
            type(event) is h11.Response and b"\r\ntransfer-encoding: chunked\r\n" in told.lower()
        )
        return told


class EnvelopeProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, with a refusal of what is no HTTP in the envelope too."""

    def __init__(self, config: uvicorn.Config, *rest: Any, **named: Any) -> None:
        super().__init__(config, *rest, **named)
        self.conn = Connection(h11.SERVER, HEADER_BYTES)

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


def allow_files(count: int) -> None:
    """Let this process open so many files, as far as the system lets it: each connection is one, and 1,024 is usual."""
    try:
        import resource
    except ModuleNotFoundError:  # not on Windows, which has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    if most < count:
        log.warning(
            "the system allows %d open files; %d connections may need %d", most, count - SPARE_FILES, count
        )


def bind(address: Address) -> socket.socket:
    """A socket that listens; port 0 takes any free one. Raises InvalidInput where that cannot be."""
    try:
        # asyncio sets TCP_NODELAY only where the protocol is named; without it an answer takes 40 ms longer.
        bound = socket.socket(address.family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            if os.name == "posix":  # elsewhere it would let another process take the port
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address.at)
            bound.listen(BACKLOG)
        except BaseException:
            bound.close()
            raise
        return bound
    except OSError as error:
        raise _no_listening(f"{address.host}:{address.at[1]}", error) from error


def _no_listening(where: str, error: Exception) -> InvalidInput:
    return InvalidInput(
        "The service cannot listen there.",
        got=f"{where} ({error})",
        expected="a free port of this machine",
    )


def url_of(bound: socket.socket) -> str:
    """Where it is reached."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
