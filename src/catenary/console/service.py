"""The service that the playground asks, in this process or at an address, and what it answered lately."""

from __future__ import annotations

import json
import logging
import threading
import time
import urllib.request
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.exc import SQLAlchemyError

from catenary.access import ApiKey
from catenary.errors import CatenaryError, InvalidInput

CONNECT_SECONDS, SILENT_SECONDS = 5, 300
KEPT_ANSWERS, KEPT_SECONDS = 200, 600
LOOK_SECONDS = 2.0
log = logging.getLogger("catenary.console")

Reply = tuple[int, AsyncIterator[bytes]]
Ask = Callable[[str, Mapping[str, Any], ApiKey | None], AbstractAsyncContextManager[Reply]]
"""Posts JSON to a path in the name of a key: the status, and the body as it comes."""


@dataclass(frozen=True, slots=True)
class Answering:
    """An endpoint that may be asked."""

    name: str
    task: str
    status: str


@dataclass(frozen=True, slots=True)
class Service:
    """What may be asked, and how. `answering` may block."""

    answering: Callable[[], Sequence[Answering]]
    ask: Ask


def service_at(url: str, secret: str | None) -> Service:
    """A service elsewhere, asked with its own key whoever looks. Raises InvalidInput for what is no address."""
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise InvalidInput(
            "This is no address of a service.", got=url, expected="an address such as http://127.0.0.1:8000"
        )
    base = url.rstrip("/").removesuffix("/v1")
    headers = {} if secret is None else {"Authorization": f"Bearer {secret}"}

    def answering() -> list[Answering]:
        asked = urllib.request.Request(f"{base}/v1/models", headers=headers)
        try:
            with urllib.request.urlopen(asked, timeout=CONNECT_SECONDS) as answer:
                told = json.load(answer)["data"]
            return [Answering(one["id"], one["task"], one["status"]) for one in told]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CatenaryError(
                "The service does not say what it serves.",
                got=f"{base}: {error}",
                expected="a service that runs, and its key in CATENARY_API_KEY",
                next="catenary serve",
            ) from error

    @asynccontextmanager
    async def ask(path: str, body: Mapping[str, Any], key: ApiKey | None) -> AsyncIterator[Reply]:
        from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout

        async def parts(answer: ClientResponse) -> AsyncIterator[bytes]:
            try:
                async for part in answer.content.iter_any():
                    yield part
            except ClientError as error:
                raise ConnectionError(str(error)) from error

        limits = ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENT_SECONDS)
        try:
            async with (
                ClientSession(timeout=limits) as session,
                session.post(base + path, json=body, headers=headers) as answer,
            ):
                yield answer.status, parts(answer)
        except ClientError as error:
            raise ConnectionError(str(error)) from error

    return Service(answering, ask)


@dataclass(frozen=True, slots=True)
class Said:
    """One answer of the playground: what was asked in which task, and what the service said."""

    endpoint: str
    task: str
    asked: Sequence[Mapping[str, str]]
    body: Mapping[str, Any]


class Recent:
    """The last answers by receipt, each for the session that asked: texts that receipts do not keep are in no file.

    `erased` counts what erasures have emptied. Answers from before the last one are forgotten within seconds, for they
    may tell of what it erased; all others after ten minutes, whether anybody looks or not.
    """

    def __init__(self, erased: Callable[[], int]) -> None:
        self.erased = erased
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()
        self._lock = threading.Lock()
        self._looking = False

    def put(self, session: str, receipt: str, said: Said, erased: int) -> None:
        """Keep an answer; `erased`: the count when it was asked for."""
        with self._lock:
            self._kept[session, receipt] = _Kept(time.monotonic(), erased, said)
            while len(self._kept) > KEPT_ANSWERS:
                self._kept.popitem(last=False)
            if not self._looking:
                self._looking = True
                threading.Thread(target=self._look, name="recent answers", daemon=True).start()

    def get(self, session: str, receipt: str) -> Said | None:
        """The answer; None where it is another session's, long ago, or from before an erasure."""
        self._forget()
        with self._lock:
            found = self._kept.get((session, receipt))
        return None if found is None else found.said

    def _look(self) -> None:
        """Forget in time what may not be kept, as long as anything is."""
        while True:
            time.sleep(LOOK_SECONDS)
            try:
                self._forget()
            except SQLAlchemyError:
                log.exception("whether anything was erased could not be found out; tried again")
            with self._lock:
                if not self._kept:
                    self._looking = False
                    return

    def _forget(self) -> None:
        with self._lock:
            if not self._kept:
                return
        erased = self.erased()
        with self._lock:
            since = time.monotonic() - KEPT_SECONDS
            over = [key for key, one in self._kept.items() if one.at < since or one.erased != erased]
            for key in over:
                del self._kept[key]


@dataclass(frozen=True, slots=True)
class _Kept:
    """An answer with its time, and what had been erased when it was asked for."""

    at: float
    erased: int
    said: Said
