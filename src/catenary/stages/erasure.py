"""Erasing a document: what was made from it, that it is left out from now on, and that nothing here holds it any more.

    plan = erasure_plan(store, "5be1a0…")          # artifacts, releases, endpoints, where training could restart
    erase(store, "5be1a0…", why="asked on 3 May")   # withdraws, leaves out, empties; said again, it goes on
    remaining(store, "5be1a0…")                    # what still holds it

What holds a document: the collections and datasets that name it, and all that was made from those that kept it. That is
more than can be told to remember it, and never less. Of each the files go; the manifest stays, without texts, so that
lineage and signatures can still be read. The source's own file lies outside: a run leaves the document out of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from catenary.access import claim, local_person, recording, require
from catenary.data.erased import ERASED
from catenary.db import now
from catenary.errors import InvalidInput, NotFound
from catenary.stages.exposure import exposure
from catenary.store import Artifact, ArtifactRow, Erasure, Store, releases
from catenary.store.documents import DOCUMENTS, ambiguous
from catenary.store.erasures import add_erasure, finish_erasure
from catenary.store.held import forget_drafts, held_rows
from catenary.store.logs import logs
from catenary.store.objects import WORK
from catenary.store.receipts import receipt, stands_on
from catenary.store.runs import require_no_run


@dataclass(frozen=True)
class Restart:
    """Where a model could be trained again from, without the document.

    `how`: checkpoint (after `step`), model (the artifact it began with), start, or never (it was in no step).
    """

    how: str
    step: int | None = None
    artifact: str | None = None


@dataclass(frozen=True)
class Carrier:
    """An artifact that was made from the document. `first_step` of `steps`: when a model first saw it, where known."""

    id: str
    kind: str
    stage: str
    links: Sequence[str]
    bytes: int
    first_step: int | None = None
    steps: int | None = None
    restart: Restart | None = None


@dataclass(frozen=True)
class Affected:
    """A release made from the document, where it is, and what answers with it."""

    id: str
    state: str
    endpoints: Sequence[str]


@dataclass(frozen=True)
class ErasurePlan:
    """What erasing a document comes to."""

    document_id: str
    source: str
    file: str
    offset: int
    licence: str
    consent: str
    copies: Sequence[str]  # other documents with the very same text
    carriers: Sequence[Carrier]  # each after its inputs
    releases: Sequence[Affected]
    unfinished: Sequence[str]  # work that stands on these, of which checkpoints go

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


Standing = Mapping[str, Collection[str]]
"""artifact id → ids of its inputs, of what a chain has planned and not made yet."""


def erasure_plan(store: Store, document_id: str, planned: Standing | None = None) -> ErasurePlan:
    """What holds a document, and what erasing it would take. The id may be cut. Raises NotFound, InvalidInput."""
    found = _holders(store, document_id)
    if not found:
        raise _unknown(document_id)
    row = found[0][1]
    rows = _carriers(store, found)
    carrying = {one.id for one in rows}
    carriers = [_carrier(store, one, row["id"], carrying) for one in rows]
    return ErasurePlan(
        row["id"],
        row["source"],
        row["file"],
        row["offset"],
        row["licence"],
        row["consent"],
        _copies(store, row["id"], row["sha256"]),
        carriers,
        [_affected(store, one) for one in carriers if one.kind == "release"],
        _unfinished(store, carrying, planned or {}),
    )


def erase(
    store: Store,
    document_id: str,
    *,
    why: str,
    mark: bool = False,
    copies: bool = False,
    planned: Standing | None = None,
    person: str | None = None,
) -> list[Carrier]:
    """Erase a document (with `copies`, all with the very same text); what still holds it then, which is nothing
    unless `mark`: then it is only left out from the next run on, and what serves goes on until this is said again.

    The list, the withdrawals and the audit's entries are one transaction. Killed after it, say it again: it goes on.
    Raises Refused for who may not withdraw releases, and while a run is alive.
    """
    if not why.strip():
        raise InvalidInput("Why is it erased?", expected="`--why`: people will read it")
    who = person or local_person()
    document_id = _whole_id(store, document_id)
    ids = {document_id}
    if copies and _holders(store, document_id):
        ids.update(erasure_plan(store, document_id).copies)
    plans = [erasure_plan(store, id, planned) for id in sorted(ids) if _holders(store, id)]
    if not plans and not any(one.document_id == document_id for one in store.erasures()):
        raise _unknown(document_id)
    withdrawn = {one.id for plan in plans for one in plan.releases if one.state != "withdrawn"}
    with recording(store.engine, store.home) as log:
        claim(log, who)
        require(log.connection, who, "revoke")
        require_no_run(log.connection, "Nothing can be erased while a run is alive.")
        for plan in plans:
            erasure = Erasure(plan.document_id, plan.source, plan.licence, plan.consent, who, why, now())
            add_erasure(log.connection, erasure)
            held = [] if mark else _held_on(log.connection, {one.id for one in plan.carriers})
            forget_drafts(log.connection, held)
            told = {
                "document": plan.document_id,
                "source": plan.source,
                "why": why,
                "mark": mark,
                "held": held,
            }
            log.append(who, "document.erase", {**told, "carriers": [one.id for one in plan.carriers]})
        for release in () if mark else sorted(withdrawn):
            releases.add_state(log.connection, release, "withdrawn", person=who, why=why)
            told = {"release": release, "to": "withdrawn", "why": why}
            log.append(who, "release.move", told)
    if mark:
        return [one for plan in plans for one in plan.carriers]
    for plan in plans:
        _empty(store, plan)
    _go_on(store)
    left = [one for id in sorted(ids) for one in remaining(store, id)]
    if not left:
        with recording(store.engine, store.home) as log:
            for id in sorted(ids):
                finish_erasure(log.connection, id)
                log.append(who, "document.erased", {"document": id})
    return left


def remaining(store: Store, document_id: str) -> list[Carrier]:
    """What still holds a document, in the order of making; nothing once it is erased."""
    found = _holders(store, document_id)
    rows = _carriers(store, found)
    carrying = {row.id for row in rows}
    known = [_carrier(store, row, found[0][1]["id"], carrying) for row in rows]
    return known + [_left_over(store, row) for row in _emptied(store) if store.leftover(row)]


def _whole_id(store: Store, document_id: str) -> str:
    """The id of the one document that is held, or was erased before, whose id begins so."""
    ids = {row["id"] for _, row in store.find_document(document_id)}
    ids |= {one.document_id for one in store.erasures() if one.document_id.startswith(document_id)}
    if len(ids) > 1:
        raise ambiguous(document_id, ids)
    return ids.pop() if ids else document_id


def _unknown(document_id: str) -> NotFound:
    return NotFound(
        "No collection or dataset holds this document.",
        got=f"doc:{document_id}",
        expected="the id of a document, as `catenary trace` shows it",
    )


def _holders(store: Store, document_id: str) -> list[tuple[Artifact, dict[str, Any]]]:
    """The collections and datasets that name a document, but those made since it was erased."""
    return [(one, row) for one, row in store.find_document(document_id) if row["dropped"] != ERASED]


def _carriers(store: Store, found: Sequence[tuple[Artifact, Mapping[str, Any]]]) -> list[ArtifactRow]:
    """The holders and all that was made from those that kept the document, each after its inputs.

    A dataset that dropped it may quote it in its report; what was made of that dataset has not seen it.
    """
    kept = {one.id for one, row in found if row["dropped"] is None}
    carrying = {one.id for one, _ in found}
    rows: dict[str, ArtifactRow] = {}
    for one, _ in found:
        lineage = store.lineage(one.id, "down")
        inputs = lineage.inputs_by_artifact()
        for row in lineage.artifacts:
            rows.setdefault(row.id, row)
            made_from = carrying & set(inputs.get(row.id, ()))
            if row.kind == "dataset" or row.id in carrying:
                continue  # the datasets that hold it are known: they name each of their documents
            if any(id in kept or rows[id].kind not in ("collection", "dataset") for id in made_from):
                carrying.add(row.id)
    return [row for row in rows.values() if row.id in carrying and row.erased_at is None]


def _carrier(store: Store, row: ArtifactRow, document_id: str, carrying: Collection[str]) -> Carrier:
    links = [f"{link.chain}: {link.link}" for link in store.links_to(row.id)]
    told = Carrier(row.id, row.kind, row.stage, links, row.bytes)
    if row.kind != "model":
        return told
    artifact = store.get(row.id)
    seen = exposure(store, artifact, document_id)
    steps, of = seen if seen is not None else ((), None)
    first = steps[0] if steps else None
    restart = _restart(store, artifact, first, of, carrying)
    return Carrier(row.id, row.kind, row.stage, links, row.bytes, first, of, restart)


def _restart(
    store: Store, model: Artifact, first: int | None, of: int | None, carrying: Collection[str]
) -> Restart:
    begun_with = [id for role, id in sorted(model.manifest.inputs.items()) if role.split(".")[0] == "init"]
    clean = not any(id in carrying for id in begun_with)
    if clean and first is not None:
        kept = [step for step in _checkpoints(store.home.path / WORK / model.id) if step < first]
        if kept:
            return Restart("checkpoint", max(kept))
    if clean and of is not None and first is None:
        return Restart("never")
    if begun_with and clean:
        return Restart("model", artifact=begun_with[0])
    return Restart("start")


def _checkpoints(work: Path) -> Iterator[int]:
    """The steps of the checkpoints that unfinished work keeps."""
    for path in work.rglob("step-*"):
        if path.is_dir() and path.name.removeprefix("step-").isdecimal():
            yield int(path.name.removeprefix("step-"))


def _affected(store: Store, release: Carrier) -> Affected:
    endpoints = [link.replace("endpoints.", "") for link in release.links if ": endpoints." in link]
    return Affected(release.id, store.release_state(release.id) or "dev", endpoints)


def _copies(store: Store, document_id: str, sha256: str) -> list[str]:
    """Other documents with the very same text, in any collection."""
    import pyarrow.parquet as pq

    found: set[str] = set()
    for row in store.artifacts("collection"):
        path = store.opened(row).path / DOCUMENTS
        if row.erased_at is None and path.exists():
            same = pq.read_table(path, columns=["id"], filters=[("sha256", "=", sha256)])
            found.update(same["id"].to_pylist())
    return sorted(found - {document_id})


def _unfinished(store: Store, carrying: Collection[str], planned: Standing) -> list[str]:
    """The work under way that stands on what holds the document, directly or by what is not made yet either."""
    standing: list[str] = []
    for id, inputs in planned.items():  # each after its inputs
        if not store.has(id) and any(one in carrying or one in standing for one in inputs):
            standing.append(id)
    return [id for id in standing if (store.home.path / WORK / id).exists()]


def _empty(store: Store, plan: ErasurePlan) -> None:
    """Empty what holds the document: what was made last goes first, so that a kill leaves the way to the rest."""
    rows = {row.id: row for row in store.artifacts()}
    for carrier in reversed(plan.carriers):
        store.empty(rows[carrier.id])
    for id in plan.unfinished:
        store.clear_work(id)
    for path in list(logs(store.home.path)):  # of what was never made: an error may quote the document
        if path.stem not in rows:
            path.unlink()


def _held_on(connection: Connection, carriers: set[str]) -> list[str]:
    """The receipts of answers whose drafts are kept and stand on what is emptied."""
    return [
        one.receipt_id
        for one in held_rows(connection)
        if one.draft is not None and not carriers.isdisjoint(stands_on(receipt(connection, one.receipt_id)))
    ]


def _emptied(store: Store) -> list[ArtifactRow]:
    return [row for row in store.artifacts() if row.erased_at is not None]


def _go_on(store: Store) -> None:
    """End what a kill interrupted."""
    for row in _emptied(store):
        if store.leftover(row):
            store.empty(row)


def _left_over(store: Store, row: ArtifactRow) -> Carrier:
    links = [f"{link.chain}: {link.link}" for link in store.links_to(row.id)]
    return Carrier(row.id, row.kind, row.stage, links, row.bytes)
