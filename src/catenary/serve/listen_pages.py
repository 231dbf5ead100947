"""Listening for pages alone: no engines, and streams of events that end with the server."""

from __future__ import annotations

from collections.abc import Callable
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from catenary.serve.listen import HEADER_BYTES, Address, bind, refuse_remote, refuse_without_keys, url_of

END_SECONDS = 5


def listen_pages(
    app: ASGIApp,
    stop: Callable[[], None],
    *,
    host: str = "127.0.0.1",
    port: int = 8001,
    allow_remote: bool = False,
    keyed: Callable[[], bool],
    on_listening: Callable[[str], None] | None = None,
) -> None:
    """Serve pages until a signal ends it; `stop` is called at once then, so that streams of events end.

    `keyed`: whether a key was ever made. Raises Refused and InvalidInput as `listen` does. Port 0 takes any free one.
    """
    address = Address.of(host, port)
    refuse_remote(address, allow_remote)
    if not address.loopback:
        refuse_without_keys(address, keyed())
    bound = bind(address)
    config = uvicorn.Config(
        app,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=HEADER_BYTES,
        timeout_graceful_shutdown=END_SECONDS,
    )
    try:
        if on_listening is not None:
            on_listening(url_of(bound))
        PageServer(config, stop).run(sockets=[bound])
    finally:
        bound.close()


class PageServer(uvicorn.Server):
    """uvicorn, but open streams are told of the end, and a signal is not raised again: the process ends with 0."""

    def __init__(self, config: uvicorn.Config, stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._stop = stop

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """First signal: end in order. Second: at once."""
        self._stop()
        self.force_exit = self.should_exit
        self.should_exit = True
