"""One handle on what exists: each method is one transaction, done in the file named for its subject."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import Connection, Engine

from catenary.config import Home
from catenary.db import connect, reading, writing
from catenary.errors import NotFound
from catenary.findings import Finding
from catenary.progress import SILENT, Progress
from catenary.store import (
    catalog,
    commit,
    documents,
    encrypting,
    erasures,
    held,
    in_use,
    lineage,
    objects,
    receipts,
    releases,
    runs,
    schema,
)
from catenary.store.catalog import ArtifactRow, LinkRow
from catenary.store.doctor import doctor
from catenary.store.erasures import Erasure
from catenary.store.gc import Garbage, gc
from catenary.store.held import Held
from catenary.store.lineage import Lineage
from catenary.store.logs import reseal_logs
from catenary.store.object_files import Encryption
from catenary.store.objects import Artifact, Workspace
from catenary.store.receipts import Feedback, Receipt, Usage
from catenary.store.releases import GateResult, ReleaseState, SignOffRow, State
from catenary.store.resealing import answers_elsewhere, reseal
from catenary.store.runs import Metric, Outcome, RunRow
from catenary.store.sealed_text import of_home
from catenary.store.verify import verify

if TYPE_CHECKING:
    from filelock import BaseFileLock


class Store:
    """Artifacts, their lineage, and what happened to them, in one home. May be used from several threads.

    >>> with Store.open(Home.of(Path("examples/reviews"))) as store:   # doctest: +SKIP
    ...     for row in store.artifacts("dataset"):
    ...         store.descendants(row.id)
    """

    def __init__(self, home: Home, engine: Engine) -> None:
        self.home = home
        self.engine = engine
        self._living: dict[int, BaseFileLock] = {}
        self._here = in_use.enter(home.path)

    @classmethod
    def open(cls, home: Home, *, create: bool = True) -> Store:
        """Open the store of `home`, bring its catalog up to date, and mark runs whose process died.

        Raises NotFound when there is none and `create` is False; Refused when a newer Catenary wrote it, or a process
        encrypts or decrypts its objects.
        """
        if not home.path.is_dir():
            if not create:
                raise NotFound(
                    "There is no store here yet.",
                    got=str(home.path),
                    expected="the folder that the first run makes",
                    next="catenary run",
                )
            objects.make_home(home.path)
        store = cls(home, of_home(connect(home.catalog_url), home.path))
        try:
            schema.upgrade(store.engine)
            runs.mark_lost(store.engine, home.path)
        except BaseException:
            store.close()
            raise
        return store

    def close(self) -> None:
        """Let go of the database. Runs that have not ended count as lost from here on."""
        for lock in self._living.values():
            lock.release()
        self.engine.dispose()
        in_use.leave(self._here)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def reading(self) -> AbstractContextManager[Connection]:
        """A transaction for several look-ups that must agree."""
        return reading(self.engine)

    def writing(self) -> AbstractContextManager[Connection]:
        """A transaction for several changes that must stand or fall together (with an audit entry, say)."""
        return writing(self.engine)

    # artifacts

    def has(self, artifact_id: str) -> bool:
        """Whether the artifact with exactly this id is committed."""
        return commit.has(self.engine, self.home.path, artifact_id)

    def sizes(self, artifact_ids: Sequence[str]) -> dict[str, int]:
        """id → bytes of its files, of those of these artifacts that are committed; in few queries."""
        return commit.sizes(self.engine, self.home.path, artifact_ids)

    def get(self, name: str) -> Artifact:
        """The artifact with this id, or whose id begins so (6 digits at least).

        Raises NotFound, InvalidInput (the prefix fits several), Damaged (its files are gone or not what was
        written).
        """
        if len(name) < catalog.ID_DIGITS:
            with self.reading() as connection:
                name = catalog.full_id(connection, name)
        artifact = commit.opened(self.engine, self.home.path, name)
        if artifact is None:
            raise catalog.no_artifact(name)
        return artifact

    def opened(self, row: ArtifactRow) -> Artifact:
        """The artifact of a row of the catalog, as `get` gives it."""
        return commit.opened_row(self.home.path, row)

    def artifacts(self, kind: str | None = None) -> list[ArtifactRow]:
        """All artifacts (of one kind), oldest first."""
        with self.reading() as connection:
            return catalog.artifact_rows(connection, kind)

    def workspace(self, artifact_id: str, *, wait: bool = False) -> AbstractContextManager[Workspace]:
        """Where a stage makes an artifact: `out` is empty, `state` is as an interrupted try left it.

        One process at a time: another's is waited for with `wait` (look again with `has` then), else Refused.
        """
        return objects.open_workspace(self.home.path, artifact_id, wait=wait)

    def clear_work(self, artifact_id: str) -> None:
        """Remove what a killed process left of an artifact's making; not while another is at it."""
        objects.clear_work(self.home.path, artifact_id)

    def commit(
        self,
        workspace: Workspace,
        *,
        id: str,
        kind: str,
        stage: str,
        version: int,
        settings: Mapping[str, Any],
        inputs: Mapping[str, str],
        report: Mapping[str, Any],
    ) -> Artifact:
        """Make what lies in `workspace.out` the artifact `id`, which must be `recipe_id(stage, version,
        settings, inputs)`. Settings and report are JSON values, the same whenever and wherever the artifact
        is made.

        Killed at any point, the artifact is there or it is not. Raises NotFound when an input is not
        committed.
        """
        assert workspace.id == id
        return commit.commit(
            self.engine,
            self.home.path,
            workspace,
            kind=kind,
            stage=stage,
            version=version,
            settings=settings,
            inputs=inputs,
            report=report,
        )

    # lineage

    def lineage(self, artifact_id: str, direction: lineage.Direction) -> Lineage:
        """All that an artifact came from ("up") or went into ("down"), itself included, with the edges."""
        with self.reading() as connection:
            return lineage.lineage(connection, artifact_id, direction)

    def ancestors(self, artifact_id: str) -> list[ArtifactRow]:
        """What an artifact was made from, in the order of making."""
        return [row for row in self.lineage(artifact_id, "up").artifacts if row.id != artifact_id]

    def descendants(self, artifact_id: str) -> list[ArtifactRow]:
        """What was made from an artifact, in the order of making."""
        return [row for row in self.lineage(artifact_id, "down").artifacts if row.id != artifact_id]

    def find_document(self, document_id: str) -> Iterator[tuple[Artifact, dict[str, Any]]]:
        """The collections and datasets that hold a document, with its row in each, in the order of making.

        The id may be cut to its first digits (6 at least). Raises InvalidInput where several documents' begin so.
        """
        documents.require_prefix(document_id)
        rows = {row.id: row for kind in documents.KINDS_WITH_DOCUMENTS for row in self.artifacts(kind)}
        rows = {id: row for id, row in rows.items() if row.erased_at is None}
        folders = ((row.id, partial(self._plain, row)) for row in rows.values())
        holding = dict(documents.holders(self.home.path, folders, document_id))
        ids = {id for found in holding.values() for id in found}
        if len(ids) > 1:
            raise documents.ambiguous(document_id, ids)
        for artifact_id in holding:
            artifact = self.opened(rows[artifact_id])
            row = documents.find_document(artifact.path / documents.DOCUMENTS, next(iter(ids)))
            if row is not None:
                yield artifact, row

    def _plain(self, row: ArtifactRow) -> Path:
        folder = objects.object_folder(self.home.path, row.kind, row.id)
        if documents.are_plain(folder):
            return folder
        return self.opened(row).path

    # encryption

    def encryption(self) -> Encryption | None:
        """Whether the objects are encrypted; None in a home where they never were."""
        return encrypting.state(self.home.path)

    def encrypt(
        self, how: encrypting.Change, new_key: bytes | None = None, progress: Progress = SILENT
    ) -> None:
        """Turn encryption on or off, or rotate a key: see `encrypting.py`. Killed at any point, say it again."""
        encrypting.change(
            self.home.path,
            how,
            new_key,
            progress,
            here=self._here,
            texts=self._reseal,
        )

    def _reseal(self) -> None:
        reseal(self.engine, self.home.path)
        reseal_logs(self.home.path)

    def answers_elsewhere(self) -> int:
        """How many answers in this catalog are another home's: `encrypt` leaves their texts as they are."""
        with self.reading() as connection:
            return answers_elsewhere(connection, self.home.path)

    def require_alone(self) -> None:
        """Raises Refused while another process has this home open."""
        in_use.require_alone(self.home.path, self._here)

    # erasures

    def erased_by_source(self) -> dict[str, list[str]]:
        """source → the ids of its documents that a run leaves out."""
        with self.reading() as connection:
            return erasures.erased_by_source(connection)

    def erasures(self) -> list[Erasure]:
        """All erasures of documents, oldest first."""
        with self.reading() as connection:
            return erasures.erasure_rows(connection)

    def emptied(self) -> int:
        """How many artifacts erasures have emptied so far."""
        with self.reading() as connection:
            return erasures.emptied(connection)

    def empty(self, row: ArtifactRow) -> None:
        """Remove an artifact's files and keep its manifest, without texts: see `erasures.py`."""
        erasures.empty(self.engine, self.home.path, row)

    def leftover(self, row: ArtifactRow) -> bool:
        """Whether any file of an artifact is there besides its manifest."""
        return bool(erasures.leftover(objects.object_folder(self.home.path, row.kind, row.id)))

    # links

    def point(self, chain: str, link: str, artifact_id: str) -> None:
        """Let a link of a chain point to an artifact from now on."""
        with self.writing() as connection:
            catalog.point(connection, chain, link, artifact_id)

    def unpoint(self, chain: str, link: str) -> None:
        """Forget a link that its chain no longer has."""
        with self.writing() as connection:
            catalog.unpoint(connection, chain, link)

    def links(self, chain: str) -> dict[str, LinkRow]:
        """The links of a chain by name."""
        with self.reading() as connection:
            return catalog.links_of(connection, chain)

    def links_to(self, artifact_id: str) -> list[LinkRow]:
        """The links, of whatever chain, that point to an artifact."""
        return self.links_to_each([artifact_id])[artifact_id]

    def links_to_each(self, artifact_ids: Collection[str]) -> dict[str, list[LinkRow]]:
        """The links to each of many artifacts, in few queries."""
        with self.reading() as connection:
            return catalog.links_to_each(connection, artifact_ids)

    # runs

    def start_run(self, chain: str, link: str, stage: str, artifact_id: str) -> int:
        """Enter a run of this process; returns its number. Dead before `end_run`, it counts as lost."""
        run_id, lock = runs.start(self.engine, self.home.path, chain, link, stage, artifact_id)
        self._living[run_id] = lock
        return run_id

    def end_run(
        self,
        run_id: int,
        outcome: Outcome,
        *,
        error: str | None = None,
        seconds: float | None = None,
        peak_memory_bytes: int | None = None,
    ) -> None:
        """Say how a run ended."""
        with self.writing() as connection:
            runs.end(
                connection,
                run_id,
                outcome,
                error=error,
                seconds=seconds,
                peak_memory_bytes=peak_memory_bytes,
            )
        runs.release(self.home.path, run_id, self._living.pop(run_id))

    def runs(
        self, *, chain: str | None = None, link: str | None = None, artifact_id: str | None = None
    ) -> list[RunRow]:
        """Runs, newest first."""
        with self.reading() as connection:
            return runs.run_rows(connection, chain=chain, link=link, artifact_id=artifact_id)

    def newest_runs(self, artifact_ids: Collection[str]) -> dict[str, RunRow]:
        """The newest run that made each of many artifacts, in few queries."""
        with self.reading() as connection:
            return runs.newest_done(connection, artifact_ids)

    def metric(self, run_id: int, name: str, value: float, step: int | None = None) -> None:
        """Keep one figure of a run. For many at a time, `add_metrics` is far cheaper."""
        self.add_metrics(run_id, [Metric(name, value, step)])

    def add_metrics(self, run_id: int, figures: Iterable[Metric]) -> None:
        """Keep figures of a run, in one transaction."""
        with self.writing() as connection:
            runs.add_metrics(connection, run_id, figures)

    def metrics(self, run_id: int, name: str | None = None) -> list[Metric]:
        """The figures of a run in the order of their reporting."""
        with self.reading() as connection:
            return runs.metric_rows(connection, run_id, name)

    # releases

    def add_gate_results(self, release_id: str, results: Sequence[GateResult]) -> None:
        """Keep the results of one evaluation of all gates of a release."""
        with self.writing() as connection:
            releases.add_gate_results(connection, release_id, results)

    def gates(self, release_id: str) -> list[GateResult]:
        """The results of the newest evaluation of a release's gates."""
        with self.reading() as connection:
            return releases.gate_results(connection, release_id)

    def add_sign_off(
        self, release_id: str, *, role: str, person: str, key_id: str, envelope: Mapping[str, Any]
    ) -> int:
        """Keep a sign-off (see `govern.signing`); returns its number."""
        with self.writing() as connection:
            return releases.add_sign_off(
                connection, release_id, role=role, person=person, key_id=key_id, envelope=envelope
            )

    def revoke_sign_off(self, number: int, *, by: str, why: str) -> None:
        """Take a sign-off back. It stays, marked. Raises NotFound when there is none that still stands."""
        with self.writing() as connection:
            releases.revoke_sign_off(connection, number, by=by, why=why)

    def sign_offs(self, release_id: str) -> list[SignOffRow]:
        """All sign-offs of a release, revoked ones too, in the order of signing."""
        with self.reading() as connection:
            return releases.sign_off_rows(connection, release_id)

    def release_states(self, release_id: str) -> list[ReleaseState]:
        """All that a release went through, oldest first."""
        with self.reading() as connection:
            return releases.states(connection, release_id)

    def release_state(self, release_id: str) -> State | None:
        """Where a release is now; None where nobody moved it."""
        with self.reading() as connection:
            return releases.state_of(connection, release_id)

    # served answers

    def add_receipt(self, receipt: Receipt) -> None:
        """Keep the receipt of an answer. For many at a time, `add_receipts` is far cheaper."""
        self.add_receipts([receipt])

    def add_receipts(self, written: list[Receipt]) -> None:
        """Keep receipts, in one transaction."""
        with self.writing() as connection:
            receipts.add_receipts(connection, written)

    def add_answers(self, written: list[Receipt], used: list[Usage], waiting: Collection[Held] = ()) -> None:
        """Keep receipts, what they cost, and which answers wait for a person, in one transaction: an answer is billed
        if and only if it has a receipt."""
        with self.writing() as connection:
            receipts.add_receipts(connection, written)
            held.add_held(connection, waiting)
            for one in used:
                receipts.add_usage(connection, one)

    def held(self, receipt_id: str) -> Held | None:
        """What waits or waited for a person under this receipt; None where the answer was never held."""
        with self.reading() as connection:
            return held.held_row(connection, receipt_id)

    def held_answers(self, *, waiting: bool = False, prefix: str = "") -> list[Held]:
        """What waits for a person, longest first; without `waiting`, what was decided behind it, newest first."""
        with self.reading() as connection:
            return held.held_rows(connection, waiting=waiting, prefix=prefix)

    def forget_texts(self, before: datetime) -> int:
        """Remove the texts of some of the receipts older than `before`; how many. Call until it says 0."""
        with self.writing() as connection:
            return receipts.forget_texts(connection, before)

    def forget_texts_of(self, receipt_id: str) -> None:
        """Remove the texts of one receipt; its digests stay. Raises NotFound."""
        with self.writing() as connection:
            receipts.forget_texts_of(connection, receipt_id)

    def receipt(self, receipt_id: str) -> Receipt:
        """The receipt with this id. Raises NotFound."""
        with self.reading() as connection:
            return receipts.receipt(connection, receipt_id)

    def receipts(self, *, release_id: str | None = None, limit: int = 100) -> list[Receipt]:
        """The newest receipts (of one release)."""
        with self.reading() as connection:
            return receipts.receipt_rows(connection, release_id=release_id, limit=limit)

    def add_feedback(
        self, receipt_id: str, *, kind: str, body: Mapping[str, Any], consent: str, licence: str
    ) -> int:
        """Keep what a user said of an answer; returns its number. Raises NotFound for an unknown receipt."""
        with self.writing() as connection:
            return receipts.add_feedback(
                connection, receipt_id, kind=kind, body=body, consent=consent, licence=licence
            )

    def feedback(self, *, receipt_id: str | None = None, after: int = 0) -> list[Feedback]:
        """Feedback (on one answer) in the order it came, numbered above `after`."""
        with self.reading() as connection:
            return receipts.feedback_rows(connection, receipt_id=receipt_id, after=after)

    def add_usage(self, used: Usage) -> None:
        """Add to what a key used of a model on a day."""
        with self.writing() as connection:
            receipts.add_usage(connection, used)

    def usage(
        self, *, key_id: str | None = None, since: date | None = None, until: date | None = None
    ) -> list[Usage]:
        """What was used (by one key), from day `since` to day `until`, both included."""
        with self.reading() as connection:
            return receipts.usage_rows(connection, key_id=key_id, since=since, until=until)

    # care

    def verify(self, progress: Progress = SILENT) -> list[Finding]:
        """Read every byte again and compare with what was committed; what does not agree."""
        return verify(self.engine, self.home.path, progress)

    def doctor(self) -> list[Finding]:
        """Put right what a crash left behind; what was done."""
        return doctor(self.engine, self.home.path)

    def discard(self, artifact_id: str) -> None:
        """Remove the files of a damaged artifact, so that the next run makes it again."""
        commit.discard(self.engine, self.home.path, artifact_id)

    def gc(self, keep: Collection[str] = (), *, dry_run: bool = False) -> Garbage:
        """Remove what nothing needs; see `gc.gc`. `keep`: the ids of the plan in force."""
        return gc(self.engine, self.home.path, keep, dry_run=dry_run)
