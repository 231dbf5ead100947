"""`catenary run`: makes the plan true, link by link.

A link that ends is committed in one step; one that is interrupted or killed keeps its checkpoints in `work/` and
goes on from them the next time. Nothing else in the program commits artifacts.
"""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from catenary.chain.app_settings import named_by
from catenary.chain.file_digests import FileDigests
from catenary.chain.lock import write_lock
from catenary.chain.plan import Plan, Planned
from catenary.chain.report_to import Reported, Sink, sinks
from catenary.chain.run_log import RunLog
from catenary.chain.spec import Chain
from catenary.chain.stage import Work
from catenary.errors import CatenaryError, Interrupted
from catenary.memory import peak_bytes, release_unused
from catenary.messages import say
from catenary.progress import Progress
from catenary.store import Artifact, GateResult, Metric, Store

Ended = Literal["failed", "interrupted"]
METRIC_SECONDS = 5.0  # a killed run loses at most this much of its curves
PROGRESS_SECONDS = 1.0  # between what a running link tells others of how far it is
PROGRESS = "progress.json"


class Watcher(Protocol):
    """Who looks on while a chain runs."""

    def reused(self, step: Planned, artifact: Artifact) -> None: ...

    def started(self, step: Planned) -> Progress:
        """A link starts; its progress goes to what is returned."""

    def ended(self, step: Planned, artifact: Artifact, seconds: float) -> None: ...

    def failed(self, step: Planned, error: BaseException) -> None: ...


@dataclass(frozen=True)
class Outcome:
    """What became of one link: its artifact and, where it ran, how long that took."""

    step: Planned
    artifact: Artifact
    seconds: float
    reused: bool


def run(plan: Plan, store: Store, watcher: Watcher, only: Collection[str] | None = None) -> list[Outcome]:
    """Run what the plan says is not there yet; `only` (short or full names) and what they stand on, where given.

    Raises what the failing stage raised; Interrupted on Ctrl-C or SIGTERM. Links done before stay committed.
    """
    chain = plan.chain
    wanted = chain.needed_for(only) if only else chain.links
    write_lock(plan)
    outcomes: dict[str, Outcome] = {}
    with _stoppable():
        for step in plan.steps:
            if step.link in wanted:
                make = _reuse if store.has(step.id) else _make
                outcomes[step.link.full_name] = make(step, plan, store, watcher)
    for name, endpoint in chain.serve.endpoints.items():
        made = outcomes.get(f"releases.{endpoint.release}")
        if made:
            store.point(chain.project.name, f"endpoints.{name}", made.artifact.id)
    for name, app in chain.apps.items():
        for _, section, stands_on in named_by(app):
            made = outcomes.get(f"{section}.{stands_on}")
            if made:
                store.point(chain.project.name, f"endpoints.app/{name}", made.artifact.id)
    _forget_links(chain, store)
    return list(outcomes.values())


def _forget_links(chain: Chain, store: Store) -> None:
    """Links that the chain file no longer has point to nothing any more, so that `gc` may free what they held."""
    names = {link.full_name for link in chain.links} | {f"endpoints.{name}" for name in chain.serve.endpoints}
    names |= {f"endpoints.app/{name}" for name in chain.apps}
    for gone in store.links(chain.project.name).keys() - names:
        store.unpoint(chain.project.name, gone)


def _reuse(step: Planned, plan: Plan, store: Store, watcher: Watcher) -> Outcome:
    artifact = store.get(step.id)
    store.clear_work(step.id)  # a kill may have come between the commit and this
    _finish(step, plan, store, artifact)
    watcher.reused(step, artifact)
    return Outcome(step, artifact, 0.0, reused=True)


def _before(chain: Chain, store: Store, link: str) -> Artifact | None:
    pointed = store.links(chain.project.name).get(link)
    return store.get(pointed.artifact_id) if pointed is not None and store.has(pointed.artifact_id) else None


def _finish(step: Planned, plan: Plan, store: Store, artifact: Artifact) -> None:
    """What the catalog is told beside the commit; told again where a kill came between."""
    gates = artifact.manifest.report.get("gates", ())
    if gates and not store.gates(artifact.id):
        store.add_gate_results(
            artifact.id, [GateResult(gate["sentence"], gate["outcome"], gate["evidence"]) for gate in gates]
        )
    chain, link = plan.chain.project.name, step.link.full_name
    pointed = store.links(chain).get(link)
    if pointed is None or pointed.artifact_id != step.id:
        store.point(chain, link, step.id)


def _make(step: Planned, plan: Plan, store: Store, watcher: Watcher) -> Outcome:
    link = step.link
    started = time.monotonic()
    with store.workspace(step.id, wait=True) as workspace:
        if store.has(step.id):  # another process made it while we waited
            return _reuse(step, plan, store, watcher)
        run_id = store.start_run(
            chain=plan.chain.project.name, link=link.full_name, stage=link.stage.name, artifact_id=step.id
        )
        reported = Reported(
            plan.chain.project.name, link.full_name, run_id, step.id, step.settings, store.home.path
        )
        told = workspace.out.parent / PROGRESS
        heading = say(
            "run {number} of {link}, {stage}", number=run_id, link=link.full_name, stage=link.stage.name
        )
        log = RunLog(store.home.path, step.id, heading)
        progress = _Recorded(watcher.started(step), store, run_id, reported, told, log)
        try:
            with FileDigests.of(store.home.path) as digests:
                report = link.stage.run(
                    Work(
                        link=link.full_name,
                        settings=link.settings,
                        inputs={role: store.get(id) for role, id in step.inputs.items()},
                        names=link.inputs,
                        content=step.settings.get("content", {}),
                        base=plan.chain.folder,
                        out=workspace.out,
                        state=workspace.state,
                        progress=progress,
                        before=_before(plan.chain, store, link.full_name),
                        ancestors=lambda id: [store.get(row.id) for row in store.ancestors(id)],
                        sha_of=digests.sha256,
                    )
                )
            artifact = store.commit(
                workspace,
                id=step.id,
                kind=link.stage.kind,
                stage=link.stage.name,
                version=link.stage.version,
                settings=step.settings,
                inputs=step.inputs,
                report=report,
            )
        except BaseException as error:
            stopped = isinstance(error, KeyboardInterrupt | Interrupted)
            seconds = time.monotonic() - started
            outcome: Ended = "interrupted" if stopped else "failed"
            progress.end(outcome)
            log.end(outcome, seconds, str(error))
            told.unlink(missing_ok=True)
            store.end_run(run_id, outcome, seconds=seconds, error=str(error) or None)
            watcher.failed(step, error)
            if isinstance(error, KeyboardInterrupt):
                raise _interrupted(link.full_name) from error
            raise
        seconds = time.monotonic() - started
        progress.end("done")
        log.end("done", seconds)
        told.unlink(missing_ok=True)
        release_unused()
        store.end_run(run_id, "done", seconds=seconds, peak_memory_bytes=peak_bytes())
    _finish(step, plan, store, artifact)
    watcher.ended(step, artifact, seconds)
    return Outcome(step, artifact, seconds, reused=False)


def _interrupted(link: str) -> CatenaryError:
    return Interrupted(
        "Stopped in {link}. What was done is kept; running again goes on from here.",
        link=link,
        next="catenary run",
    )


@contextmanager
def _stoppable() -> Iterator[None]:
    """While it lasts, SIGTERM stops a run the way Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Recorded:
    """Passes progress on and keeps its metrics with the run, many at a time: each transaction waits for the disk.

    How far the link is stands in `work/<id>/progress.json` for whoever looks on from another process.
    """

    def __init__(
        self, shown: Progress, store: Store, run_id: int, reported: Reported, told: Path, log: RunLog
    ) -> None:
        self.shown = shown
        self.log = log
        self.told = told
        self.now: dict[str, Any] = {"run": run_id}
        self.said = float("-inf")
        self.store = store
        self.run_id = run_id
        self.reported = reported
        self.sinks: list[Sink] | None = None  # made for the first figure: most stages have none
        self.pending: list[Metric] = []
        self.written = time.monotonic()

    def begin(self, what: str, total: float | None, unit: str) -> None:
        self.shown.begin(what, total, unit)
        self.log.begin(what, total, unit)
        self.now |= {"what": what, "unit": unit, "total": total, "done": 0.0, "figures": {}}
        self._tell()

    def advance(self, amount: float, **figures: float) -> None:
        self.shown.advance(amount, **figures)
        if "what" in self.now:
            self.now["done"] += amount
            self.now["figures"].update(figures)
            self.log.advance(amount, self.now["figures"])
            if time.monotonic() - self.said > PROGRESS_SECONDS:
                self._tell()

    def _tell(self) -> None:
        self.said = time.monotonic()
        part = self.told.with_suffix(".part")
        try:  # a help to who looks on: a full disk may stop the link where it writes, not here
            part.write_text(json.dumps(self.now, default=float), "utf-8")
            part.replace(self.told)
        except OSError:
            part.unlink(missing_ok=True)

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        self.pending.append(Metric(name, value, step, datetime.now(UTC)))
        if time.monotonic() - self.written > METRIC_SECONDS:
            self.write()
        if self.sinks is None:
            self.sinks = sinks(self.reported)
        for sink in self.sinks:
            sink.metric(name, value, step)
        self.shown.metric(name, value, step)

    def end(self, outcome: str) -> None:
        """The run has ended: done, failed or interrupted."""
        self.write()
        for sink in self.sinks or ():
            sink.close(outcome)

    def write(self) -> None:
        """Bring what is pending into the catalog."""
        self.store.add_metrics(self.run_id, self.pending)
        self.pending = []
        self.written = time.monotonic()
