"""What people wrote lies encrypted in the catalog of an encrypted home, and is read as before by who has the key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from catenary.config import Home
from catenary.errors import Damaged, Refused
from catenary.store import Receipt, Store, resealing
from catenary.store.encryption import make_key
from catenary.store.held import Held, keep_decision
from catenary.store.tables import feedback, held_answers, receipts
from tests.store.making import make

pytestmark = pytest.mark.usefixtures("key")

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SECRET = "where is my 包裹"


def answered(store: Store, number: int, *, release_number: int = 1) -> Receipt:
    """A receipt with texts, in lists and below other names, with feedback on it and a draft that waits."""
    release = make(store, release_number, kind="release")
    body = {
        "seconds": 0.25,
        "asked": {"messages": [[{"role": "user", "content": f"{SECRET} {number}"}]], "sha256": "ab"},
        "answers": [{"text": f"{SECRET}!", "sha256": "cd", "finish_reason": "stop"}, {"text": None}],
    }
    receipt = Receipt(f"rcpt_{number:032x}", AT, "shop", None, release.id, False, None, body)
    waits = Held(receipt.id, AT, "shop", "compliance", {"answer": SECRET, "on": [1, None]})
    store.add_answers([receipt], [], [waits])
    said = {"value": "edit", "comment": SECRET}
    store.add_feedback(receipt.id, kind="edit", body=said, consent="training", licence="CC0")
    return receipt


def kept(store: Store) -> str:
    """All that the catalog keeps, as whoever reads its file sees it."""
    with store.reading() as connection:
        rows: list[Any] = [
            *connection.execute(select(receipts.c.id, receipts.c.body).order_by(receipts.c.id)),
            *connection.execute(select(held_answers.c.draft).order_by(held_answers.c.receipt_id)),
            *connection.execute(select(feedback.c.body).order_by(feedback.c.id)),
        ]
    return "\n".join(map(str, rows))


def readable(store: Store, made: list[Receipt]) -> None:
    assert sorted(store.receipts(), key=lambda one: one.id) == made
    for receipt in made:
        assert store.receipt(receipt.id) == receipt
        held = store.held(receipt.id)
        assert held is not None
        assert held.draft == {"answer": SECRET, "on": [1, None]}
    assert [one.body["comment"] for one in store.feedback()] == [SECRET] * len(made)
    assert {held.receipt_id for held in store.held_answers(waiting=True)} == {one.id for one in made}


def test_texts_are_sealed_with_the_objects_and_opened_with_them(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resealing, "AT_ONCE", 2)
    made = [answered(store, number) for number in range(5)]
    plain = kept(store)
    assert plain.count(SECRET) == 20
    store.encrypt("on")
    made += [answered(store, number) for number in range(5, 8)]
    sealed = kept(store)
    assert SECRET not in sealed
    assert sealed.count("0.25") == len(made)  # figures and digests are no text
    readable(store, made)
    store.encrypt("on")
    assert kept(store) == sealed  # what is done is not done again
    store.encrypt("renew")
    assert not set(sealed.splitlines()) & set(kept(store).splitlines())
    readable(store, made)
    store.encrypt("off")
    assert kept(store).count(SECRET) == 4 * len(made)
    readable(store, made)


def test_homes_that_share_a_catalog_seal_their_own_answers_alone(
    store: Store, home: Home, tmp_path: Path
) -> None:
    mine = answered(store, 0)
    assert store.answers_elsewhere() == 0
    with Store.open(Home(tmp_path / "other", home.catalog_url)) as other:
        theirs = answered(other, 1, release_number=2)
        store.encrypt("on")
        assert kept(store).count(SECRET) == 4
        assert store.answers_elsewhere() == 1
        assert (store.receipt(mine.id), other.receipt(theirs.id)) == (mine, theirs)
        assert [one.body["comment"] for one in other.feedback(receipt_id=theirs.id)] == [SECRET]
        other.encrypt("on")
        assert SECRET not in kept(store)
        store.encrypt("renew")
        store.encrypt("off")
        assert kept(store).count(SECRET) == 4
        assert (store.receipt(mine.id), other.receipt(theirs.id)) == (mine, theirs)
        with pytest.raises(Damaged):  # the key is not in this home
            store.receipt(theirs.id)


@pytest.mark.parametrize("steps", [1, 3, 5, 7])
def test_killed_on_the_way_all_can_be_read_and_it_goes_on(
    store: Store, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    made = [answered(store, number) for number in range(2)]
    some, done = resealing.some, []

    def until_killed(*arguments: Any) -> object:
        if len(done) == steps:
            raise KeyboardInterrupt
        done.append(arguments)
        return some(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(resealing, "AT_ONCE", 1)
        patched.setattr(resealing, "some", until_killed)
        with pytest.raises(KeyboardInterrupt):
            store.encrypt("on")
    between = kept(store)
    assert SECRET in between
    assert "catenary:sealed" in between
    readable(store, made)
    store.encrypt("on")
    assert SECRET not in kept(store)
    readable(store, made)


def test_without_the_key_no_text_is_told(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.encrypt("on")
    receipt = answered(store, 1)
    make_key(tmp_path / "other.key")
    monkeypatch.setenv("CATENARY_OBJECT_KEY_FILE", str(tmp_path / "other.key"))
    for act in (lambda: store.receipt(receipt.id), store.receipts, store.feedback, store.held_answers):
        with pytest.raises(Refused, match="another key"):
            act()


def test_a_text_cannot_be_put_into_another_receipt(store: Store) -> None:
    store.encrypt("on")
    one, two = answered(store, 1), answered(store, 2)
    with store.writing() as connection:
        body = connection.execute(select(receipts.c.body).where(receipts.c.id == one.id)).scalar_one()
        connection.execute(update(receipts).where(receipts.c.id == two.id).values(body=body))
    assert store.receipt(one.id) == one
    with pytest.raises(Damaged, match="not what was written"):
        store.receipt(two.id)


def test_sealed_texts_are_forgotten_and_signed_for_as_plain_ones_are(store: Store) -> None:
    store.encrypt("on")
    old, signed = answered(store, 1), answered(store, 2)
    said = {"answers": [{"text": f"{SECRET}, edited", "sha256": "ef"}]}
    with store.writing() as connection:
        decided = {"decision": "edited", "person": "ada", "key_id": "k", "envelope": {}, "why": "dose"}
        assert keep_decision(connection, signed.id, body=said, **decided)  # type: ignore[arg-type]
    assert SECRET not in kept(store)
    assert store.receipt(signed.id).body == said
    store.forget_texts_of(old.id)
    assert store.receipt(old.id).body["answers"][0] == {"text": None, "sha256": "cd", "finish_reason": "stop"}
    assert store.forget_texts(AT + timedelta(days=1)) == 1
    assert SECRET not in str(store.receipts())
    assert store.held(old.id).draft is None  # type: ignore[union-attr]
