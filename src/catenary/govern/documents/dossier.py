"""What documents are made of: manifests, and what can be read from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Made:
    """One artifact's manifest, as far as documents look at it."""

    id: str
    kind: str
    stage: str
    settings: Mapping[str, Any]
    inputs: Mapping[str, str]
    files: Mapping[str, tuple[str, int]]  # path → sha256, bytes
    report: Mapping[str, Any]

    @property
    def bytes(self) -> int:
        """The size of all its files."""
        return sum(size for _, size in self.files.values())


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured figure: whose, which, its value and 95 % interval, on how many items, and in which evaluation."""

    model: str
    metric: str
    value: float
    low: float
    high: float
    n: int
    evaluation: str


@dataclass(frozen=True, slots=True)
class Dossier:
    """A release and all it was made from, in the order of making."""

    name: str
    release: Made
    lineage: Sequence[Made]
    version: str = (
        "0"  # of the tool that writes: part of the documents, so that a change of wording is one of version
    )

    def of_kind(self, kind: str) -> list[Made]:
        """The artifacts of a kind, in the order of making."""
        return [one for one in self.lineage if one.kind == kind]

    @property
    def holds_index(self) -> bool:
        """Whether an index of passages was released, and no model."""
        return "from" not in self.release.inputs

    @property
    def model(self) -> Made:
        """The model that was released."""
        return self._by_id(self.release.inputs["from"])

    @property
    def sources(self) -> list[Made]:
        """Collections, and models that others made."""
        return [one for one in self.lineage if one.kind == "collection" or one.stage == "adopt"]

    @property
    def licences(self) -> dict[str, list[str]]:
        """licence → the sources under it; "" for an unknown one."""
        found: dict[str, list[str]] = {}
        for one in self.sources:
            found.setdefault(str(one.report.get("licence") or ""), []).append(source_name(one))
        return dict(sorted(found.items()))

    @property
    def figures(self) -> list[Figure]:
        """Every figure of every evaluation behind the release."""
        return list(self._figures())

    def _figures(self) -> Iterator[Figure]:
        for one in self.of_kind("evaluation"):
            for model, metrics in sorted(one.report.get("metrics", {}).items()):
                for metric, told in sorted(metrics.items()):
                    yield Figure(
                        model, metric, told["value"], told["low"], told["high"], int(told["n"]), one.id
                    )

    def _by_id(self, id: str) -> Made:
        return next(one for one in self.lineage if one.id == id)


def source_name(one: Made) -> str:
    """What a source calls itself."""
    return str(one.report.get("source") or one.settings.get("name") or one.id[:12])


def documents_in(one: Made) -> int:
    """How many documents a collection or dataset holds; none of a model."""
    report = one.report
    return int(report.get("kept", report.get("documents", 0)) or 0)


def count(one: Made, *path: str) -> Mapping[str, Any]:
    """A mapping inside a report; empty where there is none."""
    value: Any = one.report
    for part in path:
        value = value.get(part, {}) if isinstance(value, Mapping) else {}
    return value if isinstance(value, Mapping) else {}
