"""Roles and keys are given and taken in the open, and rights follow from them."""

from __future__ import annotations

import getpass
from contextlib import AbstractContextManager

import pytest
from sqlalchemy import text

from catenary.access import (
    ROLES,
    add_key,
    claim,
    contradictions,
    grant,
    grants,
    known_key,
    known_keys,
    local_person,
    own_key,
    recording,
    require,
    revoke_key,
    revoke_role,
    roles_of,
    single_user,
    verify_audit,
)
from catenary.access.audit import Recorder, entries
from catenary.errors import InvalidInput, NotFound, Refused
from catenary.store import Store


def changing(store: Store) -> AbstractContextManager[Recorder]:
    return recording(store.engine, store.home)


def actions(store: Store) -> list[str]:
    with store.reading() as connection:
        return [entry.action for entry in entries(connection)]


def test_the_first_person_holds_all_roles_and_the_log_says_so(store: Store) -> None:
    with changing(store) as log:
        assert claim(log, "ada")
        assert not claim(log, "eve")
    with store.reading() as connection:
        assert roles_of(connection, "ada") == set(ROLES)
        assert roles_of(connection, "eve") == set()
        assert single_user(connection) == "ada"
    assert actions(store) == ["single_user"] + ["role.grant"] * len(ROLES)


def test_from_the_second_person_on_it_is_no_single_user_mode(store: Store) -> None:
    with store.reading() as connection:
        assert single_user(connection) is None
    with changing(store) as log:
        claim(log, "ada")
        grant(log, "bo", "compliance", by="ada")
        assert single_user(log.connection) is None
        revoke_role(log, "bo", "compliance", by="ada")
        assert single_user(log.connection) == "ada"


def test_roles_are_given_and_taken(store: Store) -> None:
    with changing(store) as log:
        grant(log, "bo", "business", by="ada")
        grant(log, "bo", "business", by="ada")  # as he holds it, nothing happens
        grant(log, "bo", "researcher", by="ada")
        revoke_role(log, "bo", "business", by="cy")
        with pytest.raises(NotFound):
            revoke_role(log, "bo", "business", by="cy")
        with pytest.raises(InvalidInput, match="researcher"):
            grant(log, "bo", "reseacher", by="ada")
    with store.reading() as connection:
        assert roles_of(connection, "bo") == {"researcher"}
        ended, standing = grants(connection, person="bo", standing=False)
    assert (ended.role, ended.granted_by, ended.revoked_by) == ("business", "ada", "cy")
    assert standing.revoked_at is None
    assert actions(store) == ["role.grant", "role.grant", "role.revoke"]


def test_what_a_person_may_do_follows_from_the_roles(store: Store) -> None:
    with changing(store) as log:
        grant(log, "bo", "business", by="ada")
        require(log.connection, "bo", "usage")
        for action in ("run", "serve", "grant"):
            with pytest.raises(Refused, match="bo may not"):
                require(log.connection, "bo", action)
        with pytest.raises(Refused):
            require(log.connection, "nobody", "usage")


def test_keys_are_known_by_whose_they_are_and_can_be_revoked(store: Store) -> None:
    key = own_key(store.home.keys, "owner").public
    with changing(store) as log:
        add_key(log, key, "ada", by="ada")
        add_key(log, key, "ada", by="ada")
        with pytest.raises(Refused):
            add_key(log, key, "eve", by="eve")
        revoke_key(log, key.id, by="cy", why="lost laptop")
        with pytest.raises(Refused):
            add_key(log, key, "ada", by="ada")
        with pytest.raises(NotFound):
            revoke_key(log, key.id, by="cy", why="again")
    with store.reading() as connection:
        (known,) = known_keys(connection)
        assert known == known_key(connection, key.id)
        assert known_key(connection, "0" * 64) is None
    assert (known.person, known.public_key, known.revoked_by, known.revoked_why) == (
        "ada",
        key.pem,
        "cy",
        "lost laptop",
    )
    assert actions(store) == ["key.add", "key.revoke"]


def test_changes_past_the_log_contradict_it(store: Store) -> None:
    key = own_key(store.home.keys, "owner").public
    with changing(store) as log:
        claim(log, "ada")
        grant(log, "bo", "business", by="ada")
        revoke_role(log, "bo", "business", by="ada")
        add_key(log, key, "ada", by="ada")
        revoke_key(log, key.id, by="ada", why="lost")
        assert contradictions(log.connection) == []
    for statement in (
        "UPDATE roles SET person = 'eve' WHERE id = 1",
        "UPDATE roles SET revoked_at = NULL",
        "UPDATE roles SET role = 'compliance' WHERE role = 'business'",
        "DELETE FROM roles WHERE id = 2",
        "INSERT INTO roles (id, person, role, granted_at, granted_by)"
        " SELECT 99, 'eve', role, granted_at, granted_by FROM roles WHERE id = 1",
        "UPDATE keys SET person = 'eve'",
        "UPDATE keys SET revoked_at = NULL",
        "DELETE FROM keys",
    ):
        with store.engine.connect() as connection, connection.begin() as transaction:
            connection.execute(text(statement))
            assert contradictions(connection), statement
            transaction.rollback()
    assert verify_audit(store.engine, store.home) == []


def test_the_person_at_this_machine_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert local_person() == getpass.getuser()

    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 1234")

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert local_person().startswith("uid ")
