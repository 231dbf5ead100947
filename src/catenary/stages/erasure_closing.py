"""An erasure closed though something is kept: it cannot be made again without the document, or the law has it kept.

    close(store, "5be1a0…", why="kept as evidence: Article 17(3)(e)")
    closing_of(store, "5be1a0…", remaining(store, "5be1a0…"))   # the reason that covers all of what is left

What is signed names each artifact that is kept. An artifact that comes to hold the document later is not covered: the
erasure is open again. So it is once the signer loses his role or his key is revoked.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from catenary.access import (
    ROLES,
    add_key,
    claim,
    known_keys,
    local_person,
    own_key,
    passphrase_from_environment,
    recording,
    require_role,
    role,
    roles_of,
)
from catenary.db import now
from catenary.errors import InvalidInput, NotFound, Refused
from catenary.govern.signing import envelope_of, signature_holds, statement_of
from catenary.stages.erasure import Carrier, remaining
from catenary.store import Store
from catenary.store.erasures import add_closing, closings_of

PAYLOAD_TYPE = "application/vnd.catenary.erasure-closing.v1+json"


@dataclass(frozen=True)
class Closed:
    """Who closed an erasure, as what, why, when, and which artifacts are kept."""

    person: str
    role: str
    why: str
    at: str
    kept: Sequence[str]


def close(
    store: Store, document_id: str, *, why: str, role_name: str = "compliance", person: str | None = None
) -> Closed:
    """Sign, in a role that may withdraw releases, why what still holds a document is kept.

    Raises NotFound where nobody had it erased, Refused without the role, and where nothing holds it any more.
    """
    if not why.strip():
        raise InvalidInput("Why is it kept?", expected="`--why`: people will read it")
    if "revoke" not in role(role_name).may:
        raise Refused(
            "This role may not close an erasure.",
            got=role_name,
            expected="one of the roles {roles}",
            roles=", ".join(name for name, known in ROLES.items() if "revoke" in known.may),
        )
    found = [one.document_id for one in store.erasures() if one.document_id.startswith(document_id)]
    if len(found) != 1:
        raise NotFound(
            "Nobody has had this document erased.",
            got=f"doc:{document_id}",
            expected="the id of one document, as `catenary erase status` shows it",
            next="catenary erase status",
        )
    left = [one.id for one in remaining(store, found[0])]
    if not left:
        raise Refused("Nothing here holds the document any more.", next="catenary erase status")
    who = person or local_person()
    key = own_key(store.home.keys, "owner", passphrase_from_environment())
    with recording(store.engine, store.home) as log:
        claim(log, who)
        require_role(log.connection, who, role_name)
        add_key(log, key.public, who, by=who)
        closed = Closed(who, role_name, why, now().astimezone(UTC).isoformat(), sorted(left))
        envelope = envelope_of(_statement(found[0], closed), PAYLOAD_TYPE, key)
        number = add_closing(
            log.connection, found[0], role=role_name, person=who, key_id=key.public.id, envelope=envelope
        )
        told = {"document": found[0], "closing": number, "role": role_name, "why": why, "kept": closed.kept}
        log.append(who, "document.close", told)
    return closed


def closing_of(store: Store, document_id: str, left: Collection[Carrier]) -> Closed | None:
    """The newest signed reason that counts now and covers all that is left; None where there is none."""
    if not left:
        return None
    with store.reading() as connection:
        keys = {key.id: key for key in known_keys(connection)}
        for kept in closings_of(connection, document_id):
            key = keys.get(kept.key_id)
            if key is None or key.revoked_at is not None or key.person != kept.person:
                continue
            if not signature_holds(kept.envelope, PAYLOAD_TYPE, key):
                continue
            said = statement_of(kept.envelope)
            closed = Closed(
                kept.person, kept.role, said.get("why", ""), said.get("at", ""), said.get("kept", ())
            )
            covers = {one.id for one in left} <= set(closed.kept)
            if (
                said == _statement(document_id, closed)
                and covers
                and kept.role in roles_of(connection, kept.person)
            ):
                return closed
    return None


def _statement(document_id: str, closed: Closed) -> dict[str, Any]:
    return {
        "document": document_id,
        "person": closed.person,
        "role": closed.role,
        "why": closed.why,
        "at": closed.at,
        "kept": list(closed.kept),
    }
