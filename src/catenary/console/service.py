"""The service that the playground asks, in this process or at an address, and what it answered lately."""

from __future__ import annotations

import json
import time
import urllib.request
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from catenary.access import ApiKey
from catenary.errors import CatenaryError, InvalidInput

CONNECT_SECONDS, SILENT_SECONDS = 5, 300
KEPT_ANSWERS, KEPT_SECONDS = 200, 600

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
        from aiohttp import ClientError, ClientSession, ClientTimeout

        limits = ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENT_SECONDS)
        try:
            async with (
                ClientSession(timeout=limits) as session,
                session.post(base + path, json=body, headers=headers) as answer,
            ):
                yield answer.status, answer.content.iter_any()
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
    """The last answers by receipt, each for the session that asked: texts that receipts do not keep are in no file."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], tuple[float, Said]] = OrderedDict()

    def put(self, session: str, receipt: str, said: Said) -> None:
        self._kept[session, receipt] = time.monotonic(), said
        while len(self._kept) > KEPT_ANSWERS:
            self._kept.popitem(last=False)

    def get(self, session: str, receipt: str) -> Said | None:
        """The answer; None where it is another session's or long ago."""
        at, said = self._kept.get((session, receipt), (float("-inf"), None))
        return said if time.monotonic() - at < KEPT_SECONDS else None
