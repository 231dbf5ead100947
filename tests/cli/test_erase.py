"""A document is erased from a real chain: what was made from it is named and emptied, and made again without it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy import delete, update

from catenary.access import grant, recording, revoke_role
from catenary.config import Home
from catenary.errors import Refused
from catenary.stages import erasure
from catenary.stages.erasure import erase, remaining
from catenary.stages.erasure_closing import closing_of
from catenary.stages.lifecycle import still_served
from catenary.store import Artifact, Store
from catenary.store.erasures import Closing, closings_of
from catenary.store.tables import erasure_closings
from tests.cli.conftest import Catenary, ids, object_folder
from tests.stages.mail import OFFER

MADE_FROM_IT = {
    *("sources.table", "datasets.mail", "tokenizers.words", "models.bigram", "models.linear", "models.base"),
    *("models.kind", "evaluations.quality", "releases.kind"),
}


@pytest.fixture
def row(catenary: Catenary, signed_copy: Path) -> dict[str, Any]:
    """A document of the table in the training split."""
    index = object_folder(signed_copy, ids(catenary, signed_copy)["datasets.mail"]) / "documents.parquet"
    rows = pq.read_table(index).to_pylist()
    found: dict[str, Any] = next(
        one
        for one in rows
        if one["split"] == "train" and one["source"] == "table" and one["label"] == "offer"
    )
    return found


def text_of(folder: Path, collection: str, document: str) -> str:
    rows = pq.read_table(next(object_folder(folder, collection).glob("raw-*.parquet"))).to_pylist()
    return str(next(one["text"] for one in rows if one["id"] == document))


def opened(folder: Path) -> Store:
    return Store.open(Home.of(folder), create=False)


def release_of(store: Store) -> Artifact:
    return store.get(store.artifacts("release")[0].id)


def held_by(folder: Path, text: str) -> list[str]:
    """The files in the home in which a text can be read, packed in Parquet or plain."""
    found = []
    for path in sorted((folder / ".catenary" / "objects").rglob("*")):
        if path.suffix == ".parquet" and "text" in pq.read_schema(path).names:
            if text in pq.read_table(path, columns=["text"])["text"].to_pylist():
                found.append(str(path))
        elif path.is_file() and text.encode() in path.read_bytes():
            found.append(str(path))
    return found


def test_the_plan_names_all_that_was_made_from_it_and_changes_nothing(
    catenary: Catenary, signed_copy: Path, row: dict[str, Any]
) -> None:
    made = ids(catenary, signed_copy)
    found = catenary(signed_copy, "erase", "plan", f"doc:{row['id'][:12]}", "--json").json
    assert found["document_id"] == row["id"]
    assert {one["id"] for one in found["carriers"]} == {made[name] for name in MADE_FROM_IT}
    base = next(one for one in found["carriers"] if one["id"] == made["models.base"])
    kind = next(one for one in found["carriers"] if one["id"] == made["models.kind"])
    assert 1 <= base["first_step"] <= base["steps"]
    assert 1 <= kind["first_step"] <= kind["steps"]
    assert kind["restart"]["how"] == "start"  # the model that it began with has seen it too
    [release] = found["releases"]
    assert release["endpoints"] == ["mail: kind"]
    said = catenary(signed_copy, "erase", "plan", f"doc:{row['id']}")
    assert said.code == 0, said.err
    for part in ("releases.kind", "would be withdrawn", "step", "mail.csv", "first step"):
        assert part in said.out, part
    assert ids(catenary, signed_copy) == made
    assert catenary(signed_copy, "ask", "kind", OFFER).code == 0


def test_it_is_erased_and_the_chain_is_made_again_without_it(
    catenary: Catenary, signed_copy: Path, row: dict[str, Any]
) -> None:
    made = ids(catenary, signed_copy)
    text = text_of(signed_copy, made["sources.table"], row["id"])
    assert held_by(signed_copy, text)
    with opened(signed_copy) as store:
        served = still_served(store, release_of(store))
        served()
        said = catenary(signed_copy, "erase", "run", f"doc:{row['id'][:12]}", "--why", "asked on 3 May")
        assert said.code == 0, said.err
        assert "Nothing here holds" in said.out
        with pytest.raises(Refused, match="withdrawn"):
            served()
    assert held_by(signed_copy, text) == []
    [status] = catenary(signed_copy, "erase", "status", "--json").json
    assert status["document_id"] == row["id"]
    assert status["why"] == "asked on 3 May"
    assert status["done_at"]
    assert status["left"] == []
    assert "asked on 3 May" in catenary(signed_copy, "erase", "status", f"doc:{row['id'][:8]}").out
    assert catenary(signed_copy, "verify").code == 0
    assert catenary(signed_copy, "audit", "verify").code == 0
    assert "document.erased" in catenary(signed_copy, "audit", "log").out
    assert catenary(signed_copy, "doctor").code == 0
    # What was told of it stays: who answered, signed and passed which gates.
    lineage = catenary(signed_copy, "trace", made["releases.kind"])
    assert lineage.code == 0, lineage.err
    assert "emptied on" in lineage.out
    assert "compliance" in lineage.out

    planned = ids(catenary, signed_copy)
    assert planned["sources.folders"] == made["sources.folders"]
    assert not {planned[name] for name in MADE_FROM_IT} & set(made.values())
    assert catenary(signed_copy, "run").code == 0
    assert held_by(signed_copy, text) == []
    told = catenary(signed_copy, "trace", f"doc:{row['id']}", "--down", "--json").json
    assert {fact for child in told["children"] for fact in child["facts"]} == {"dropped here: read:erased"}
    assert text not in str(told)
    assert catenary(signed_copy, "erase", "status", "--json").json[0]["left"] == []
    assert catenary(signed_copy, "erase", "plan", f"doc:{row['id']}").code == 3
    assert catenary(signed_copy, "erase", "run", f"doc:{row['id']}", "--why", "again").code == 0
    assert catenary(signed_copy, "gc", "--dry-run").code == 0


def test_marked_it_is_left_out_and_what_serves_goes_on(
    catenary: Catenary, signed_copy: Path, row: dict[str, Any]
) -> None:
    made = ids(catenary, signed_copy)
    with opened(signed_copy) as store:
        served = still_served(store, release_of(store))
        said = catenary(
            signed_copy, "erase", "run", f"doc:{row['id']}", "--why", "asked", "--mark", "--json"
        ).json
        assert not said["done"]
        assert len(said["left"]) == len(MADE_FROM_IT)
        served()
        assert ids(catenary, signed_copy)["sources.table"] != made["sources.table"]
        [status] = catenary(signed_copy, "erase", "status", "--json").json
        assert status["done_at"] is None
        assert len(status["left"]) == len(MADE_FROM_IT)
        assert catenary(signed_copy, "erase", "run", f"doc:{row['id']}", "--why", "now", "--json").json[
            "done"
        ]
        with pytest.raises(Refused):
            served()


@pytest.mark.parametrize("emptied", [0, 1, 4, 8])
def test_killed_on_the_way_it_goes_on(
    catenary: Catenary,
    signed_copy: Path,
    row: dict[str, Any],
    emptied: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Cut off after so many artifacts, amid the next: nothing is served, the rest is named, the next call ends it."""
    done: list[str] = []
    real = Store.empty

    def dies(self: Store, one: Any) -> None:
        if len(done) == emptied:
            with monkeypatch.context() as inner:
                inner.setattr(Path, "unlink", killed)
                real(self, one)
        real(self, one)
        done.append(one.id)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with opened(signed_copy) as store:
        served = still_served(store, release_of(store))
        monkeypatch.setattr(Store, "empty", dies)
        with pytest.raises(KeyboardInterrupt):
            erase(store, row["id"], why="asked")
        monkeypatch.setattr(Store, "empty", real)
        with pytest.raises(Refused):
            served()
        left = {one.id for one in remaining(store, row["id"])}
        assert len(left) == len(MADE_FROM_IT) - emptied
        assert not left & set(done)
        if emptied < len(MADE_FROM_IT):
            assert catenary(signed_copy, "verify").code == 5
        assert erase(store, row["id"], why="asked") == []
        assert remaining(store, row["id"]) == []
    assert catenary(signed_copy, "verify").code == 0
    assert catenary(signed_copy, "audit", "verify").code == 0


def test_who_may_not_withdraw_may_not_erase(signed_copy: Path, row: dict[str, Any]) -> None:
    with opened(signed_copy) as store:
        with recording(store.engine, store.home) as log:
            grant(log, "grace", "data_engineer", by="root")
        with pytest.raises(Refused, match="may not"):
            erase(store, row["id"], why="asked", person="grace")
        run = store.start_run("mail", "models.kind", "finetune", "0" * 64)
        with pytest.raises(Refused, match="run is alive"):
            erase(store, row["id"], why="asked")
        store.end_run(run, "failed")
        assert store.erasures() == []


def test_what_a_dataset_dropped_is_erased_where_it_is_and_no_further(
    catenary: Catenary, signed_copy: Path
) -> None:
    """Its collection has the text and its dataset may quote it; models never saw it."""
    made = ids(catenary, signed_copy)
    index = object_folder(signed_copy, made["datasets.mail"]) / "documents.parquet"
    dropped = next(one for one in pq.read_table(index).to_pylist() if one["dropped"] == "dedup:exact")
    text = text_of(signed_copy, made[f"sources.{dropped['source']}"], dropped["id"])
    plan = catenary(signed_copy, "erase", "plan", f"doc:{dropped['id']}", "--json").json
    assert {one["id"] for one in plan["carriers"]} == {
        made["datasets.mail"],
        made[f"sources.{dropped['source']}"],
    }
    assert plan["releases"] == []
    assert len(plan["copies"]) >= 1
    said = catenary(signed_copy, "erase", "run", f"doc:{dropped['id']}", "--why", "all", "--copies")
    assert said.code == 0, said.err
    assert held_by(signed_copy, text) == []
    erased = {one["document_id"] for one in catenary(signed_copy, "erase", "status", "--json").json}
    assert erased == {dropped["id"], *plan["copies"]}


def test_what_cannot_be_erased(catenary: Catenary, signed_copy: Path, row: dict[str, Any]) -> None:
    assert catenary(signed_copy, "erase", "plan", "doc:" + "0" * 32).code == 3
    assert catenary(signed_copy, "erase", "run", "doc:" + "0" * 32, "--why", "asked").code == 3
    assert catenary(signed_copy, "erase", "run", f"doc:{row['id']}", "--why", " ").code == 2
    assert catenary(signed_copy, "erase", "run", f"doc:{row['id']}").code == 2
    assert catenary(signed_copy, "erase", "status", "doc:" + "0" * 32).code == 3
    assert catenary(signed_copy, "erase", "status", "--json").json == []
    assert erasure.ERASED == "read:erased"


def test_what_is_kept_is_closed_by_a_signed_reason_and_by_nothing_less(
    catenary: Catenary, signed_copy: Path, row: dict[str, Any]
) -> None:
    document = f"doc:{row['id']}"
    reason = "kept as evidence: Article 17(3)(e)"
    assert catenary(signed_copy, "erase", "close", document, "--why", reason).code == 3  # nobody erased it
    assert catenary(signed_copy, "erase", "run", document, "--why", "asked", "--mark").code == 0
    [status] = catenary(signed_copy, "erase", "status", "--json").json
    assert status["left"]
    assert status["closed"] is None
    assert catenary(signed_copy, "erase", "close", document, "--why", " ").code == 2
    refused = catenary(signed_copy, "erase", "close", document, "--why", reason, "--as", "data_engineer")
    assert refused.code == 4
    assert "compliance" in refused.err
    said = catenary(signed_copy, "erase", "close", document[:16], "--why", reason)
    assert said.code == 0, said.err
    [status] = catenary(signed_copy, "erase", "status", "--json").json
    assert status["closed"]["why"] == reason
    assert set(status["closed"]["kept"]) == {one["id"] for one in status["left"]}
    assert reason in catenary(signed_copy, "erase", "status").flat
    assert catenary(signed_copy, "audit", "verify").code == 0
    assert reason in catenary(signed_copy, "audit", "log").out

    with opened(signed_copy) as store:
        left = remaining(store, row["id"])
        assert closing_of(store, row["id"], left)
        later = replace(left[0], id="0" * 64)  # what comes to hold it afterwards
        assert closing_of(store, row["id"], [*left, later]) is None
        [kept] = closing_rows(store, row["id"])
        spoiled = {**kept.envelope, "payload": kept.envelope["payload"][:-4] + "AAAA"}
        with store.writing() as connection:
            connection.execute(update(erasure_closings).values(envelope=spoiled))
        assert closing_of(store, row["id"], left) is None
        with store.writing() as connection:
            connection.execute(update(erasure_closings).values(envelope=dict(kept.envelope)))
        with recording(store.engine, store.home) as log:
            grant(log, "ada", "compliance", by="ada")
            revoke_role(log, kept.person, "compliance", by="ada")
        assert closing_of(store, row["id"], left) is None
        with store.writing() as connection:
            connection.execute(delete(erasure_closings))
    assert catenary(signed_copy, "audit", "verify").code == 5


def closing_rows(store: Store, document: str) -> list[Closing]:
    with store.reading() as connection:
        return closings_of(connection, document)
