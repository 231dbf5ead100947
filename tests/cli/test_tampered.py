"""Whatever is altered of a signed release, on disk or in the catalog, it is not served, or it is found."""

from __future__ import annotations

import json
import random
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import DBAPIError

from catenary.access import contradictions as of_people
from catenary.access import grant, recording, revoke_role, verify_audit
from catenary.config import Home
from catenary.errors import CatenaryError, Refused
from catenary.stages.lifecycle import move, still_served
from catenary.stages.recorded import contradictions
from catenary.stages.seal import check_files, check_seal
from catenary.stages.standing import digests_of, sign, signed_in, standing, take_back
from catenary.store import Artifact, Store
from catenary.store.manifest import MANIFEST, manifest_sha256, parse_manifest
from catenary.store.tables import artifacts, release_states, sign_offs
from tests.stages.mail import SIGNERS


@pytest.fixture
def store(signed_copy: Path) -> Iterator[Store]:
    with Store.open(Home.of(signed_copy), create=False) as opened:
        yield opened


def release_in(store: Store) -> Artifact:
    [row] = store.artifacts("release")
    return store.get(row.id)


def served(store: Store) -> bool:
    """Whether the release would be loaded and asked now."""
    try:
        release = release_in(store)
        if not standing(store, release).released:
            return False
        still_served(store, release)()
        check_files(release)
        check_seal(store, release)
    except (CatenaryError, KeyError, TypeError, ValueError):
        return False
    return True


def changed_text(text: str, lots: random.Random) -> str:
    place = lots.randrange(len(text))
    letter = lots.choice(["", "0", "9", "f", '"', " ", "\n", "é", text[place] * 2])
    changed = text[:place] + letter + text[place + 1 :]
    return changed if changed != text else text + "x"


def changed_value(value: Any, lots: random.Random) -> Any:
    """One leaf of a manifest with another value; still JSON."""
    if isinstance(value, dict) and value:
        name = lots.choice(sorted(value))
        return {**value, name: changed_value(value[name], lots)}
    if isinstance(value, list) and value:
        place = lots.randrange(len(value))
        return [*value[:place], changed_value(value[place], lots), *value[place + 1 :]]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + lots.choice([1, -1, 7])
    return changed_text(value, lots) if isinstance(value, str) and value else "x"


def test_first_it_is_served(store: Store) -> None:
    assert served(store)
    with store.reading() as connection:
        assert contradictions(connection) == []


@pytest.mark.parametrize("count", [150, pytest.param(10_000, marks=pytest.mark.slow)])
def test_altered_manifests_are_refused_though_the_catalog_believes_them(store: Store, count: int) -> None:
    """Recipe, files, gates or inputs: a leaf changed, or a byte, and the catalog's digest made to fit."""
    lots, release = random.Random(count), release_in(store)
    path, told = release.path / MANIFEST, release.manifest.to_bytes()
    path.chmod(0o644)
    judged = ("files", "inputs", "settings", "id", "kind", "stage", "version")
    untold = []
    for number in range(count):
        if number % 3 == 0:
            data = bytearray(told)
            data[lots.randrange(len(data))] ^= lots.randint(1, 255)
            altered = bytes(data)
        else:
            raw = json.loads(told)
            # what is served and why: the report's headline, shown only, is compared by `verify`
            part = lots.choice([*judged, "gates"])
            if part == "gates":
                raw["report"]["gates"] = changed_value(raw["report"]["gates"], lots)
            else:
                raw[part] = changed_value(raw[part], lots)
            altered = (json.dumps(raw, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()
        if altered == told:
            continue
        path.write_bytes(altered)
        with suppress(CatenaryError):
            if judged_alike(parse_manifest(altered, path), release):
                continue
        with store.writing() as connection:
            row = update(artifacts).where(artifacts.c.id == release.id)
            connection.execute(row.values(manifest_sha256=manifest_sha256(altered)))
        if served(store):
            untold.append(altered)
    assert untold == []


def judged_alike(altered: Any, release: Artifact) -> bool:
    """Whether only what nobody signs for differs (sizes, headline), which `catenary verify` compares."""
    first, second = json.loads(altered.to_bytes()), json.loads(release.manifest.to_bytes())
    for one in (first, second):
        one["report"] = one["report"].get("gates")
        one["files"] = {name: entry["sha256"] for name, entry in one["files"].items()}
    return bool(first == second)


Edit = Callable[[Store, random.Random, Artifact], None]


def edit_sign_off(store: Store, lots: random.Random, release: Artifact) -> None:
    name = lots.choice(["role", "person", "key_id", "envelope", "release_id", "id"])
    with store.writing() as connection:
        row = lots.choice(list(connection.execute(select(sign_offs))))
        value: Any = getattr(row, name)
        if name == "envelope":
            value = changed_value(value, lots)
        elif name == "release_id":
            other = select(artifacts.c.id).where(artifacts.c.id != value)
            value = lots.choice(list(connection.execute(other).scalars()))
        elif name == "id":
            value += 100
        else:
            value = changed_text(value, lots) or "x"
        connection.execute(update(sign_offs).where(sign_offs.c.id == row.id).values({name: value}))


def drop_sign_off(store: Store, lots: random.Random, release: Artifact) -> None:
    with store.writing() as connection:
        number = lots.choice(list(connection.execute(select(sign_offs.c.id)).scalars()))
        connection.execute(delete(sign_offs).where(sign_offs.c.id == number))


def undo_revocation(store: Store, lots: random.Random, release: Artifact) -> None:
    take_back(store, lots.choice([row.id for row in store.sign_offs(release.id)]), why="a mistake")
    with store.writing() as connection:
        connection.execute(update(sign_offs).values(revoked_at=None, revoked_by=None, revoked_why=None))


def undo_withdrawal(store: Store, lots: random.Random, release: Artifact) -> None:
    move(store, release, "withdrawn", why="wrong licence")
    with store.writing() as connection:
        if lots.random() < 0.5:
            connection.execute(delete(release_states))
        else:
            connection.execute(update(release_states).values(state="production"))


EDITS: list[Edit] = [edit_sign_off, drop_sign_off, undo_revocation, undo_withdrawal]


@pytest.mark.parametrize("count", [24, pytest.param(400, marks=pytest.mark.slow)])
def test_altered_approvals_are_refused_or_found(signed_copy: Path, tmp_path: Path, count: int) -> None:
    """Sign-offs moved, forged or dropped, revocations and withdrawals undone, in the catalog itself."""
    lots = random.Random(count)
    home = signed_copy / ".catenary"
    kept = tmp_path / "kept"
    kept.mkdir()
    for name in ("catalog.db", "audit.head"):
        shutil.copy(home / name, kept / name)
    for number in range(count):
        for name in ("catalog.db", "audit.head"):
            shutil.copy(kept / name, home / name)
        for stale in home.glob("catalog.db-*"):
            stale.unlink()
        with Store.open(Home.of(signed_copy), create=False) as store:
            edit = EDITS[number % len(EDITS)]
            try:
                edit(store, lots, release_in(store))
            except DBAPIError:  # the database itself refuses
                continue
            with store.reading() as connection:
                found = [*of_people(connection), *contradictions(connection)]
            found += verify_audit(store.engine, store.home)
            assert found or not served(store), (edit, number)


@contextmanager
def at_once(*jobs: Callable[[], None]) -> Iterator[list[BaseException]]:
    """Run all in threads, started together; what they raised."""
    raised: list[BaseException] = []
    start = threading.Barrier(len(jobs))

    def run(job: Callable[[], None]) -> None:
        start.wait()
        try:
            job()
        except CatenaryError as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    yield raised


def test_a_role_taken_while_its_holder_signs_never_makes_a_release(copy: Path) -> None:
    """Whichever comes first: afterwards the sign-off does not count."""
    with Store.open(Home.of(copy), create=False) as store:
        release = release_in(store)
        with recording(store.engine, store.home) as log:
            grant(log, "ada", "compliance", by="root")
            grant(log, "grace", "data_engineer", by="root")
        sign(store, release, "data_engineer", person="grace")

        def signs() -> None:
            with Store.open(Home.of(copy), create=False) as own:
                sign(own, release, "compliance", person="ada")

        def revokes() -> None:
            with (
                Store.open(Home.of(copy), create=False) as own,
                recording(own.engine, own.home) as log,
            ):
                revoke_role(log, "ada", "compliance", by="root")

        with at_once(signs, revokes) as raised:
            assert all(isinstance(error, Refused) for error in raised)
        assert not standing(store, release).released
        with pytest.raises(Refused):
            still_served(store, release)()
        with store.reading() as connection:
            assert not signed_in(connection, release, digests_of(store, release))
            assert contradictions(connection) == []


def test_a_sign_off_taken_back_while_it_moves_to_production_is_never_served(signed_copy: Path) -> None:
    with Store.open(Home.of(signed_copy), create=False) as store:
        release = release_in(store)
        move(store, release, "staging")
        number = store.sign_offs(release.id)[0].id

        def moves() -> None:
            with Store.open(Home.of(signed_copy), create=False) as own:
                move(own, release, "production")

        def unsigns() -> None:
            with Store.open(Home.of(signed_copy), create=False) as own:
                take_back(own, number, why="a mistake")

        with at_once(moves, unsigns) as raised:
            assert len(raised) <= 1
        assert not standing(store, release).released
        with pytest.raises(Refused):
            still_served(store, release)()


@pytest.mark.parametrize("signer", SIGNERS)
def test_a_byte_changed_between_two_sign_offs_is_never_sealed(copy: Path, signer: str) -> None:
    with Store.open(Home.of(copy), create=False) as store:
        release = release_in(store)
        sign(store, release, signer)
        model = release.path / "model.onnx"
        model.chmod(0o644)
        data = bytearray(model.read_bytes())
        data[len(data) // 3] ^= 1
        model.write_bytes(data)
        [other] = [role for role in SIGNERS if role != signer]
        with pytest.raises(CatenaryError, match="not what was signed"):
            sign(store, release, other)
        assert standing(store, release).missing_roles == (other,)
        assert not served(store)
