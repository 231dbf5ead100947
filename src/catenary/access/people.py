"""Who holds which roles and which keys. Each change is an audit entry in the same transaction.

    with recording(engine, home) as log:
        claim(log, "ada")      # the first person holds all roles; the log says "single_user"
        grant(log, "grace", "compliance", by="ada")

A home in which one person holds all there is to hold is in single-user mode: duties cannot be kept apart there, and
are not. From the second person on they are.
"""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from catenary.access.audit import Entry, Recorder, entries
from catenary.access.keys import PublicKey
from catenary.access.roles import ROLES, role
from catenary.access.tables import keys, roles
from catenary.db import now
from catenary.errors import NotFound, Refused
from catenary.findings import Finding

_State = tuple[str, str, bool]  # whose, which, whether it was revoked


@dataclass(frozen=True, slots=True)
class Grant:
    """A person holds a role, or held it until `revoked_at`."""

    id: int
    person: str
    role: str
    granted_at: datetime
    granted_by: str
    revoked_at: datetime | None
    revoked_by: str | None


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A public key that the catalog knows, and whose it is."""

    id: str
    person: str
    public_key: str
    made_at: datetime
    revoked_at: datetime | None
    revoked_by: str | None
    revoked_why: str | None


def local_person() -> str:
    """Who is at this machine: the operating system's name of the user."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return f"uid {os.getuid()}"


def claim(log: Recorder, person: str) -> bool:
    """Give all roles to the first person of a home, and say so in the log; False when roles were given before."""
    if log.connection.execute(select(roles.c.id).limit(1)).first() is not None:
        return False
    log.append(person, "single_user", {"person": person, "roles": sorted(ROLES)})
    for name in ROLES:
        grant(log, person, name, by=person)
    return True


def grant(log: Recorder, person: str, name: str, *, by: str) -> None:
    """Give a role to a person who does not hold it yet. Raises InvalidInput for an unknown role."""
    wanted = role(name).name
    if wanted in roles_of(log.connection, person):
        return
    row = {"person": person, "role": wanted, "granted_at": now(), "granted_by": by}
    number = log.connection.execute(insert(roles).values(**row).returning(roles.c.id)).scalar_one()
    log.append(by, "role.grant", {"grant": number, "person": person, "role": wanted})


def revoke_role(log: Recorder, person: str, name: str, *, by: str) -> None:
    """Take a role from a person. Sign-offs made in it count no more. Raises NotFound when he does not hold it."""
    wanted = role(name).name
    standing = roles.c.person == person, roles.c.role == wanted, roles.c.revoked_at.is_(None)
    statement = update(roles).where(*standing).values(revoked_at=now(), revoked_by=by).returning(roles.c.id)
    number = log.connection.execute(statement).scalar()
    if number is None:
        raise NotFound("{person} does not hold this role.", got=wanted, next="catenary roles", person=person)
    log.append(by, "role.revoke", {"grant": number, "person": person, "role": wanted})


def grants(connection: Connection, *, person: str | None = None, standing: bool = True) -> list[Grant]:
    """The grants that stand, or all that ever were, in the order they were made."""
    query = select(roles).order_by(roles.c.id)
    if person is not None:
        query = query.where(roles.c.person == person)
    if standing:
        query = query.where(roles.c.revoked_at.is_(None))
    return [Grant(*row) for row in connection.execute(query)]


def roles_of(connection: Connection, person: str) -> set[str]:
    """The roles that a person holds now."""
    return {held.role for held in grants(connection, person=person)}


def single_user(connection: Connection) -> str | None:
    """The one person who holds roles, in single-user mode; None when nobody or several do."""
    people = {held.person for held in grants(connection)}
    return people.pop() if len(people) == 1 else None


def require(connection: Connection, person: str, action: str) -> None:
    """Raise Refused unless one of the person's roles may do this (see `roles.Action`)."""
    held = roles_of(connection, person)
    if not any(action in ROLES[name].may for name in held):
        raise Refused(
            "{person} may not do this.",
            where=action,
            got=", ".join(sorted(held)) or None,
            expected="one of the roles {roles}",
            next="catenary roles",
            person=person,
            roles=", ".join(name for name, known in ROLES.items() if action in known.may),
        )


def require_role(connection: Connection, person: str, wanted: str) -> None:
    """Raise Refused unless the person holds this role now."""
    if wanted not in roles_of(connection, person):
        raise Refused("{person} does not hold this role.", got=wanted, next="catenary roles", person=person)


def add_key(log: Recorder, key: PublicKey, person: str, *, by: str) -> None:
    """Let the catalog know a person's public key. Raises Refused when it knows it as another's, or as revoked."""
    known = known_key(log.connection, key.id)
    if known is None:
        row = {"id": key.id, "person": person, "public_key": key.pem, "made_at": now()}
        log.connection.execute(insert(keys).values(**row))
        log.append(by, "key.add", {"key": key.id, "person": person, "public_key": key.pem})
    elif known.person != person or known.revoked_at is not None:
        raise Refused(
            "This key belongs to somebody else, or was revoked.",
            got=key.id,
            expected="a key of {person} that stands",
            person=person,
        )


def revoke_key(log: Recorder, key_id: str, *, by: str, why: str) -> None:
    """Trust a key no more. What it signed counts no more. Raises NotFound when no such key stands."""
    statement = update(keys).where(keys.c.id == key_id, keys.c.revoked_at.is_(None))
    if (
        log.connection.execute(statement.values(revoked_at=now(), revoked_by=by, revoked_why=why)).rowcount
        == 0
    ):
        raise NotFound("No key with this id stands.", got=key_id)
    log.append(by, "key.revoke", {"key": key_id, "why": why})


def known_key(connection: Connection, key_id: str) -> KnownKey | None:
    """The key with this id, revoked or not."""
    row = connection.execute(select(keys).where(keys.c.id == key_id)).one_or_none()
    return KnownKey(*row) if row else None


def known_keys(connection: Connection) -> list[KnownKey]:
    """All keys, revoked ones too, oldest first."""
    return [KnownKey(*row) for row in connection.execute(select(keys).order_by(keys.c.made_at, keys.c.id))]


def contradictions(connection: Connection) -> list[Finding]:
    """Roles and keys that are not as the audit log says: someone changed the tables past it."""
    said = _said(entries(connection))
    stand: dict[str, _State] = {
        f"role {held.id}": (held.person, held.role, held.revoked_at is not None)
        for held in grants(connection, standing=False)
    }
    stand |= {
        f"key {key.id}": (key.person, key.public_key, key.revoked_at is not None)
        for key in known_keys(connection)
    }
    return [
        Finding("This is not as the audit log says.", name)
        for name in sorted(said.keys() | stand.keys())
        if said.get(name) != stand.get(name)
    ]


def _said(log: Iterable[Entry]) -> dict[str, _State]:
    """The roles and keys that result from what the audit log says was done."""
    said: dict[str, _State] = {}
    for entry in log:
        if entry.action not in ("role.grant", "role.revoke", "key.add", "key.revoke"):
            continue
        detail = json.loads(entry.detail)
        revoked = entry.action.endswith(".revoke")
        if entry.action.startswith("role."):
            said[f"role {detail['grant']}"] = (detail["person"], detail["role"], revoked)
        elif not revoked:
            said[f"key {detail['key']}"] = (detail["person"], detail["public_key"], False)
        else:
            person, pem, _ = said[f"key {detail['key']}"]
            said[f"key {detail['key']}"] = (person, pem, True)
    return said
