"""Where a release stands: may it be served, and if not, what is missing?

    standing(store, release).sentence        # "unsigned: waits for compliance"

Judged anew each time from what is stored: the gates' evidence in the release's own manifest, and the sign-offs over its
digests, by keys and roles as they are now.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection

from catenary.access import known_keys, recording, require, roles_of, single_user
from catenary.access.keys import own_key, passphrase_from_environment
from catenary.access.people import add_key, claim, local_person
from catenary.access.roles import role
from catenary.db import now
from catenary.digest import digest
from catenary.errors import InvalidInput, Refused
from catenary.findings import Finding
from catenary.govern.signing import Approval, DigestSet, require_may_sign, sign_off, verify_sign_offs
from catenary.messages import say
from catenary.stages.seal import seal, seal_path
from catenary.store import Artifact, Store, releases
from catenary.store.releases import State


@dataclass(frozen=True, slots=True)
class Standing:
    """`failed`: gates that refuse the release. `approval`: who has signed, and who is missing."""

    failed: tuple[str, ...]
    approval: Approval
    state: State | None = None  # where it was moved (lifecycle.py); None: nobody moved it

    @property
    def signed(self) -> bool:
        """Whether all gates let it pass and every required role has signed."""
        return not self.failed and self.approval.complete

    @property
    def released(self) -> bool:
        """Whether it may be served without `--unreleased`: signed, and in production or never moved."""
        return self.signed and self.state in (None, "production")

    @property
    def missing_roles(self) -> tuple[str, ...]:
        """The roles that could sign now: none while a gate refuses the release."""
        return () if self.failed or self.state == "withdrawn" else self.approval.missing

    @property
    def sentence(self) -> str:
        """The standing in words."""
        if self.state == "withdrawn":
            return say("withdrawn: it is served no more")
        if self.failed:
            return say("refused by a gate: {gates}", gates="; ".join(self.failed))
        if self.approval.missing:
            return say("unsigned: waits for {roles}", roles=", ".join(self.approval.missing))
        if self.state in ("dev", "staging"):
            return say("signed, and in {state}: it is served once it is in production", state=self.state)
        return say("released: all gates passed, signed by {roles}", roles=", ".join(self.approval.signed))


def digests_of(store: Store, release: Artifact) -> DigestSet:
    """What a sign-off is over: the release's bytes, its model or index, its data, the gates' evidence, the rules."""
    lineage = store.ancestors(release.id)
    data = sorted(row.id for row in lineage if row.kind in ("collection", "dataset"))
    return DigestSet(
        release=digest(
            ["release", release.id, {name: entry.sha256 for name, entry in release.manifest.files.items()}]
        ),
        model=released_id(release),
        data=digest(["data", data]),
        evidence=digest(["evidence", release.manifest.report["gates"]]),
        profile=digest(
            ["profile", release.manifest.settings["gates"], release.manifest.settings["sign_off"]]
        ),
    )


def released_id(release: Artifact) -> str:
    """The model that was released, or the index of passages."""
    inputs = release.manifest.inputs
    return inputs.get("from") or inputs["index"]


def standing(store: Store, release: Artifact) -> Standing:
    """Where a release stands now."""
    gates = release.manifest.report["gates"]
    digests = digests_of(store, release)
    with store.reading() as connection:
        approval, state = _approval(connection, release, digests), releases.state_of(connection, release.id)
    return Standing(
        tuple(gate["sentence"] for gate in gates if gate["outcome"] == "failed"),
        approval,
        state,
    )


def _approval(connection: Connection, release: Artifact, digests: DigestSet) -> Approval:
    """Who has signed, seen in one state of the catalog."""
    return verify_sign_offs(
        releases.sign_off_rows(connection, release.id),
        digests,
        required=release.manifest.settings["sign_off"],
        keys={key.id: key for key in known_keys(connection)},
        holds=lambda person, name: name in roles_of(connection, person),
        single_user=single_user(connection) is not None,
    )


def signed_in(connection: Connection, release: Artifact, digests: DigestSet) -> bool:
    """Whether the release is signed, in the transaction that is about to act on it."""
    failed = any(gate["outcome"] == "failed" for gate in release.manifest.report["gates"])
    return not failed and _approval(connection, release, digests).complete


def sign(
    store: Store,
    release: Artifact,
    role_name: str,
    *,
    days: float | None = None,
    person: str | None = None,
    key_name: str = "owner",
) -> Standing:
    """Sign a release in a role, as the person at this machine, with his key; both are made at first need.

    With `days`, the sign-off counts no longer than that. `person` and `key_name` are for who acts for a person that he
    has made sure of: whose key it is, and under which name this home keeps it.

    Raises Refused where a gate refused the release, the role is not asked for, was signed already, or is not his.
    """
    wanted = role(role_name).name
    person = person or local_person()
    before = standing(store, release)
    required = release.manifest.settings["sign_off"]
    if wanted not in required:
        raise Refused(
            "This release does not ask for a sign-off in this role.",
            got=wanted,
            expected="one of: {names}",
            names=", ".join(required),
        )
    if before.failed:
        raise Refused(
            "A gate refused this release, so it cannot be signed.",
            got="; ".join(before.failed),
            next="catenary show {release}",
            release=release.id[:12],
        )
    if wanted in before.approval.signed:
        if before.signed and not seal_path(store, release).exists():  # signed by an earlier version
            with recording(store.engine, store.home) as log:
                seal(store, release, log, person)
        return before
    if before.state == "withdrawn":
        raise Refused("This release was withdrawn, so it cannot be signed.", got=release.id[:12])
    if days is not None and days <= 0:
        raise InvalidInput("A sign-off counts for some time.", got=days, expected="more than 0 days")
    key = own_key(store.home.keys, key_name, passphrase_from_environment())
    digests = digests_of(store, release)
    with recording(store.engine, store.home) as log:
        claim(log, person)
        add_key(log, key.public, person, by=person)
        alone = single_user(log.connection) is not None
        now_signed = _approval(
            log.connection, release, digests
        )  # nobody else signs until this transaction ends
        require_may_sign(
            person,
            wanted,
            now_signed,
            lambda who, name: name in roles_of(log.connection, who),
            single_user=alone,
        )
        if wanted in now_signed.signed:  # another process was quicker
            return Standing(before.failed, now_signed, before.state)
        at = now()
        envelope = sign_off(
            digests,
            role_name=wanted,
            person=person,
            key=key,
            at=at,
            single_user=alone,
            until=None if days is None else at + timedelta(days=days),
        )
        number = releases.add_sign_off(
            log.connection, release.id, role=wanted, person=person, key_id=key.public.id, envelope=envelope
        )
        log.append(
            person,
            "release.sign",
            {"release": release.id, "role": wanted, "sign_off": number, "single_user": alone},
        )
        if _approval(log.connection, release, digests).complete:
            seal(store, release, log, person)
    return standing(store, release)


def take_back(store: Store, number: int, *, why: str, person: str | None = None) -> None:
    """Take a sign-off back: one's own, or anybody's by who may revoke. What it stood for is unsigned from then on.

    Raises NotFound where none stands with this number, Refused for who may not.
    """
    who = person or local_person()
    with recording(store.engine, store.home) as log:
        signed_by = releases.signer_of(log.connection, number)
        if signed_by != who:
            require(log.connection, who, "revoke")
        releases.revoke_sign_off(log.connection, number, by=who, why=why)
        log.append(who, "release.unsign", {"sign_off": number, "why": why})


def findings(store: Store, release: Artifact) -> tuple[Finding, ...]:
    """Sign-offs that do not count, and why."""
    return standing(store, release).approval.refused
