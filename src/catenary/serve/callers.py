"""Who asks: keys, what each may do, how fast, and what is left of its day.

Keys are read from the catalog and looked up again every few seconds, so that one made or revoked elsewhere counts here
too. Where no key was ever made, whoever can connect may ask. Rates are kept here, in buckets that fill evenly; what a
day has spent is in the catalog, with the receipts.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from catenary.access.api_keys import CALLER, ApiKey
from catenary.access.roles import ROLES
from catenary.serve.errors import NO_KEY, NOT_ALLOWED, SPENT, TOO_FAST, ApiError

LOOK_SECONDS = 2.0
LONGEST_RETRY_SECONDS = 120  # the official client gives up on longer ones


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a key, or nobody in particular."""

    key: ApiKey | None = None

    @property
    def key_id(self) -> str | None:
        return None if self.key is None else self.key.id

    @property
    def keeps_texts(self) -> bool:
        return self.key is None or self.key.keep_texts

    def may_see(self, key_id: str | None) -> bool:
        """Whether it may read the receipt of an answer to `key_id`: its own; all with a role other than business."""
        return self.key is None or self.key.reads_all or self.key.id == key_id

    def may_bill(self, key_id: str) -> bool:
        """Whether it may read what a key used: itself; all with a role that may read usage."""
        if self.key is None or self.key.id == key_id:
            return True
        return self.key.role != CALLER and "usage" in ROLES[self.key.role].may

    def require_model(self, name: str) -> None:
        """Raise ApiError (403) for an endpoint that the key is not for."""
        if self.key is not None and self.key.models is not None and name not in self.key.models:
            raise ApiError("This key may not use the model {name}.", NOT_ALLOWED, param="model", name=name)


ANYONE = Caller()


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where keys come from. `keys` and `spent` may block. `spent`: tokens of each key on a day."""

    keys: Callable[[], list[ApiKey]]
    spent: Callable[[date], Mapping[str, int]]


@dataclass(slots=True)
class Bucket:
    """Requests that a key may make now; it fills at `per_minute`, up to that many."""

    per_minute: int
    full: float
    at: float

    def take(self, now: float) -> float:
        """Take one: 0, or the seconds until there is one."""
        self.full = min(float(self.per_minute), self.full + (now - self.at) * self.per_minute / 60)
        self.at = now
        if self.full >= 1:
            self.full -= 1
            return 0.0
        return (1 - self.full) * 60 / self.per_minute


@dataclass(slots=True)
class Day:
    """Tokens that a key has spent on a day, and those promised to its requests in flight."""

    on: date
    spent: dict[str, int] = field(default_factory=dict)
    promised: dict[str, int] = field(default_factory=dict)


class Callers:
    """The keys that stand. Use it from the event loop."""

    def __init__(self, source: KeySource | None = None) -> None:
        self._source = source
        self._by_secret: dict[str, ApiKey] = {}
        self._required = False
        self._looked = float("-inf")
        self._looking: asyncio.Task[None] | None = None
        self._buckets: dict[str, Bucket] = {}
        self._day = Day(_today())

    def keyed(self) -> bool:
        """Whether a key was ever made, so that nobody asks without one. Reads the catalog; it may block."""
        return self._source is not None and bool(self._source.keys())

    async def of(self, authorization: str | None) -> Caller:
        """Who shows this header. Raises ApiError: 401 without a key that stands."""
        if self._source is None:
            return ANYONE
        if time.monotonic() - self._looked > LOOK_SECONDS:
            await self._look()
        if not self._required:
            return ANYONE
        scheme, _, secret = (authorization or "").partition(" ")
        secret = secret.strip()
        if scheme.lower() != "bearer" or not secret:
            raise ApiError("There is no key with this request.", NO_KEY)
        digest = hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
        key = self._by_secret.get(digest)
        if key is None or not key.stands(datetime.now(UTC)):
            raise ApiError("This key is not known, was revoked or has expired.", NO_KEY)
        return Caller(key)

    def admit(self, caller: Caller, most_tokens: int) -> Callable[[int], None]:
        """Count one request of at most so many tokens; call what it returns with the tokens it took.

        Raises ApiError: 429 where the key asks too fast, or has spent its day.
        """
        key = caller.key
        if key is None:
            return lambda _: None
        if key.requests_per_minute is not None:
            self._take(key.id, key.requests_per_minute)
        self._turn_day()
        day = self._day
        if key.tokens_per_day is not None:
            taken = day.spent.get(key.id, 0) + day.promised.get(key.id, 0)
            if taken >= key.tokens_per_day:
                raise ApiError(
                    "This key has spent its {tokens} tokens of today.", SPENT, tokens=key.tokens_per_day
                )
        day.promised[key.id] = day.promised.get(key.id, 0) + most_tokens

        def settle(tokens: int) -> None:
            day.promised[key.id] -= most_tokens
            day.spent[key.id] = day.spent.get(key.id, 0) + tokens

        return settle

    def _take(self, key_id: str, per_minute: int) -> None:
        now = time.monotonic()
        bucket = self._buckets.get(key_id)
        if bucket is None or bucket.per_minute != per_minute:
            bucket = self._buckets[key_id] = Bucket(per_minute, float(per_minute), now)
        wait = bucket.take(now)
        if wait:
            raise ApiError(
                "This key may ask {count} times a minute.",
                TOO_FAST,
                retry_after_seconds=min(LONGEST_RETRY_SECONDS, max(1, int(wait + 0.999))),
                count=per_minute,
            )

    def _turn_day(self) -> None:
        if self._day.on != _today():  # what is in flight settles on the day on which it began
            self._day = Day(_today())

    async def _look(self) -> None:
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._read())
        await asyncio.shield(self._looking)

    async def _read(self) -> None:
        assert self._source is not None
        first = self._looked == float("-inf")
        keys = await asyncio.to_thread(self._source.keys)
        if first:
            today = _today()
            self._day = Day(today, dict(await asyncio.to_thread(self._source.spent, today)))
        self._by_secret = {key.secret_sha256: key for key in keys}
        self._required = self._required or bool(keys)
        self._looked = time.monotonic()


def _today() -> date:
    return datetime.now(UTC).date()
