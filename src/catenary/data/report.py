"""What curation did, in counts: kept and dropped by reason at each step, with a few samples of what was dropped."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from catenary.data.histograms import PREFIX, histograms_in
from catenary.data.personal_data import find
from catenary.data.redact import redacted

SAMPLES = 5  # a reason
SAMPLE_CHARACTERS = 80


def as_sample(text: str) -> str:
    """How a text begins, without personal data: a report is read by more people than a text."""
    begin = text[: 4 * SAMPLE_CHARACTERS]
    return redacted(begin, find(begin))[:SAMPLE_CHARACTERS]


@dataclass(slots=True)
class Tally:
    """Counts of a part of a corpus; parts add up with `add`. `steps` are named by their place in the chain."""

    documents: int = 0
    characters: Counter[str] = field(default_factory=Counter)  # before, after
    dropped: dict[str, Counter[str]] = field(default_factory=dict)  # step → reason → documents
    notes: dict[str, Counter[str]] = field(default_factory=dict)  # step → what it noted → times
    labels: Counter[str] = field(default_factory=Counter)  # of the kept
    splits: Counter[str] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)  # of the kept
    sources: Counter[str] = field(default_factory=Counter)  # of the kept
    # characters of a document, as powers of two: "before:7" are those of 64 to 127 that came in
    lengths: Counter[str] = field(default_factory=Counter)
    samples: dict[str, list[dict[str, str]]] = field(default_factory=dict)  # reason → [{id, text}]

    def add(self, other: Tally) -> None:
        """Take up the counts of another part, which comes after this one."""
        self.documents += other.documents
        for mine, theirs in (
            (self.characters, other.characters),
            (self.labels, other.labels),
            (self.splits, other.splits),
            (self.licences, other.licences),
            (self.sources, other.sources),
            (self.lengths, other.lengths),
        ):
            mine.update(theirs)
        for groups, more in ((self.dropped, other.dropped), (self.notes, other.notes)):
            for step, counts in more.items():
                groups.setdefault(step, Counter()).update(counts)
        for reason, samples in other.samples.items():
            held = self.samples.setdefault(reason, [])
            held += samples[: SAMPLES - len(held)]

    def took(self, step: str, before: pa.RecordBatch, after: pa.RecordBatch) -> None:
        """Count what `step` dropped: the rows kept in `before` that are not in `after`."""
        counts = self.dropped.setdefault(step, Counter())
        new = pc.and_(before.column("dropped").is_null(), after.column("dropped").is_valid())
        rows = np.flatnonzero(new.to_numpy(zero_copy_only=False))
        if not len(rows):
            return
        lost = before.select(["id", "text"]).take(pa.array(rows))
        reasons = after.column("dropped").take(pa.array(rows)).to_pylist()
        counts.update(reasons)
        for at, reason in enumerate(reasons):
            held = self.samples.setdefault(reason, [])
            if len(held) < SAMPLES:
                text = as_sample(lost.column("text")[at].as_py())
                held.append({"id": lost.column("id")[at].as_py(), "text": text})

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it, keys in a fixed order."""
        return {
            "documents": self.documents,
            "characters": dict(sorted(self.characters.items())),
            "dropped": {step: dict(sorted(counts.items())) for step, counts in self.dropped.items()},
            "notes": {step: dict(sorted(counts.items())) for step, counts in self.notes.items()},
            "labels": dict(sorted(self.labels.items())),
            "splits": dict(sorted(self.splits.items())),
            "licences": dict(sorted(self.licences.items())),
            "sources": dict(sorted(self.sources.items())),
            "lengths": dict(sorted(self.lengths.items())),
            "samples": dict(sorted(self.samples.items())),
        }

    @classmethod
    def of(cls, raw: dict[str, Any]) -> Tally:
        """From what `as_dict` gave."""
        return cls(
            documents=raw["documents"],
            characters=Counter(raw["characters"]),
            dropped={step: Counter(counts) for step, counts in raw["dropped"].items()},
            notes={step: Counter(counts) for step, counts in raw["notes"].items()},
            labels=Counter(raw["labels"]),
            splits=Counter(raw["splits"]),
            licences=Counter(raw["licences"]),
            sources=Counter(raw["sources"]),
            lengths=Counter(raw["lengths"]),
            samples=raw["samples"],
        )


@dataclass(frozen=True, slots=True)
class StepReport:
    """One step: how many documents came to it, how many it kept, why it dropped the others, what it noted."""

    name: str
    documents: int
    kept: int
    dropped: dict[str, int]
    notes: dict[str, int]


@dataclass(frozen=True, slots=True)
class CurationReport:
    """What became of a corpus. `dropped` is by reason over all steps, reading included."""

    documents: int
    kept: int
    characters_before: int
    characters_after: int
    dropped: dict[str, int]
    steps: tuple[StepReport, ...]
    personal_data: dict[str, int]  # kind → times replaced
    languages: dict[str, int]  # of the documents that came to the step `language`
    labels: dict[str, int]  # of the kept
    splits: dict[str, int]
    licences: dict[str, int]  # of the kept
    sources: dict[str, int]  # of the kept
    lengths: dict[str, dict[int, int]]  # before, after → n → documents of 2ⁿ⁻¹ to 2ⁿ − 1 characters
    clusters: dict[int, int]  # size → clusters of duplicates with so many documents
    histograms: dict[
        str, dict[str, dict[float, int]]
    ]  # measure → before, after the step → lower bound → texts
    samples: dict[str, list[dict[str, str]]]

    @classmethod
    def of(cls, tally: Tally) -> CurationReport:
        """The report of a whole corpus."""
        steps = []
        left = tally.documents
        for name, counts in tally.dropped.items():
            kept = left - sum(counts.values())
            notes = {
                note: count
                for note, count in sorted(tally.notes.get(name, Counter()).items())
                if not note.startswith(PREFIX)  # they have a place of their own
            }
            steps.append(StepReport(name, left, kept, _by_number(counts), notes))
            left = kept
        reasons: Counter[str] = Counter()
        notes_of_all: Counter[str] = Counter()
        for counts in tally.dropped.values():
            reasons.update(counts)
        for counts in tally.notes.values():
            notes_of_all.update(counts)
        return cls(
            documents=tally.documents,
            kept=left,
            characters_before=tally.characters["before"],
            characters_after=tally.characters["after"],
            dropped=_by_number(reasons),
            steps=tuple(steps),
            personal_data=_below("redacted.", notes_of_all),
            languages=_below("language.", notes_of_all),
            labels=_by_number(tally.labels),
            splits=dict(tally.splits),
            licences=_by_number(tally.licences),
            sources=_by_number(tally.sources),
            lengths={
                when: _numbered(
                    Counter({n: c for n, c in tally.lengths.items() if n.startswith(when)}), when + ":"
                )
                for when in ("before", "after")
            },
            clusters=_numbered(notes_of_all, "cluster."),
            histograms=histograms_in(notes_of_all),
            samples=dict(sorted(tally.samples.items())),
        )

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it, whose keys are texts."""
        told = asdict(self)
        told["lengths"] = {when: _text_keys(counts) for when, counts in self.lengths.items()}
        told["clusters"] = _text_keys(self.clusters)
        told["histograms"] = {
            measure: {
                when: {f"{low:.3g}": count for low, count in bars.items()} for when, bars in sides.items()
            }
            for measure, sides in self.histograms.items()
        }
        return told


def _text_keys(counts: dict[int, int]) -> dict[str, int]:
    return {str(number): count for number, count in counts.items()}


def _by_number(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _below(prefix: str, counts: Counter[str]) -> dict[str, int]:
    return _by_number(
        Counter({name.removeprefix(prefix): n for name, n in counts.items() if name.startswith(prefix)})
    )


def _numbered(counts: Counter[str], prefix: str) -> dict[int, int]:
    found = {int(name.removeprefix(prefix)): n for name, n in counts.items() if name.startswith(prefix)}
    return dict(sorted(found.items()))
