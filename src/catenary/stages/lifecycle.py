"""dev → staging → production → withdrawn: where a release is, who moved it, and that what serves follows at once.

    move(store, release, "staging")
    move(store, release, "production")              # refused unless it is signed, as it is now
    move(store, release, "withdrawn", why="…")       # for good; the next question to it is refused

A release that nobody moved is served as soon as it is signed. From the first move on it is served in production only.
Each move is one transaction that looks at gates, sign-offs, roles and the state before, and an entry of the audit log.
"""

from __future__ import annotations

from collections.abc import Callable

from catenary.access import claim, local_person, recording, require
from catenary.db import reading
from catenary.errors import InvalidInput, Refused
from catenary.stages.standing import digests_of, signed_in
from catenary.store import Artifact, Store, releases
from catenary.store.releases import STATES, State

MOVES: dict[State, tuple[State, ...]] = {
    "dev": ("staging", "withdrawn"),
    "staging": ("dev", "production", "withdrawn"),
    "production": ("staging", "withdrawn"),
    "withdrawn": (),
}


def move(store: Store, release: Artifact, to: str, *, why: str = "", person: str | None = None) -> State:
    """Move a release; returns where it was. Raises Refused for a move that may not be, or by who may not."""
    if to not in MOVES:
        raise InvalidInput(
            "There is no state of this name.", got=to, expected="one of: {names}", names=", ".join(STATES)
        )
    state: State = next(one for one in STATES if one == to)
    if state == "withdrawn" and not why.strip():
        raise InvalidInput("Why is it withdrawn?", expected="`--why`: people will read it")
    who, digests = person or local_person(), digests_of(store, release)
    with recording(store.engine, store.home) as log:
        claim(log, who)
        require(log.connection, who, "sign" if state != "withdrawn" else "revoke")
        before = releases.state_of(log.connection, release.id) or "dev"
        if state not in MOVES[before]:
            raise Refused(
                "A release does not go from {before} to {state}.",
                before=before,
                state=state,
                got=release.id[:12],
                expected="one of: {names}",
                names=", ".join(MOVES[before]) or "-",
            )
        if (
            any(gate["outcome"] == "failed" for gate in release.manifest.report["gates"])
            and state != "withdrawn"
        ):
            raise Refused("A gate refused this release, so it goes nowhere.", got=release.id[:12])
        if state == "production" and not signed_in(log.connection, release, digests):
            raise Refused(
                "Only what is signed goes into production.",
                got=release.id[:12],
                next="catenary show {release}",
                release=release.id[:12],
            )
        releases.add_state(log.connection, release.id, state, person=who, why=why)
        log.append(who, "release.move", {"release": release.id, "from": before, "to": state, "why": why})
    return before


def still_served(store: Store, release: Artifact, *, unreleased: bool = False) -> Callable[[], None]:
    """What a server asks before each answer: raises Refused once the release was withdrawn, moved out of production or
    lost a sign-off. Two short look-ups, so that a change anywhere is followed at once."""
    digests = digests_of(store, release)

    def check() -> None:
        with reading(store.engine) as connection:
            state = releases.state_of(connection, release.id)
            if state == "withdrawn":
                raise Refused("This release was withdrawn, so it answers no more.", got=release.id[:12])
            if unreleased:
                return
            if state not in (None, "production") or not signed_in(connection, release, digests):
                raise Refused("This release may not be served any more.", got=release.id[:12])

    return check
