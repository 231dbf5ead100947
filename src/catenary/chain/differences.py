"""What sets two releases apart: the data they were trained on, the settings, the figures, the gates, the sizes.

    found = differences(store, store.get("3f9a12c07be4"), store.get("90b2aa51c1d7"))
    found.documents.added, found.scores["quality.sentiment.accuracy"]

All is read from the manifests of both and of what they were made from, and from their datasets' lists of documents.
Artifacts are paired by the part that they play: the model's `from` with the other model's `from`, and so on.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from catenary.store import Artifact, Store
from catenary.store.documents import DOCUMENTS
from catenary.store.outside_files import outside_files

NAMED = 20  # documents added, and as many removed, that are named; all are counted
OF_SOURCE = ("licence", "consent", "version", "documents", "files", "bytes")
NOT_SETTINGS = ("content",)  # the files' digests: a source's change of data is told under data


@dataclass(frozen=True)
class Change:
    """A value on both sides; None where there is none."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Documents:
    """The documents that were kept, on both sides. The ids are the first of those added and removed."""

    before: int
    after: int
    added: int
    removed: int
    added_ids: Sequence[str]
    removed_ids: Sequence[str]
    licences: Sequence[Change]  # how many documents under each


@dataclass(frozen=True)
class Score:
    """A figure on both sides, each {value, low, high, n}. `apart`: the intervals do not touch."""

    name: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None

    @property
    def difference(self) -> float | None:
        """After less before."""
        if self.before is None or self.after is None:
            return None
        return float(self.after["value"]) - float(self.before["value"])

    @property
    def apart(self) -> bool | None:
        """Whether the intervals do not touch; None where a side has none."""
        low, high, other_low, other_high = (
            (one or {}).get(end) for one in (self.before, self.after) for end in ("low", "high")
        )
        if low is None or high is None or other_low is None or other_high is None:
            return None
        return bool(high < other_low or other_high < low)


@dataclass(frozen=True)
class Differences:
    """What sets two releases apart. `sources`, `settings`, `gates`, `sizes` hold only what differs; `scores` all."""

    before: str
    after: str
    standings: Change
    sources: Sequence[Change]
    documents: Documents
    settings: Sequence[Change]
    scores: Sequence[Score]
    gates: Sequence[Change]
    sizes: Sequence[Change]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        plain = asdict(self)
        plain["scores"] = [
            {**asdict(score), "difference": score.difference, "apart": score.apart} for score in self.scores
        ]
        return plain


def differences(
    store: Store, before: Artifact, after: Artifact, standing: Callable[[Artifact], str] = lambda release: ""
) -> Differences:
    """What sets the release `after` apart from `before`."""
    roles = [_by_role(store, release) for release in (before, after)]
    return Differences(
        before.id,
        after.id,
        Change("standing", standing(before), standing(after)),
        _changes(*map(_sources, roles)),
        _documents(*roles),
        _changes(*map(_settings, roles)),
        _scores(*map(_figures, roles)),
        _changes(*map(_gates, (before, after))),
        _changes(*map(_sizes, (before, after))),
    )


Roles = Mapping[str, Artifact]  # "from.init" → the artifact; each artifact once, by its shortest path


def _by_role(store: Store, release: Artifact) -> Roles:
    found: dict[str, Artifact] = {}
    seen: set[str] = set()
    ahead = [("release", release.id)]
    while ahead:
        path, id = ahead.pop(0)
        if id in seen:
            continue
        seen.add(id)
        found[path] = artifact = store.get(id)
        start = "" if path == "release" else f"{path}/"
        ahead += [(f"{start}{role}", input_id) for role, input_id in sorted(artifact.manifest.inputs.items())]
    return found


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    return [
        Change(name, before.get(name), after.get(name))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]


def _sources(roles: Roles) -> dict[str, Any]:
    """What each source says of itself, and a digest of what its files hold."""
    found = {}
    for artifact in roles.values():
        report, settings = artifact.manifest.report, artifact.manifest.settings
        if artifact.kind != "collection" and artifact.stage != "adopt":
            continue
        told = {name: report.get(name, settings.get(name)) for name in OF_SOURCE}
        told["files"] = outside_files(report).count
        found[str(report.get("source", artifact.stage))] = {
            **{name: value for name, value in told.items() if value not in (None, "")},
            "artifact": artifact.id,
        }
    return found


def _documents(before: Roles, after: Roles) -> Documents:
    """Kept documents by id, of all datasets of each side. A million ids a side are some 100 MB."""
    kept, licences = zip(*(_kept(roles) for roles in (before, after)), strict=True)
    added, removed = sorted(kept[1] - kept[0]), sorted(kept[0] - kept[1])
    return Documents(
        len(kept[0]),
        len(kept[1]),
        len(added),
        len(removed),
        added[:NAMED],
        removed[:NAMED],
        _changes(*licences),
    )


def _kept(roles: Roles) -> tuple[set[str], Counter[str]]:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    ids: set[str] = set()
    licences: Counter[str] = Counter()
    for artifact in roles.values():
        path = artifact.path / DOCUMENTS
        if artifact.kind != "dataset" or not path.exists():
            continue
        rows = pq.read_table(path, columns=["id", "licence", "dropped"])
        rows = rows.filter(pc.is_null(rows["dropped"]))
        if ids:  # a document in two datasets is one
            rows = rows.filter(pc.invert(pc.is_in(rows["id"], value_set=_array(ids))))
        ids.update(rows["id"].to_pylist())
        for count in pc.value_counts(rows["licence"]).to_pylist():
            licences[count["values"]] += count["counts"]
    return ids, licences


def _array(ids: set[str]) -> Any:
    import pyarrow as pa

    return pa.array(sorted(ids), pa.string())


def _settings(roles: Roles) -> dict[str, Any]:
    return {
        f"{path}: {name}": value
        for path, artifact in roles.items()
        for name, value in _flat({"stage": artifact.stage, **artifact.manifest.settings})
        if not (path == "release" and name.startswith("gates"))
    }


def _flat(value: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Nested settings by dotted names; a list is one value, or named by its entries' own names."""
    for name, inner in value.items():
        if not before and name in NOT_SETTINGS:
            continue
        if isinstance(inner, Mapping) and inner:
            yield from _flat(inner, f"{before}{name}.")
        elif (
            isinstance(inner, list)
            and inner
            and all(isinstance(one, Mapping) and "name" in one for one in inner)
        ):
            yield f"{before}{name}", [one["name"] for one in inner]
            yield from _flat({f"{name}.{one['name']}": one for one in inner}, before)
        else:
            yield f"{before}{name}", inner


def _figures(roles: Roles) -> dict[str, Mapping[str, Any]]:
    """evaluation.model.metric → its figure, of every evaluation that the release's gates looked at."""
    return {
        f"{path.removeprefix('evaluation.')}.{model}.{metric}": {
            end: figure.get(end) for end in ("value", "low", "high", "n")
        }
        for path, artifact in roles.items()
        if artifact.kind == "evaluation"
        for model, figures in artifact.manifest.report.get("metrics", {}).items()
        for metric, figure in figures.items()
    }


def _scores(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Score]:
    return [Score(name, before.get(name), after.get(name)) for name in sorted({*before, *after})]


def _gates(release: Artifact) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for result in release.manifest.report["gates"]:
        name = base = _gate_name(result["gate"])
        number = 1
        while name in found:  # the same condition twice
            number += 1
            name = f"{base} ({number})"
        found[name] = {"outcome": result["outcome"], "sentence": result["sentence"]}
    return found


def _gate_name(gate: Mapping[str, Any]) -> str:
    """What a gate is about, whatever line it draws."""
    if "metric" in gate:
        condition = next(name for name in ("at_least", "at_most", "better_than") if name in gate)
        return f"{gate['metric']} {condition}"
    if "profile" in gate:
        return f"profile {gate['profile']}"
    for name in ("all", "any"):
        if name in gate:
            return f"{name}: {'; '.join(map(_gate_name, gate[name]))}"
    return next((name for name in gate if name not in ("on_fail", "rule")), json.dumps(gate))


def _sizes(release: Artifact) -> dict[str, Any]:
    report = release.manifest.report
    headline = report.get("headline", {})
    totals = {name: headline[name] for name in ("size", "trained size", "precision") if name in headline}
    return {**totals, **report.get("sizes", {})}
