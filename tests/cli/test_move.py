"""A release moves from dev to production by people who may, and what serves follows at once."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from catenary.access import grant, known_keys, recording, revoke_role
from catenary.chain.spec import load
from catenary.config import Home
from catenary.errors import CatenaryError, Refused
from catenary.govern.signing import verify_sign_offs
from catenary.server import open_endpoint
from catenary.stages import STAGES
from catenary.stages.lifecycle import move, still_served
from catenary.stages.standing import digests_of, sign, standing, take_back
from catenary.store import Artifact, Store
from tests.cli.conftest import Catenary
from tests.stages.mail import OFFER, SIGNERS


def opened(folder: Path) -> Store:
    return Store.open(Home.of(folder), create=False)


def release_in(store: Store) -> Artifact:
    [row] = store.artifacts("release")
    return store.get(row.id)


def test_from_dev_to_withdrawn(catenary: Catenary, signed_copy: Path) -> None:
    assert catenary(signed_copy, "ask", "kind", OFFER).code == 0  # nobody moved it: signed is enough
    assert catenary(signed_copy, "move", "kind", "production").code == 4
    assert catenary(signed_copy, "move", "kind", "staging").code == 0
    said = catenary(signed_copy, "ask", "kind", OFFER)
    assert said.code == 4
    assert "staging" in said.err
    assert catenary(signed_copy, "move", "kind", "production", "--json").json["from"] == "staging"
    assert catenary(signed_copy, "ask", "kind", OFFER).code == 0
    assert catenary(signed_copy, "move", "kind", "withdrawn").code != 0  # why?
    assert catenary(signed_copy, "move", "kind", "withdrawn", "--why", "wrong licence").code == 0
    assert "withdrawn" in catenary(signed_copy, "ask", "kind", OFFER).err
    assert catenary(signed_copy, "move", "kind", "dev").code == 4
    assert catenary(signed_copy, "audit", "verify").code == 0


def test_what_is_not_signed_never_gets_into_production(catenary: Catenary, copy: Path) -> None:
    assert catenary(copy, "move", "kind", "staging").code == 0
    said = catenary(copy, "move", "kind", "production")
    assert said.code == 4
    assert "signed" in said.err


def test_a_server_follows_at_once(signed_copy: Path) -> None:
    chain = load(signed_copy / "catenary.yaml", STAGES)
    with opened(signed_copy) as store:
        release = release_in(store)
        classify = open_endpoint(chain, store, "kind").classifier.classify
        assert len(classify([OFFER])) == 1
        move(store, release, "staging")
        with pytest.raises(Refused, match="not be served"):
            classify([OFFER])
        move(store, release, "production")
        assert len(classify([OFFER])) == 1
        take_back(store, store.sign_offs(release.id)[0].id, why="a mistake")
        with pytest.raises(Refused, match="not be served"):
            classify([OFFER])
        for role in SIGNERS:
            sign(store, release, role)
        assert len(classify([OFFER])) == 1
        move(store, release, "withdrawn", why="wrong licence")
        with pytest.raises(Refused, match="withdrawn"):
            classify([OFFER])
        assert not standing(store, release).released


def test_a_sign_off_expires(copy: Path) -> None:
    with opened(copy) as store:
        release = release_in(store)
        for role in SIGNERS:
            sign(store, release, role, days=1.0)
        assert standing(store, release).released
        assert missing(store, release, datetime.now(UTC)) == []
        assert missing(store, release, datetime.now(UTC) + timedelta(days=2)) == sorted(SIGNERS)


def missing(store: Store, release: Artifact, at: datetime) -> list[str]:
    with store.reading() as connection:
        keys = {key.id: key for key in known_keys(connection)}
    found = verify_sign_offs(
        store.sign_offs(release.id),
        digests_of(store, release),
        required=sorted(SIGNERS),
        keys=keys,
        holds=lambda person, role: True,
        single_user=True,
        at=at,
    )
    return list(found.missing)


def test_a_sign_off_is_taken_back_on_the_command_line(catenary: Catenary, signed_copy: Path) -> None:
    assert catenary(signed_copy, "sign", "kind", "--revoke", "1", "--why", "a mistake").code == 0
    assert catenary(signed_copy, "ask", "kind", OFFER).code == 4
    assert catenary(signed_copy, "sign", "kind", "--revoke", "1").code != 0
    assert "revoked" in catenary(signed_copy, "trace", "kind").out


def test_a_revoked_key_voids_what_it_signed(catenary: Catenary, signed_copy: Path) -> None:
    [key] = catenary(signed_copy, "signers", "--json").json["keys"]
    assert catenary(signed_copy, "signers", "--revoke", key["id"][:12], "--why", "laptop lost").code == 0
    assert catenary(signed_copy, "ask", "kind", OFFER).code == 4
    assert catenary(signed_copy, "signers", "--json").json["keys"][0]["revoked"]


def test_two_approvers_racing_never_make_a_wrong_release(copy: Path) -> None:
    """One person signs at once, from two places, for roles that exclude each other; then a role is taken away."""
    with opened(copy) as store:
        release = release_in(store)
        with recording(store.engine, store.home) as log:
            for person in ("ada", "grace"):
                for role in SIGNERS:
                    grant(log, person, role, by="root")
        told: list[str] = []

        def at_once(role: str) -> None:
            with opened(copy) as own:
                try:
                    sign(own, release, role, person="ada")
                    told.append("signed")
                except CatenaryError as error:
                    told.append(error.what)

        threads = [threading.Thread(target=at_once, args=(role,)) for role in SIGNERS]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        approval = standing(store, release).approval
        assert told.count("signed") == 1
        assert len(approval.signed) == 1
        with recording(store.engine, store.home) as log:
            revoke_role(log, "ada", next(iter(approval.signed)), by="root")
        assert not standing(store, release).approval.signed
        with pytest.raises(Refused):
            still_served(store, release)()


def test_several_who_move_at_once_move_once(signed_copy: Path) -> None:
    with opened(signed_copy) as store:
        release = release_in(store)
        told: list[str] = []

        def at_once() -> None:
            with opened(signed_copy) as own:
                try:
                    move(own, release, "staging")
                    told.append("moved")
                except CatenaryError:
                    told.append("refused")

        threads = [threading.Thread(target=at_once) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(told) == ["moved", "refused", "refused", "refused"]
        assert [one.state for one in store.release_states(release.id)] == ["staging"]
