"""Where each link of the chain stands, from the plan and the runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import func, select

from catenary.chain.plan import Plan, Planned
from catenary.store import Artifact, RunRow, Store
from catenary.store.catalog import LinkRow
from catenary.store.tables import runs

State = Literal["done", "running", "failed", "stale", "new"]
TONES: dict[str, str] = {"done": "good", "running": "busy", "failed": "bad", "stale": "warn", "new": "muted"}


@dataclass(frozen=True, slots=True)
class LinkNow:
    """A link: its step of the plan, its newest run, and the artifact that it points to (an older one if stale)."""

    step: Planned
    state: State
    run: RunRow | None
    pointed: str | None

    @property
    def name(self) -> str:
        return self.step.link.full_name


def links_now(plan: Plan, store: Store) -> list[LinkNow]:
    """All links in the order of the plan."""
    chain = plan.chain.project.name
    pointed, newest = store.links(chain), newest_runs(store, chain)
    return [_link_now(step, newest.get(step.link.full_name), pointed) for step in plan.steps]


def _link_now(step: Planned, run: RunRow | None, pointed: Mapping[str, LinkRow]) -> LinkNow:
    row = pointed.get(step.link.full_name)
    state: State = "new" if row is None else "stale"
    if run is not None and run.outcome is None:
        state = "running"
    elif step.reused:
        state = "done"
    elif run is not None and run.artifact_id == step.id and run.outcome in ("failed", "interrupted", "lost"):
        state = "failed"
    return LinkNow(step, state, run, None if row is None else row.artifact_id)


def newest_runs(store: Store, chain: str) -> dict[str, RunRow]:
    """The newest run of each link."""
    newest = select(func.max(runs.c.id)).where(runs.c.chain == chain).group_by(runs.c.link)
    with store.reading() as connection:
        rows = [RunRow(*row) for row in connection.execute(select(runs).where(runs.c.id.in_(newest)))]
    return {row.link: row for row in rows}


@dataclass(frozen=True, slots=True)
class ProgressNow:
    """How far a running link is. `share` None where the whole is not known."""

    what: str
    unit: str
    done: float
    total: float | None
    figures: Mapping[str, float]

    @property
    def share(self) -> float | None:
        return min(1.0, self.done / self.total) if self.total else None


def progress_of(store: Store, run: RunRow) -> ProgressNow | None:
    """What a running link last told of itself; None where it has not, or runs on another machine."""
    path = store.home.path / "work" / run.artifact_id / "progress.json"
    try:
        said: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if said.get("run") != run.id:
        return None
    return ProgressNow(said["what"], said["unit"], said["done"], said["total"], said["figures"])


def headline(artifact: Artifact) -> Mapping[str, Any]:
    """The few figures that say what an artifact is."""
    found = artifact.manifest.report.get("headline", {})
    return found if isinstance(found, Mapping) else {}


def depths(steps: Sequence[Planned]) -> dict[str, int]:
    """How many links of its own section a link stands on, one after another."""
    found: dict[str, int] = {}
    sections = {step.link.full_name: step.link.section for step in steps}
    for step in steps:
        before = [
            found[name] + 1 for name in step.link.inputs.values() if sections[name] == step.link.section
        ]
        found[step.link.full_name] = max(before, default=0)
    return found
