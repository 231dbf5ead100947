"""Links point to artifacts, gates and sign-offs stand beside releases, receipts beside answers."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from sqlalchemy.exc import IntegrityError

from catenary.errors import NotFound
from catenary.store import GateResult, Receipt, Store, Usage
from tests.store.making import make

AT = datetime(2025, 9, 1, 12, 30, 0, 123456, UTC)


def test_a_link_points_to_one_artifact_at_a_time(store: Store) -> None:
    first, second = make(store, 1), make(store, 2)
    store.point("reviews", "datasets.reviews", first.id)
    store.point("mail", "datasets.mail", first.id)
    store.point("reviews", "datasets.reviews", second.id)
    assert {name: row.artifact_id for name, row in store.links("reviews").items()} == {
        "datasets.reviews": second.id
    }
    assert [(row.chain, row.link) for row in store.links_to(first.id)] == [("mail", "datasets.mail")]
    store.unpoint("reviews", "datasets.reviews")
    assert store.links("reviews") == {}


def test_a_link_cannot_point_to_nothing(store: Store) -> None:
    with pytest.raises(IntegrityError):
        store.point("reviews", "datasets.reviews", "0" * 64)


def test_the_gates_of_the_newest_evaluation_count(store: Store) -> None:
    release = make(store, kind="release")
    assert store.gates(release.id) == []
    store.add_gate_results(release.id, [GateResult("accuracy", "failed", {"got": 0.7})])
    store.add_gate_results(
        release.id,
        [GateResult("accuracy", "passed", {"got": 0.8}), GateResult("licences", "warned", {"名": ["MIT"]})],
    )
    assert [(gate.gate, gate.outcome, gate.evidence) for gate in store.gates(release.id)] == [
        ("accuracy", "passed", {"got": 0.8}),
        ("licences", "warned", {"名": ["MIT"]}),
    ]


def test_sign_offs_stay_when_they_are_taken_back(store: Store) -> None:
    release = make(store, kind="release")
    first = store.add_sign_off(
        release.id, role="compliance", person="ada", key_id="k1", envelope={"payload": "文"}
    )
    second = store.add_sign_off(release.id, role="business", person="bo", key_id="k2", envelope={})
    store.revoke_sign_off(first, by="ada", why="a mistake")
    one, two = store.sign_offs(release.id)
    assert (one.id, one.envelope, one.revoked_by, one.revoked_why) == (
        first,
        {"payload": "文"},
        "ada",
        "a mistake",
    )
    assert one.revoked_at is not None
    assert (two.id, two.revoked_at) == (second, None)
    for number in (first, 999):
        with pytest.raises(NotFound):
            store.revoke_sign_off(number, by="ada", why="again")


def test_a_receipt_is_kept_as_it_was_written(store: Store) -> None:
    release = make(store, kind="release")
    written = Receipt(
        "r-1", AT, "sentiment", "app/x", release.id, True, "key", {"sampling": {"temperature": 0.0}}
    )
    store.add_receipt(written)
    assert store.receipt("r-1") == written
    assert store.receipts(release_id=release.id) == [written]
    with pytest.raises(NotFound):
        store.receipt("r-2")
    with pytest.raises(IntegrityError):
        store.add_receipts([written])


def test_feedback_belongs_to_an_answer_and_comes_in_order(store: Store) -> None:
    release = make(store, kind="release")
    store.add_receipt(Receipt("r-1", AT, "sentiment", None, release.id, False, None, {}))
    terms = {"consent": "training", "licence": "CC0-1.0"}
    first = store.add_feedback("r-1", kind="thumb", body={"up": False}, **terms)
    second = store.add_feedback("r-1", kind="edit", body={"text": "好"}, **terms)
    assert [(one.id, one.kind, one.body, one.licence) for one in store.feedback()] == [
        (first, "thumb", {"up": False}, "CC0-1.0"),
        (second, "edit", {"text": "好"}, "CC0-1.0"),
    ]
    assert [one.id for one in store.feedback(after=first)] == [second]
    with pytest.raises(NotFound):
        store.add_feedback("r-2", kind="thumb", body={}, **terms)


def test_usage_adds_up_by_key_model_and_day(store: Store) -> None:
    day, next_day = date(2025, 9, 1), date(2025, 9, 2)
    for used in (
        Usage(day, "k1", "sentiment", 1, 10, 5),
        Usage(day, "k1", "sentiment", 2, 20, 7),
        Usage(day, "k2", "sentiment", 1, 1, 1),
        Usage(next_day, "k1", "sentiment", 1, 3, 4),
    ):
        store.add_usage(used)
    assert store.usage(key_id="k1") == [
        Usage(day, "k1", "sentiment", 3, 30, 12),
        Usage(next_day, "k1", "sentiment", 1, 3, 4),
    ]
    assert store.usage(since=next_day) == [Usage(next_day, "k1", "sentiment", 1, 3, 4)]
    assert len(store.usage(until=day)) == 2
