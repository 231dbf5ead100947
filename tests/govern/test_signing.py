"""A release is signed by the right people over exactly what it is, or it is not signed."""

from __future__ import annotations

import base64
import copy
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from catenary.access import KnownKey, SigningKey, own_key
from catenary.errors import Refused
from catenary.govern import Approval, DigestSet, pae, require_may_sign, sign_off, verify_sign_offs

AT = datetime(2025, 9, 1, 12, 0, tzinfo=UTC)
DIGESTS = DigestSet(*(f"{number:064x}" for number in range(1, 6)))
REQUIRED = ["data_engineer", "training_engineer", "compliance"]


@dataclass(frozen=True)
class Kept:
    role: str
    person: str
    key_id: str
    envelope: Mapping[str, Any]
    revoked_at: datetime | None = None


@dataclass
class Office:
    """People with keys and roles, and what they signed."""

    folder: Path
    single_user: bool = False
    roles: set[tuple[str, str]] = field(default_factory=set)
    keys: dict[str, KnownKey] = field(default_factory=dict)
    kept: list[Kept] = field(default_factory=list)

    def key(self, person: str) -> SigningKey:
        key = own_key(self.folder / person, "owner")
        self.keys.setdefault(
            key.public.id, KnownKey(key.public.id, person, key.public.pem, AT, None, None, None)
        )
        return key

    def sign(self, person: str, role: str, digests: DigestSet = DIGESTS) -> Kept:
        self.roles.add((person, role))
        key = self.key(person)
        envelope = sign_off(
            digests, role_name=role, person=person, key=key, at=AT, single_user=self.single_user
        )
        self.kept.append(Kept(role, person, key.public.id, envelope))
        return self.kept[-1]

    def holds(self, person: str, role: str) -> bool:
        return (person, role) in self.roles

    def approval(self, digests: DigestSet = DIGESTS, required: list[str] | None = None) -> Approval:
        return verify_sign_offs(
            self.kept,
            digests,
            required=REQUIRED if required is None else required,
            keys=self.keys,
            holds=self.holds,
            single_user=self.single_user,
        )


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


@pytest.fixture
def signed(office: Office) -> Office:
    office.sign("ada", "data_engineer")
    office.sign("bo", "training_engineer")
    office.sign("cy", "compliance")
    return office


def test_all_required_roles_have_signed(signed: Office) -> None:
    approval = signed.approval()
    assert approval.complete
    assert approval.refused == ()
    (by,) = approval.signed["compliance"]
    assert (by.person, by.signed_at) == ("cy", "2025-09-01T12:00:00+00:00")


def test_a_missing_role_is_named(signed: Office) -> None:
    signed.kept.pop()
    assert signed.approval().missing == ("compliance",)
    assert not signed.approval().complete
    assert signed.approval(required=[]).complete


def test_any_changed_digest_voids_every_sign_off(signed: Office) -> None:
    for name in ("release", "model", "data", "evidence", "profile"):
        other = replace(DIGESTS, **{name: "f" * 64})
        approval = signed.approval(other)
        assert approval.missing == tuple(REQUIRED)
        assert all("other digests" in finding.what for finding in approval.refused)


def test_a_sign_off_that_was_taken_back_does_not_count(signed: Office) -> None:
    signed.kept[0] = replace(signed.kept[0], revoked_at=AT)
    assert signed.approval().missing == ("data_engineer",)


def test_a_role_that_was_taken_away_takes_its_sign_offs_along(signed: Office) -> None:
    signed.roles.remove(("cy", "compliance"))
    assert signed.approval().missing == ("compliance",)


def test_a_revoked_or_unknown_or_foreign_key_does_not_count(signed: Office) -> None:
    (known,) = [key for key in signed.keys.values() if key.person == "cy"]
    for other in (replace(known, revoked_at=AT), replace(known, person="ada"), None):
        signed.keys.pop(known.id, None)
        if other is not None:
            signed.keys[known.id] = other
        assert signed.approval().missing == ("compliance",)
    signed.keys[known.id] = known
    assert signed.approval().complete


def test_one_person_does_not_check_what_he_made(office: Office) -> None:
    office.sign("ada", "data_engineer")
    office.sign("ada", "training_engineer")
    assert office.approval().missing == ("compliance",)
    office.sign("ada", "compliance")
    approval = office.approval()
    assert approval.missing == tuple(REQUIRED)
    assert len(approval.refused) == 3
    for person, role in (("bo", "data_engineer"), ("bo", "training_engineer"), ("cy", "compliance")):
        office.sign(person, role)
    assert office.approval().complete


def test_alone_in_the_home_one_may_sign_for_all_and_it_shows(office: Office) -> None:
    office.single_user = True
    for role in REQUIRED:
        kept = office.sign("ada", role)
    assert office.approval().complete
    assert json.loads(base64.b64decode(kept.envelope["payload"]))["single_user"] is True
    office.single_user = False  # a second person has come: now they are kept apart
    assert not office.approval().complete


def test_who_may_sign_is_said_beforehand(office: Office) -> None:
    office.sign("ada", "data_engineer")
    office.roles.add(("ada", "compliance"))
    with pytest.raises(Refused, match="both of these roles"):
        require_may_sign("ada", "compliance", office.approval(), office.holds, single_user=False)
    require_may_sign("ada", "compliance", office.approval(), office.holds, single_user=True)
    with pytest.raises(Refused, match="does not hold"):
        require_may_sign("eve", "compliance", office.approval(), office.holds, single_user=True)


def test_the_signature_is_that_of_the_dsse_specification(signed: Office) -> None:
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    envelope = signed.kept[0].envelope
    assert envelope.keys() == {"payload", "payloadType", "signatures"}
    payload, signature = base64.b64decode(envelope["payload"]), envelope["signatures"][0]
    key = signed.key("ada").public
    assert signature["keyid"] == key.id
    assert key.verifies(base64.b64decode(signature["sig"]), pae(envelope["payloadType"], payload))


def test_a_signature_is_not_good_for_another_role_person_or_type(signed: Office) -> None:
    ada, _, cy = signed.kept
    for changed in (
        replace(cy, role="business"),
        replace(cy, person="ada"),
        replace(cy, envelope=ada.envelope),
        replace(cy, envelope={**cy.envelope, "payloadType": "application/json"}),
        replace(cy, envelope={**cy.envelope, "more": 1}),
        replace(cy, envelope={}),
        replace(cy, key_id=ada.key_id),
    ):
        signed.kept[2] = changed
        assert "compliance" in signed.approval().missing
        assert signed.approval(required=["business"]).missing == ("business",)


def test_a_key_that_signed_something_else_signs_no_release(signed: Office) -> None:
    key = signed.key("cy")
    for payload in (b"", b"[]", b"{}", b"\xff", b'{"role": "compliance", "person": "cy"}'):
        kind = signed.kept[2].envelope["payloadType"]
        envelope = {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": kind,
            "signatures": [
                {"keyid": key.public.id, "sig": base64.b64encode(key.sign(pae(kind, payload))).decode()}
            ],
        }
        signed.kept[2] = replace(signed.kept[2], envelope=envelope)
        assert signed.approval().missing == ("compliance",)


def edit_text(value: str, lots: random.Random) -> str:
    place = lots.randrange(len(value))
    letter = lots.choice(["", "A", "b", "=", "\n", " ", "0", value[place] * 2])
    changed = value[:place] + letter + value[place + 1 :]
    return changed if changed != value else value + "A"


def edit_statement(envelope: dict[str, Any], lots: random.Random) -> None:
    statement = json.loads(base64.b64decode(envelope["payload"]))
    name = lots.choice(sorted(statement))
    if name == "digests":
        part = lots.choice(sorted(statement["digests"]))
        statement["digests"][part] = edit_text(statement["digests"][part], lots)
    elif isinstance(statement[name], str):
        statement[name] = edit_text(statement[name], lots)
    else:
        statement[name] = not statement[name]
    envelope["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()


def edit_envelope(envelope: dict[str, Any], lots: random.Random) -> None:
    name = lots.choice(["payload", "payloadType"])
    envelope[name] = edit_text(envelope[name], lots)


def edit_signature(envelope: dict[str, Any], lots: random.Random) -> None:
    name = lots.choice(["keyid", "sig"])
    envelope["signatures"][0][name] = edit_text(envelope["signatures"][0][name], lots)


def edit_signatures(envelope: dict[str, Any], lots: random.Random) -> None:
    envelope["signatures"] = lots.choice([[], envelope["signatures"] * 2, None, "x"])


@pytest.mark.parametrize("count", [400, pytest.param(10_000, marks=pytest.mark.slow)])
def test_random_edits_of_a_sign_off_all_void_it(signed: Office, count: int) -> None:
    lots = random.Random(count)
    edits: list[Callable[[dict[str, Any], random.Random], None]] = [
        edit_statement,
        edit_envelope,
        edit_signature,
        edit_signatures,
    ]
    sound = list(signed.kept)
    for number in range(count):
        place = lots.randrange(len(sound))
        envelope = copy.deepcopy(dict(sound[place].envelope))
        edits[number % len(edits)](envelope, lots)
        signed.kept = [replace(sound[place], envelope=envelope)]
        assert sound[place].role in signed.approval().missing, envelope
