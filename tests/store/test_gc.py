"""What nothing needs goes, and nothing that anything needs."""

from __future__ import annotations

import pytest

from catenary.db import now
from catenary.errors import Refused
from catenary.store import GateResult, Receipt, Store, recipe_id
from tests.store.making import make


def ids(store: Store) -> set[str]:
    return {row.id for row in store.artifacts()}


def test_what_links_point_to_stays_with_all_it_was_made_from(store: Store) -> None:
    source = make(store, 1)
    old, new = (make(store, number, inputs={"from": source.id}) for number in (2, 3))
    store.point("reviews", "datasets.reviews", old.id)
    store.point("reviews", "datasets.reviews", new.id)
    planned = store.gc(dry_run=True)
    assert [row.id for row in planned.artifacts] == [old.id]
    assert planned.bytes == old.manifest.size
    assert ids(store) == {source.id, old.id, new.id}
    assert store.gc() == planned
    assert ids(store) == {source.id, new.id}
    assert not old.path.exists()
    assert store.gc().artifacts == ()
    assert store.verify() == []
    assert store.doctor() == []


def test_inputs_go_after_what_was_made_from_them(store: Store) -> None:
    first = make(store, 1)
    second = make(store, 2, inputs={"from": first.id})
    third = make(store, 3, inputs={"from": second.id, "beside": first.id})
    assert [row.id for row in store.gc().artifacts] == [third.id, second.id, first.id]
    assert ids(store) == set()


def test_signed_and_served_releases_and_what_the_caller_keeps_stay(store: Store) -> None:
    data = make(store, 0)
    signed, served, kept, gated = (make(store, number, inputs={"from": data.id}) for number in (1, 2, 3, 4))
    store.add_sign_off(signed.id, role="compliance", person="ada", key_id="k", envelope={})
    store.add_receipt(Receipt("r1", now(), "sentiment", None, served.id, False, None, {}))
    store.add_gate_results(gated.id, [GateResult("licences", "passed", {})])
    assert [row.id for row in store.gc({kept.id}).artifacts] == [gated.id]
    assert ids(store) == {data.id, signed.id, served.id, kept.id}


def test_checkpoints_that_the_plan_does_not_want_go(store: Store) -> None:
    wanted, unwanted = recipe_id("pretrain", 1, {}, {}), recipe_id("pretrain", 2, {}, {})
    for artifact_id in (wanted, unwanted):
        with store.workspace(artifact_id) as workspace:
            (workspace.state / "step").write_text("1234")
    assert store.gc({wanted}, dry_run=True).work == (unwanted,)
    removed = store.gc({wanted})
    assert (removed.work, removed.bytes) == ((unwanted,), 4)
    with store.workspace(wanted) as workspace:
        assert (workspace.state / "step").read_text() == "1234"


def test_nothing_goes_while_a_run_is_alive(store: Store) -> None:
    made = make(store, 1)
    run = store.start_run("reviews", "models.base", "pretrain", made.id)
    with pytest.raises(Refused):
        store.gc()
    assert store.gc(dry_run=True).artifacts[0].id == made.id
    store.end_run(run, "done")
    assert store.gc().artifacts[0].id == made.id
