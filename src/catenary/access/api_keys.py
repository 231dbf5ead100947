"""Keys of the served API: who may ask which endpoints, how often, how much, until when.

    with recording(engine, home) as log:
        key, secret = make_api_key(log, name="web shop", by="ada", tokens_per_day=100_000)
    secret                                   # "ck-6f3a…-…": shown once, kept nowhere
    with reading(engine) as connection:
        api_key(connection, secret_sha256(secret))

A secret has 256 random bits, so that its SHA-256 is as good as a slow hash: there is no password to guess.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

from catenary.access.audit import Recorder
from catenary.access.roles import role as known_role
from catenary.access.tables import api_keys
from catenary.db import now
from catenary.errors import InvalidInput, NotFound

CALLER = "caller"
"""The role of keys that ask and see what they asked, and nothing else."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """`models`: the endpoints that it may ask, None for all. `keep_texts` False: no receipt keeps what it asks."""

    id: str
    secret_sha256: str
    name: str
    role: str
    models: tuple[str, ...] | None
    requests_per_minute: int | None
    tokens_per_day: int | None
    plan: str
    keep_texts: bool
    made_at: datetime
    made_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None

    @property
    def reads_all(self) -> bool:
        """Whether it may read the receipts of other keys' answers: every role but business; callers see their own."""
        return self.role not in (CALLER, "business")

    def stands(self, at: datetime) -> bool:
        """Whether it may be used at this instant."""
        return self.revoked_at is None and (self.expires_at is None or at < self.expires_at)


def secret_sha256(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def make_api_key(
    log: Recorder,
    *,
    name: str,
    by: str,
    role: str = CALLER,
    models: Sequence[str] | None = None,
    requests_per_minute: int | None = None,
    tokens_per_day: int | None = None,
    plan: str = "standard",
    keep_texts: bool = True,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its secret, which is told here and never again. Raises InvalidInput for an unknown role."""
    if role != CALLER:
        known_role(role)
    if not name.strip() or len(name) > 256:
        raise InvalidInput("A key needs a name of 1 to 256 characters.", got=name[:300])
    id = secrets.token_hex(4)
    while log.connection.execute(select(api_keys.c.id).where(api_keys.c.id == id)).first():
        id = secrets.token_hex(4)
    secret = f"ck-{id}-{secrets.token_urlsafe(32)}"
    row = {
        "id": id,
        "secret_sha256": secret_sha256(secret),
        "name": name,
        "role": role,
        "models": None if models is None else sorted(models),
        "requests_per_minute": requests_per_minute,
        "tokens_per_day": tokens_per_day,
        "plan": plan,
        "keep_texts": keep_texts,
        "made_at": now(),
        "made_by": by,
        "expires_at": expires_at,
    }
    log.connection.execute(insert(api_keys).values(**row))
    said = {name: row[name] for name in ("role", "models", "requests_per_minute", "tokens_per_day", "plan")}
    expires = None if expires_at is None else expires_at.isoformat()
    log.append(by, "api_key.make", {"key": id, "name": name, "expires_at": expires, **said})
    return api_key_with(log.connection, id), secret


def revoke_api_key(log: Recorder, id: str, *, by: str) -> None:
    """Let a key be used no more. Raises NotFound when none with this id stands."""
    stands = api_keys.c.id == id, api_keys.c.revoked_at.is_(None)
    changed = log.connection.execute(update(api_keys).where(*stands).values(revoked_at=now(), revoked_by=by))
    if changed.rowcount == 0:
        raise NotFound("No key with this id stands.", got=id, next="catenary keys")
    log.append(by, "api_key.revoke", {"key": id})


def api_key_with(connection: Connection, id: str) -> ApiKey:
    """The key with this id. Raises NotFound."""
    row = connection.execute(select(api_keys).where(api_keys.c.id == id)).one_or_none()
    if row is None:
        raise NotFound("No key with this id stands.", got=id, next="catenary keys")
    return _key(row)


def api_key_rows(connection: Connection) -> list[ApiKey]:
    """All keys, revoked ones too, oldest first."""
    return [
        _key(row) for row in connection.execute(select(api_keys).order_by(api_keys.c.made_at, api_keys.c.id))
    ]


def any_api_key(connection: Connection) -> bool:
    """Whether a key was ever made: from then on, no request goes without one."""
    return bool(connection.execute(select(func.count()).select_from(api_keys)).scalar())


def _key(row: object) -> ApiKey:
    values = list(row)  # type: ignore[call-overload]
    values[4] = None if values[4] is None else tuple(values[4])
    return ApiKey(*values)
