"""What stands beside a release: the results of its gates, and its sign-offs as they were signed.

Whether a sign-off is valid is `govern/signing.py`'s to say; here they are kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, func, insert, select, update

from catenary.db import now
from catenary.errors import NotFound
from catenary.store.tables import gates, release_states, sign_offs

GateOutcome = Literal["passed", "warned", "failed"]
State = Literal["dev", "staging", "production", "withdrawn"]
STATES: tuple[State, ...] = ("dev", "staging", "production", "withdrawn")


@dataclass(frozen=True, slots=True)
class GateResult:
    """How a release fared at one gate, with what was measured (JSON values)."""

    gate: str
    outcome: GateOutcome
    evidence: Mapping[str, Any]
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SignOffRow:
    """A role's signature over a release: the DSSE envelope, who, and whether it was taken back."""

    id: int
    release_id: str
    role: str
    person: str
    key_id: str
    envelope: Mapping[str, Any]
    signed_at: datetime
    revoked_at: datetime | None
    revoked_by: str | None
    revoked_why: str | None


@dataclass(frozen=True, slots=True)
class ReleaseState:
    """Where a release was put, by whom, when and why."""

    id: int
    release_id: str
    state: State
    at: datetime
    person: str
    why: str


def add_state(connection: Connection, release_id: str, state: State, *, person: str, why: str) -> int:
    """Put a release into a state; returns the entry's number. Whether it may go there is `stages/lifecycle.py`'s."""
    row = {"release_id": release_id, "state": state, "at": now(), "person": person, "why": why}
    return int(
        connection.execute(insert(release_states).values(**row).returning(release_states.c.id)).scalar_one()
    )


def states(connection: Connection, release_id: str) -> list[ReleaseState]:
    """All that a release went through, oldest first; nothing where nobody moved it."""
    query = (
        select(release_states).where(release_states.c.release_id == release_id).order_by(release_states.c.id)
    )
    return [ReleaseState(*row) for row in connection.execute(query)]


def state_of(connection: Connection, release_id: str) -> State | None:
    """Where a release is now; None where nobody moved it."""
    query = (
        select(release_states.c.state)
        .where(release_states.c.release_id == release_id)
        .order_by(release_states.c.id.desc())
        .limit(1)
    )
    found: State | None = connection.execute(query).scalar()
    return found


def add_gate_results(connection: Connection, release_id: str, results: Sequence[GateResult]) -> None:
    """Keep the results of one evaluation of all gates, beside those of earlier ones."""
    at = now()
    for result in results:
        connection.execute(
            insert(gates).values(
                release_id=release_id,
                gate=result.gate,
                outcome=result.outcome,
                evidence=dict(result.evidence),
                at=at,
            )
        )


def gate_results(connection: Connection, release_id: str) -> list[GateResult]:
    """The results of the newest evaluation of a release's gates."""
    newest = select(func.max(gates.c.at)).where(gates.c.release_id == release_id).scalar_subquery()
    query = select(gates).where(gates.c.release_id == release_id, gates.c.at == newest).order_by(gates.c.id)
    return [GateResult(row.gate, row.outcome, row.evidence, row.at) for row in connection.execute(query)]


def add_sign_off(
    connection: Connection,
    release_id: str,
    *,
    role: str,
    person: str,
    key_id: str,
    envelope: Mapping[str, Any],
) -> int:
    """Keep a sign-off; returns its number."""
    row = {"release_id": release_id, "role": role, "person": person, "key_id": key_id}
    statement = insert(sign_offs).values(**row, envelope=dict(envelope), signed_at=now())
    return int(connection.execute(statement.returning(sign_offs.c.id)).scalar_one())


def signer_of(connection: Connection, number: int) -> str | None:
    """Who gave the sign-off with this number; None where there is none."""
    found: str | None = connection.execute(
        select(sign_offs.c.person).where(sign_offs.c.id == number)
    ).scalar()
    return found


def revoke_sign_off(connection: Connection, number: int, *, by: str, why: str) -> None:
    """Take a sign-off back. It stays, marked. Raises NotFound when there is none that still stands."""
    statement = update(sign_offs).where(sign_offs.c.id == number, sign_offs.c.revoked_at.is_(None))
    changed = connection.execute(statement.values(revoked_at=now(), revoked_by=by, revoked_why=why)).rowcount
    if changed == 0:
        raise NotFound("No sign-off with this number stands.", got=number, next="catenary show <release>")


def sign_off_rows(connection: Connection, release_id: str) -> list[SignOffRow]:
    """All sign-offs of a release, revoked ones too, in the order of signing."""
    query = select(sign_offs).where(sign_offs.c.release_id == release_id).order_by(sign_offs.c.id)
    return [SignOffRow(*row) for row in connection.execute(query)]


def moved_releases(connection: Connection) -> set[str]:
    """The ids of all releases that someone moved: a withdrawal holds for good."""
    return set(connection.execute(select(release_states.c.release_id).distinct()).scalars())


def signed_releases(connection: Connection) -> set[str]:
    """The ids of all releases that someone signed, whether or not it was taken back."""
    return set(connection.execute(select(sign_offs.c.release_id).distinct()).scalars())
