"""Who looks, and what they may do.

Without keys, whoever is at this machine acts as its person, as on the command line. As soon as the service has a key,
the console asks for one: it is shown once, and a signed cookie stands for it from then on. A session ends when its key
is revoked or expires, or after twelve hours; a restart of the server ends none.

A key acts for the person of its name only where whoever made the key may give roles: otherwise who may make keys could
sign as anybody.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fastapi import Request
from sqlalchemy import Connection

from catenary.access import (
    CALLER,
    ROLES,
    ApiKey,
    api_key_rows,
    grants,
    local_person,
    roles_of,
    secret_sha256,
)
from catenary.access.roles import Action
from catenary.config import Home
from catenary.digest import text_sha256
from catenary.errors import CatenaryError, NotFound, Refused
from catenary.files import make_folder, write_whole
from catenary.messages import say
from catenary.store import Store

COOKIE = "catenary_session"
SESSION_SECONDS = 12 * 3600
SECRET_BYTES = 32


class NoSession(CatenaryError):
    """The console wants a key first."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks. `key` None: this machine's person, where no key was ever made. `token` goes with every form."""

    person: str
    roles: frozenset[str]
    token: str
    key: ApiKey | None = None
    vouched: bool = True  # whether the key speaks for the person of its name

    def may(self, action: Action) -> bool:
        """Whether one of the roles held may do this."""
        return any(action in ROLES[name].may for name in self.roles)

    @property
    def sees(self) -> bool:
        """Whether data, models and people's names are theirs to see; callers see what they asked."""
        return self.key is None or self.key.role != CALLER

    def sees_receipt(self, key_id: str | None) -> bool:
        """Whether the receipt of an answer to this key is theirs to read."""
        return self.key is None or self.key.reads_all or self.key.id == key_id


class Sessions:
    """Signs and reads session cookies with a secret of the home."""

    def __init__(self, home: Home) -> None:
        self._secret = _secret(home.keys)

    def cookie(self, key: ApiKey) -> str:
        """What the browser keeps for this key."""
        said = f"{key.id}.{int(time.time()) + SESSION_SECONDS}.{secrets.token_hex(8)}"
        return f"{said}.{self._sign('session', said)}"

    def key_id(self, cookie: str) -> str | None:
        """The key that a cookie stands for; None for one that is not ours or is over."""
        said, _, signature = cookie.rpartition(".")
        if not said.isascii() or not hmac.compare_digest(self._sign("session", said), signature):
            return None
        key_id, until, _ = said.split(".")
        return key_id if int(until) > time.time() else None

    def token(self, session: str) -> str:
        """What a form must bring along to be taken as this session's."""
        return self._sign("form", session)

    def _sign(self, purpose: str, said: str) -> str:
        return hmac.new(self._secret, f"{purpose}:{said}".encode(), hashlib.sha256).hexdigest()


def viewer_of(request: Request, store: Store, sessions: Sessions) -> Viewer:
    """Who sends this request. Raises NoSession where a key is asked for and none stands behind the cookie."""
    with store.reading() as connection:
        keys = api_key_rows(connection)
        if not keys:
            if not _own_name(  # a name of somebody else's that leads here
                request.url.hostname or ""
            ):
                raise Refused(
                    "Without keys the console answers to this machine's own name only.",
                    got=request.url.hostname,
                    expected="localhost or 127.0.0.1",
                    next="catenary keys --make NAME --role compliance",
                )
            person = local_person()
            roles = roles_of(connection, person) if grants(connection) else set(ROLES)
            return Viewer(person, frozenset(roles), sessions.token("open"))
        cookie = request.cookies.get(COOKIE, "")
        key_id = sessions.key_id(cookie)
        key = next((one for one in keys if one.id == key_id), None)
        if key is None or not key.stands(datetime.now(UTC)):
            raise NoSession("The console asks for a key.")
        roles = set() if key.role == CALLER else {key.role}
        return Viewer(
            key.name, frozenset(roles), sessions.token(cookie), key, vouched=_vouched(connection, key)
        )


def session_of(secret: str, store: Store, sessions: Sessions) -> str:
    """The cookie for who shows this secret of a key. Raises NotFound for none that stands."""
    digest = secret_sha256(secret.strip())
    with store.reading() as connection:
        keys = api_key_rows(connection)
    for key in keys:
        if hmac.compare_digest(key.secret_sha256, digest) and key.stands(datetime.now(UTC)):
            return sessions.cookie(key)
    raise NotFound("This key is not known, was revoked or has expired.", next="catenary keys")


def check_form(request: Request, viewer: Viewer, token: str) -> None:
    """Raise Refused unless the form came from one of our own pages, in this session."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    if site not in ("same-origin", "none") or not hmac.compare_digest(token.encode(), viewer.token.encode()):
        raise Refused(
            "This form did not come from a page of this session.",
            expected="the page, opened again",
        )


def require(viewer: Viewer, action: Action) -> None:
    """Raise Refused unless who looks may do this."""
    if not viewer.may(action):
        raise Refused(
            "{person} may not do this.",
            where=action,
            got=", ".join(sorted(viewer.roles)) or "-",
            expected="one of the roles {roles}",
            person=viewer.person,
            roles=", ".join(name for name, known in ROLES.items() if action in known.may),
        )


def require_vouched(viewer: Viewer) -> None:
    """Raise Refused unless who looks acts for a person, so that something can be signed."""
    if not viewer.vouched:
        raise Refused(
            "This key does not speak for a person.",
            got=viewer.person,
            expected="a key with the name of somebody who holds its role, made by who may give roles",
            next="catenary roles",
        )


def why_not_vouched(viewer: Viewer) -> str:
    """The same for a page; "" where something can be signed."""
    if viewer.vouched:
        return ""
    return say("This key does not speak for a person, so nothing can be signed with it.")


def key_name(person: str) -> str:
    """This machine's person has its own key; others sign with one that the server keeps for them."""
    return "owner" if person == local_person() else f"person-{text_sha256(person)[:16]}"


def _vouched(connection: Connection, key: ApiKey) -> bool:
    maker = roles_of(connection, key.made_by)
    return any("grant" in ROLES[name].may for name in maker) and key.role in roles_of(connection, key.name)


def _own_name(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _secret(folder: Path) -> bytes:
    """The home's secret for cookies, made when it is first needed."""
    from filelock import FileLock

    path = folder / "console.secret"
    make_folder(folder)
    with FileLock(folder / ".lock"):
        if not path.exists():
            write_whole(path, secrets.token_bytes(SECRET_BYTES), mode=0o600)
    return path.read_bytes()
