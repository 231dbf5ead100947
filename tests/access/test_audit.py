"""Whatever is done to the log behind its back is found."""

from __future__ import annotations

import json
import random
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from catenary.access import (
    Anchor,
    accept_audit,
    audit_anchor,
    own_key,
    record,
    recording,
    trusted_keys,
    verify_audit,
)
from catenary.access.audit import HEAD, Checkpoint, Entry, check, entries
from catenary.access.tables import audit, audit_checkpoints
from catenary.config import Home
from catenary.errors import Damaged, InvalidInput
from catenary.store import Store
from tests.store.making import make

Log = tuple[list[Entry], list[Checkpoint]]


def fill(store: Store, transactions: int = 6) -> None:
    for number in range(transactions):
        with recording(store.engine, store.home) as log:
            for part in range(number % 3 + 1):
                log.append("ada", "run", {"link": f"datasets.{number}", "part": part, "名": "甲"})


def read(store: Store) -> Log:
    with store.reading() as connection:
        log = list(entries(connection))
        query = select(audit_checkpoints).order_by(audit_checkpoints.c.seq)
        return log, [Checkpoint(*row) for row in connection.execute(query)]


def write(store: Store, log: Log) -> None:
    """Put any log in the place of the one there is, as one who may write to the database can."""
    with store.writing() as connection:
        connection.execute(delete(audit_checkpoints))
        connection.execute(delete(audit))
        for entry in log[0]:
            connection.execute(insert(audit).values(**asdict(entry)))
        for checkpoint in log[1]:
            connection.execute(insert(audit_checkpoints).values(**asdict(checkpoint)))


def told(store: Store) -> list[str]:
    return [finding.text("en") for finding in verify_audit(store.engine, store.home)]


def rehashed(log: list[Entry]) -> list[Entry]:
    """The entries numbered and chained anew, as one without a key can do."""
    chained: list[Entry] = []
    for number, entry in enumerate(log, 1):
        before = chained[-1].hash if chained else "0" * 64
        entry = replace(entry, seq=number, previous=before)
        chained.append(replace(entry, hash=entry.expected_hash()))
    return chained


def test_an_untouched_log_is_sound_and_says_what_was_done(store: Store) -> None:
    assert told(store) == []
    fill(store)
    assert told(store) == []
    log, checkpoints = read(store)
    assert [entry.seq for entry in log] == list(range(1, 13))
    assert len(checkpoints) == 6
    assert json.loads(log[0].detail) == {"link": "datasets.0", "part": 0, "名": "甲"}
    with store.reading() as connection:
        assert [entry.seq for entry in entries(connection, after=10)] == [11, 12]


def test_what_is_done_and_that_it_was_done_stand_or_fall_together(store: Store) -> None:
    made = make(store)
    with suppress(KeyboardInterrupt), recording(store.engine, store.home) as log:
        log.connection.execute(update_links(made.id))
        log.append("ada", "point", {"to": made.id})
        raise KeyboardInterrupt
    assert read(store) == ([], [])
    assert store.links("reviews") == {}
    with recording(store.engine, store.home) as log:
        log.connection.execute(update_links(made.id))
        log.append("ada", "point", {"to": made.id})
    assert len(read(store)[0]) == 1
    assert store.links("reviews").keys() == {"datasets.reviews"}
    assert told(store) == []


def update_links(artifact_id: str) -> Any:
    return text(
        "INSERT INTO links VALUES ('reviews', 'datasets.reviews', :id, '2025-01-01 00:00:00.000000')"
    ).bindparams(id=artifact_id)


def test_many_append_at_once(store: Store) -> None:
    def append() -> None:
        for number in range(5):
            record(store.engine, store.home, "ada", "run", {"number": number})

    threads = [threading.Thread(target=append) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told(store) == []
    assert len(read(store)[0]) == 20


@pytest.mark.parametrize("cut", [1, 3, 11, 12])
def test_a_log_cut_off_at_its_end_is_found_and_not_built_upon(store: Store, cut: int) -> None:
    fill(store)
    log, checkpoints = read(store)
    write(store, (log[:-cut], [one for one in checkpoints if one.seq <= len(log) - cut]))
    assert any("cut off" in line for line in told(store))
    with pytest.raises(Damaged):
        record(store.engine, store.home, "eve", "run", {})
    assert any("cut off" in line for line in told(store))


def test_the_head_cannot_be_made_to_agree_with_a_cut_log(store: Store) -> None:
    fill(store)
    log, checkpoints = read(store)
    write(store, (log[:-3], [one for one in checkpoints if one.seq <= len(log) - 3]))
    head = store.home.path / HEAD
    head.unlink()
    assert any("is missing from this home" in line for line in told(store))
    forged = asdict(checkpoints[-1]) | {"seq": checkpoints[-2].seq}
    head.write_text(json.dumps(forged))
    assert any("cut off" in line for line in told(store))
    head.write_text("{}")
    assert any("cannot be read" in line for line in told(store))


def test_a_log_written_anew_without_the_key_is_found(store: Store) -> None:
    fill(store)
    log, checkpoints = read(store)
    log[4] = replace(log[4], actor="eve")
    write(store, (rehashed(log), checkpoints))
    assert any("does not agree with its checkpoint" in line for line in told(store))
    write(store, (rehashed(log), []))
    assert any("not signed" in line for line in told(store))


def test_a_log_written_anew_with_another_key_is_found(store: Store, tmp_path: Path) -> None:
    fill(store)
    elsewhere = Home.of(tmp_path / "elsewhere", {})
    with Store.open(elsewhere) as other:
        fill(other, 9)
        write(store, read(other))
    assert any("does not trust" in line for line in told(store))
    assert any("cut off or replaced" in line for line in told(store))


def test_an_entry_added_at_the_end_without_the_key_is_found(store: Store) -> None:
    fill(store)
    log, checkpoints = read(store)
    write(store, (rehashed([*log, replace(log[-1], action="release.sign")]), checkpoints))
    assert any("was not signed" in line for line in told(store))
    with pytest.raises(Damaged):
        record(store.engine, store.home, "eve", "run", {})


def test_a_crash_between_the_commit_and_the_head_is_no_tampering(store: Store) -> None:
    fill(store)
    before = (store.home.path / HEAD).read_bytes()
    record(store.engine, store.home, "ada", "run", {})
    (store.home.path / HEAD).write_bytes(before)
    assert told(store) == []
    record(store.engine, store.home, "ada", "run", {})
    assert told(store) == []


def test_two_homes_may_share_a_log_once_each_trusts_the_other(store: Store, tmp_path: Path) -> None:
    other = Home(tmp_path / "other", store.home.catalog_url)
    with Store.open(other) as second:
        record(store.engine, store.home, "ada", "run", {})
        record(second.engine, other, "bo", "run", {})
        assert any("does not trust" in line for line in told(store))
        for mine, theirs in ((store.home, other), (other, store.home)):
            key = own_key(theirs.keys, "audit").public
            (mine.keys / "theirs.pub").write_text(key.pem)
        record(store.engine, store.home, "ada", "run", {})
        assert told(store) == told(second) == []


def test_an_anchor_kept_elsewhere_finds_even_a_log_written_anew_with_the_key(store: Store) -> None:
    fill(store)
    kept = Anchor.parse(str(audit_anchor(store.engine)))
    assert verify_audit(store.engine, store.home, [kept]) == []
    write(store, ([], []))
    (store.home.path / HEAD).unlink()
    fill(store, 7)
    assert told(store) == []
    assert [finding.what for finding in verify_audit(store.engine, store.home, [kept])] == [
        "The log does not agree with the anchor at entry {seq}."
    ]
    for wrong in ("", "12", "x:" + "0" * 64, "1:00"):
        with pytest.raises(InvalidInput):
            Anchor.parse(wrong)


def test_a_restored_catalog_can_be_accepted_and_the_log_says_so(store: Store) -> None:
    fill(store, 3)
    backup = read(store)
    fill(store, 3)
    write(store, backup)
    accept_audit(store.engine, store.home, "ada", "restored from Tuesday's backup")
    assert told(store) == []
    entry = read(store)[0][-1]
    detail = json.loads(entry.detail)
    assert entry.action == "audit.accept"
    assert detail["why"] == "restored from Tuesday's backup"
    assert "cut off" in detail["found"][0]
    record(store.engine, store.home, "ada", "run", {})
    assert told(store) == []


def test_accepting_does_not_heal_an_edited_entry(store: Store) -> None:
    fill(store)
    with store.writing() as connection:
        connection.execute(update(audit).where(audit.c.seq == 5).values(actor="eve"))
    accept_audit(store.engine, store.home, "ada", "we go on")
    record(store.engine, store.home, "ada", "run", {})
    assert told(store) == ["Entry 5 is not what was written."]


def test_bytes_that_are_no_text_and_torn_pages_are_told_not_raised(store: Store) -> None:
    if store.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL lets no such bytes in")
    fill(store)
    with closing(sqlite3.connect(store.home.path / "catalog.db", isolation_level=None)) as past_us:
        past_us.execute("UPDATE audit SET detail = CAST(x'ff00' AS TEXT) WHERE seq = 3")
    assert told(store)
    with closing(sqlite3.connect(store.home.path / "catalog.db", isolation_level=None)) as past_us:
        past_us.execute("UPDATE audit SET detail = NULLIF('a', 'b'), seq = 'three' WHERE seq = 3")
    assert told(store)


# A random edit of one of the kinds below, on a log that is otherwise as it was written.


def edit_entry(log: Log, lots: random.Random) -> Log:
    place = lots.randrange(len(log[0]))
    return [*log[0][:place], edited(log[0][place], lots), *log[0][place + 1 :]], log[1]


def edit_checkpoint(log: Log, lots: random.Random) -> Log:
    place = lots.randrange(len(log[1]))
    return log[0], [*log[1][:place], edited(log[1][place], lots), *log[1][place + 1 :]]


def edited(row: Any, lots: random.Random) -> Any:
    """One character (or the number) of one column changed, removed or added."""
    name, value = lots.choice(list(asdict(row).items()))
    if isinstance(value, int):
        return replace(row, **{name: value + lots.choice([-1, 1, 1000])})
    place = lots.randrange(len(value))
    letter = lots.choice(["", "0", "f", "x", " ", "é", value[place].swapcase() + "0", value[place] + " "])
    changed = value[:place] + letter + value[place + 1 :]
    return replace(row, **{name: changed if changed != value else value + "0"})


def drop_entries(log: Log, lots: random.Random) -> Log:
    start = lots.randrange(len(log[0]))
    gone = {entry.seq for entry in log[0][start : start + lots.randint(1, 4)]}
    kept = [entry for entry in log[0] if entry.seq not in gone]
    if lots.random() < 0.5:
        kept = rehashed(kept)
    return kept, [one for one in log[1] if one.seq not in gone]


def drop_checkpoint(log: Log, lots: random.Random) -> Log:
    place = lots.randrange(len(log[1]))
    return log[0], log[1][:place] + log[1][place + 1 :]


def insert_entry(log: Log, lots: random.Random) -> Log:
    place = lots.randrange(len(log[0]) + 1)
    new = replace(lots.choice(log[0]), actor="eve", seq=lots.choice([place, -place, place + 100]))
    mixed = [*log[0][:place], replace(new, hash=new.expected_hash()), *log[0][place:]]
    return (rehashed(mixed) if lots.random() < 0.7 else mixed), log[1]


def swap_entries(log: Log, lots: random.Random) -> Log:
    one, other = sorted(lots.sample(range(len(log[0])), 2))
    mixed = list(log[0])
    mixed[one], mixed[other] = (
        replace(mixed[other], seq=mixed[one].seq),
        replace(mixed[one], seq=mixed[other].seq),
    )
    return (rehashed(mixed) if lots.random() < 0.5 else mixed), log[1]


def swap_checkpoints(log: Log, lots: random.Random) -> Log:
    one, other = sorted(lots.sample(range(len(log[1])), 2))
    mixed = list(log[1])
    mixed[one], mixed[other] = (
        replace(mixed[other], seq=mixed[one].seq),
        replace(mixed[one], seq=mixed[other].seq),
    )
    return log[0], mixed


def cut_off(log: Log, lots: random.Random) -> Log:
    last = lots.randrange(len(log[0]))
    return log[0][:last], [one for one in log[1] if one.seq <= last]


def forge_after(log: Log, lots: random.Random) -> Log:
    """The truth up to some entry, then a story of one's own, well chained."""
    last = lots.randrange(1, len(log[0]))
    story = [replace(entry, actor="eve") for entry in log[0][last:]]
    return rehashed(log[0][:last] + story), log[1]


EDITS: list[Callable[[Log, random.Random], Log]] = [
    edit_entry,
    edit_checkpoint,
    drop_entries,
    drop_checkpoint,
    insert_entry,
    swap_entries,
    swap_checkpoints,
    cut_off,
    forge_after,
]


def missed(store: Store, count: int, seed: int) -> list[str]:
    """Which of `count` random edits are not found in the log of `store`, as its rows are read."""
    lots = random.Random(seed)
    log = read(store)
    trusted = trusted_keys(store.home.keys)
    head = Checkpoint(**json.loads((store.home.path / HEAD).read_text()))
    assert not check(*log, trusted)
    unfound = []
    for number in range(count):
        edit = EDITS[number % len(EDITS)]
        changed = edit(log, lots)
        assert changed != log, edit
        in_order = (
            sorted(changed[0], key=lambda entry: entry.seq),
            sorted(changed[1], key=lambda one: one.seq),
        )
        if not check(*in_order, trusted) and head in in_order[1]:
            unfound.append(f"{edit.__name__} {number}")
    return unfound


@pytest.mark.parametrize("count", [500, pytest.param(10_000, marks=pytest.mark.slow)])
def test_random_edits_are_all_found(tmp_path: Path, count: int) -> None:
    with Store.open(Home.of(tmp_path, {})) as store:
        fill(store, 10)
        assert missed(store, count, seed=count) == []


def test_random_edits_of_the_tables_themselves_are_found(store: Store) -> None:
    """The same edits, written to the database and verified there."""
    fill(store, 5)
    log, lots, refused = read(store), random.Random(3), 0
    for number in range(27):
        changed = EDITS[number % len(EDITS)](log, lots)
        try:
            write(store, changed)
        except DBAPIError:  # a number twice, a checkpoint of no entry: the database itself refuses
            refused += 1
        else:
            assert told(store), (number, changed)
        write(store, log)
        assert told(store) == []
    assert refused < 12
