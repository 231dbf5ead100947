"""Where a release stands: may it be served, and if not, what is missing?

    standing(store, release).sentence        # "unsigned: waits for compliance"

Judged anew each time from what is stored: the gates' evidence in the release's own manifest, and the sign-offs over its
digests, by keys and roles as they are now.
"""

from __future__ import annotations

from dataclasses import dataclass

from catenary.access import known_keys, recording, roles_of, single_user
from catenary.access.keys import own_key, passphrase_from_environment
from catenary.access.people import add_key, claim, local_person
from catenary.access.roles import role
from catenary.db import now
from catenary.digest import digest
from catenary.errors import Refused
from catenary.findings import Finding
from catenary.govern.signing import Approval, DigestSet, require_may_sign, sign_off, verify_sign_offs
from catenary.messages import say
from catenary.store import Artifact, Store


@dataclass(frozen=True, slots=True)
class Standing:
    """`failed`: gates that refuse the release. `approval`: who has signed, and who is missing."""

    failed: tuple[str, ...]
    approval: Approval

    @property
    def released(self) -> bool:
        """Whether it may be served without `--unreleased`."""
        return not self.failed and self.approval.complete

    @property
    def missing_roles(self) -> tuple[str, ...]:
        """The roles that could sign now: none while a gate refuses the release."""
        return () if self.failed else self.approval.missing

    @property
    def sentence(self) -> str:
        """The standing in words."""
        if self.failed:
            return say("refused by a gate: {gates}", gates="; ".join(self.failed))
        if self.approval.missing:
            return say("unsigned: waits for {roles}", roles=", ".join(self.approval.missing))
        return say("released: all gates passed, signed by {roles}", roles=", ".join(self.approval.signed))


def digests_of(store: Store, release: Artifact) -> DigestSet:
    """What a sign-off is over: the release's bytes, its model, all its data, the gates' evidence, the rules."""
    lineage = store.ancestors(release.id)
    data = sorted(row.id for row in lineage if row.kind in ("collection", "dataset"))
    return DigestSet(
        release=digest(
            ["release", release.id, {name: entry.sha256 for name, entry in release.manifest.files.items()}]
        ),
        model=release.manifest.inputs["from"],
        data=digest(["data", data]),
        evidence=digest(["evidence", release.manifest.report["gates"]]),
        profile=digest(
            ["profile", release.manifest.settings["gates"], release.manifest.settings["sign_off"]]
        ),
    )


def standing(store: Store, release: Artifact) -> Standing:
    """Where a release stands now."""
    gates = release.manifest.report["gates"]
    return Standing(
        tuple(gate["sentence"] for gate in gates if gate["outcome"] == "failed"),
        _approval(store, release),
    )


def _approval(store: Store, release: Artifact) -> Approval:
    digests, kept = digests_of(store, release), store.sign_offs(release.id)
    with store.reading() as connection:
        return verify_sign_offs(
            kept,
            digests,
            required=release.manifest.settings["sign_off"],
            keys={key.id: key for key in known_keys(connection)},
            holds=lambda person, name: name in roles_of(connection, person),
            single_user=single_user(connection) is not None,
        )


def sign(store: Store, release: Artifact, role_name: str) -> Standing:
    """Sign a release in a role, as the person at this machine, with his key; both are made at first need.

    Raises Refused where a gate refused the release, the role is not asked for, was signed already, or is not his.
    """
    from catenary.store import releases

    wanted = role(role_name).name
    person = local_person()
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
        return before
    key = own_key(store.home.keys, "owner", passphrase_from_environment())
    digests = digests_of(store, release)
    with recording(store.engine, store.home) as log:
        claim(log, person)
        add_key(log, key.public, person, by=person)
        alone = single_user(log.connection) is not None
        require_may_sign(
            person,
            wanted,
            before.approval,
            lambda who, name: name in roles_of(log.connection, who),
            single_user=alone,
        )
        envelope = sign_off(digests, role_name=wanted, person=person, key=key, at=now(), single_user=alone)
        number = releases.add_sign_off(
            log.connection, release.id, role=wanted, person=person, key_id=key.public.id, envelope=envelope
        )
        log.append(
            person,
            "release.sign",
            {"release": release.id, "role": wanted, "sign_off": number, "single_user": alone},
        )
    return standing(store, release)


def findings(store: Store, release: Artifact) -> tuple[Finding, ...]:
    """Sign-offs that do not count, and why."""
    return standing(store, release).approval.refused
