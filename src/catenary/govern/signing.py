"""Sign-offs: a role's signature over the exact digests of a release, and which of them count.

What is signed is a statement in a DSSE envelope (Dead Simple Signing Envelope 1.0.2, github.com/secure-systems-lab/
dsse): the signature covers its type and its bytes, so neither can be taken for another. It names the release and the
digests of its model, data, evidence and profile, not a name that could come to mean something else: any changed byte
is another release, or another digest, and voids it.

A sign-off counts when its signature holds, by a key that the catalog knows as this person's and has not revoked;
when it was not taken back and has not expired; when the person holds the role now; and when he has not
signed for a role that excludes it
(`access.CONFLICTS`), unless nobody else is there to sign (single-user mode). All of this is judged anew each time.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from catenary.access import KnownKey, SigningKey, conflict, public_key, role
from catenary.errors import Damaged, Refused
from catenary.findings import Finding

PAYLOAD_TYPE = "application/vnd.catenary.sign-off.v1+json"

Holds = Callable[[str, str], bool]  # (person, role) → whether the person holds the role now


@dataclass(frozen=True, slots=True)
class DigestSet:
    """What is signed: the release's id, and digests of its model, its data, the gates' evidence and their profile."""

    release: str
    model: str
    data: str
    evidence: str
    profile: str


class KeptSignOff(Protocol):
    """A sign-off as it is kept: the envelope, who is said to have signed as what, and whether it was taken back."""

    @property
    def role(self) -> str: ...
    @property
    def person(self) -> str: ...
    @property
    def key_id(self) -> str: ...
    @property
    def envelope(self) -> Mapping[str, Any]: ...
    @property
    def revoked_at(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class Signature:
    """A sign-off that counts."""

    role: str
    person: str
    key_id: str
    signed_at: str


@dataclass(frozen=True, slots=True)
class Approval:
    """How far a release is signed: what counts, by role; the roles still missing; and what does not count, and why."""

    signed: Mapping[str, tuple[Signature, ...]]
    missing: tuple[str, ...]
    refused: tuple[Finding, ...]

    @property
    def complete(self) -> bool:
        """Whether every required role has signed."""
        return not self.missing


def sign_off(
    digests: DigestSet,
    *,
    role_name: str,
    person: str,
    key: SigningKey,
    at: datetime,
    single_user: bool,
    until: datetime | None = None,
) -> dict[str, Any]:
    """The envelope in which `person`, as `role_name`, signs for `digests`, for good or `until` a time
    that is signed too.
    Whether he may is `require_may_sign`'s."""
    statement = {
        "digests": asdict(digests),
        "role": role(role_name).name,
        "attests": role(role_name).attests,
        "person": person,
        "single_user": single_user,
        "signed_at": at.astimezone(UTC).isoformat(),
    }
    if until is not None:
        statement["expires_at"] = until.astimezone(UTC).isoformat()
    return envelope_of(statement, PAYLOAD_TYPE, key)


def envelope_of(statement: Mapping[str, Any], payload_type: str, key: SigningKey) -> dict[str, Any]:
    """A statement in a DSSE envelope, signed with `key`."""
    payload = json.dumps(statement, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    return {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": payload_type,
        "signatures": [
            {"keyid": key.public.id, "sig": base64.b64encode(key.sign(pae(payload_type, payload))).decode()}
        ],
    }


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: what is signed.

    >>> pae("http://example.com/HelloWorld", b"hello world")
    b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
    """
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def require_may_sign(
    person: str, role_name: str, approval: Approval, holds: Holds, *, single_user: bool
) -> None:
    """Raise Refused unless `person` may sign as `role_name` beside what `approval` says he has signed for."""
    if not holds(person, role(role_name).name):
        raise Refused(
            "{person} does not hold this role.", got=role_name, next="catenary roles", person=person
        )
    signed = {name for name, by in approval.signed.items() if any(one.person == person for one in by)}
    excluded = conflict({*signed, role_name})
    if excluded and not single_user:
        raise Refused(
            "One person may not sign for both of these roles on one release.",
            got=", ".join(excluded),
            expected="another person's signature for one of them",
        )


def verify_sign_offs(
    kept: Iterable[KeptSignOff],
    digests: DigestSet,
    *,
    required: Sequence[str],
    keys: Mapping[str, KnownKey],
    holds: Holds,
    single_user: bool,
    at: datetime | None = None,
) -> Approval:
    """Which of the `required` roles have signed for exactly `digests`.

    `keys` are the catalog's, by id; `single_user` says that one person holds every role that anybody holds.
    `at` is the time by which sign-offs expire; now where it is left out.
    """
    at = at or datetime.now(UTC)
    valid: list[Signature] = []
    refused: list[Finding] = []
    for sign in kept:
        why = _reason_against(sign, digests, keys, holds, at)
        if why is None:
            valid.append(
                Signature(sign.role, sign.person, sign.key_id, statement_of(sign.envelope)["signed_at"])
            )
        else:
            refused.append(Finding(why, f"{sign.role} ({sign.person})"))
    if not single_user:
        valid, entangled = _keep_apart(valid)
        refused += entangled
    signed: dict[str, tuple[Signature, ...]] = {}
    for signature in valid:
        signed[signature.role] = (*signed.get(signature.role, ()), signature)
    return Approval(signed, tuple(name for name in required if name not in signed), tuple(refused))


def _reason_against(
    sign: KeptSignOff, digests: DigestSet, keys: Mapping[str, KnownKey], holds: Holds, at: datetime
) -> str | None:
    if sign.revoked_at is not None:
        return "This sign-off was taken back."
    key = keys.get(sign.key_id)
    if key is None or key.person != sign.person:
        return "The catalog does not know the signing key as this person's."
    if key.revoked_at is not None:
        return "The signing key was revoked."
    if not signature_holds(sign.envelope, PAYLOAD_TYPE, key):
        return "The signature does not hold."
    statement = statement_of(sign.envelope)
    if (statement.get("role"), statement.get("person")) != (sign.role, sign.person):
        return "This is not what was signed."
    if statement.get("digests") != asdict(digests):
        return "It is over other digests: something has changed since it was signed."
    if _expired(statement, at):
        return "This sign-off has expired."
    if not holds(sign.person, sign.role):
        return "This person does not hold the role any more."
    return None


def _expired(statement: Mapping[str, Any], at: datetime) -> bool:
    """Whether a sign-off is past its time; one whose time cannot be read is."""
    if "expires_at" not in statement:
        return False
    try:
        until = datetime.fromisoformat(statement["expires_at"])
    except (TypeError, ValueError):
        return True
    return until.tzinfo is None or at >= until


def signature_holds(envelope: Mapping[str, Any], payload_type: str, key: KnownKey) -> bool:
    """Whether the envelope is of the one form that `envelope_of` writes, and `key` signed it."""
    try:
        payload = base64.b64decode(envelope["payload"], validate=True)
        (signature,) = envelope["signatures"]
        raw = base64.b64decode(signature["sig"], validate=True)
        known = public_key(key.public_key, key.id)
    except (KeyError, TypeError, ValueError, binascii.Error, Damaged):
        return False
    as_written = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": payload_type,
        "signatures": [{"keyid": known.id, "sig": base64.b64encode(raw).decode()}],
    }
    return known.id == key.id and envelope == as_written and known.verifies(raw, pae(payload_type, payload))


def statement_of(envelope: Mapping[str, Any]) -> dict[str, Any]:
    """What was signed, to be read only once `signature_holds`; empty when the key signed something else."""
    try:
        statement = json.loads(base64.b64decode(envelope["payload"]))
    except ValueError:
        return {}
    return statement if isinstance(statement, dict) else {}


def _keep_apart(signatures: Sequence[Signature]) -> tuple[list[Signature], list[Finding]]:
    """Drop what one person signed in two roles that exclude each other: neither of the two counts."""
    kept: list[Signature] = []
    dropped: list[Finding] = []
    for signature in signatures:
        others = {one.role for one in signatures if one.person == signature.person}
        if any(conflict({signature.role, other}) for other in others):
            dropped.append(
                Finding(
                    "The same person signed for a role that excludes this one.",
                    f"{signature.role} ({signature.person})",
                )
            )
        else:
            kept.append(signature)
    return kept, dropped
