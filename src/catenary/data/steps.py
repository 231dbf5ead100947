"""The steps of a chain file's `steps:` list, by name.

    >>> [step.name for step in parse_steps(["normalise", {"language": ["zh"]}, {"dedup": {"near": 0.8}}])]
    ['normalise', 'language', 'dedup']

A step that looks at one document at a time is a function `(batch, settings, notes) → batch` of the same rows: it
changes `text` or sets `dropped` to `step:reason`, in rows that are still kept, and counts in `notes` what a report
should tell. A step over the whole corpus is a module with three functions, for each shard, once, and for each shard
again (`dedup.py` is one):

    look(batches, settings, folder)              writes what must be known of a shard's documents
    decide(folders, settings, folder, notes)     writes what becomes of each, from all of these
    act(batch, settings, folder, at, notes)      the shard's batch after that
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from catenary.data.settings import Settings, parse, unknown
from catenary.data.step_settings import (
    BalanceSettings,
    BoilerplateSettings,
    C4Settings,
    CustomSettings,
    DecontaminateSettings,
    DedupSettings,
    ExtractSettings,
    KeywordsSettings,
    LabelsSettings,
    LanguageSettings,
    LengthSettings,
    NormaliseSettings,
    QualitySettings,
    RedactSettings,
    ReviewedSettings,
    ScoreSettings,
    SegmentSettings,
    SubstringsSettings,
)
from catenary.errors import InvalidInput

if TYPE_CHECKING:
    import pyarrow as pa

Run = Callable[..., "pa.RecordBatch"]  # (batch, settings, notes), and a helper where the kind names one
# What steps need and this room has not: a `tagger`, the texts of other sources … Picklable where several work.
Helpers = Mapping[str, Callable[..., Any]]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of step. Its `version` rises whenever the same settings would give other documents.

    `run` names a module of this room and its function, imported when the step runs: a plan needs none of them.
    """

    settings: type[Settings]
    version: int
    run: tuple[str, str] | None = None
    corpus: str | None = None  # the module of a step over the whole corpus
    helper: str | None = None  # a function from above that `run` takes as a fourth argument: see `Helpers`
    unlocked: bool = (
        False  # it leaves Python's lock alone for most of its time, so that threads run side by side
    )


STEPS: dict[str, Kind] = {
    "extract": Kind(ExtractSettings, 1, ("extract", "extract")),
    "normalise": Kind(NormaliseSettings, 2, ("normalise", "normalise"), unlocked=True),
    "language": Kind(LanguageSettings, 1, ("language", "language"), unlocked=True),
    "length": Kind(LengthSettings, 1, ("quality", "length"), unlocked=True),
    "quality": Kind(QualitySettings, 1, ("quality", "quality"), unlocked=True),
    "score": Kind(ScoreSettings, 1, ("score", "score"), helper="examples"),
    "c4": Kind(C4Settings, 1, ("c4", "c4")),
    "segment": Kind(SegmentSettings, 1, ("segment", "segment")),
    "redact": Kind(RedactSettings, 1, ("redact", "redact"), helper="tagger", unlocked=True),
    "keywords": Kind(KeywordsSettings, 1, ("keywords", "keywords")),
    "custom": Kind(CustomSettings, 1, ("custom", "custom"), helper="folder"),
    "decontaminate": Kind(DecontaminateSettings, 1, ("decontaminate", "decontaminate"), helper="held_out"),
    "reviewed": Kind(ReviewedSettings, 1, ("reviewed", "reviewed"), helper="reviewed"),
    "labels": Kind(LabelsSettings, 1, corpus="label_check"),
    "boilerplate": Kind(BoilerplateSettings, 1, corpus="boilerplate"),
    "substrings": Kind(SubstringsSettings, 1, corpus="substrings", unlocked=True),
    "balance": Kind(BalanceSettings, 1, corpus="balance"),
    "dedup": Kind(DedupSettings, 1, corpus="dedup", unlocked=True),
}


@dataclass(frozen=True, slots=True)
class Step:
    """A step with its settings, as a chain declares it."""

    name: str
    options: Settings

    @property
    def version(self) -> int:
        """The version of the step's rules."""
        return STEPS[self.name].version

    @property
    def settings(self) -> dict[str, Any]:
        """Every setting in canonical form, defaults included: what the recipe's digest covers."""
        return self.options.canonical()

    @property
    def per_document(self) -> bool:
        """Whether the step looks at one document at a time."""
        return STEPS[self.name].corpus is None

    @property
    def corpus(self) -> Any:
        """The module of a step over the whole corpus."""
        return import_module(f"catenary.data.{STEPS[self.name].corpus}")

    def run(self, batch: pa.RecordBatch, notes: Counter[str], helpers: Helpers) -> pa.RecordBatch:
        """The batch after this step, which must be one that looks at single documents."""
        named = STEPS[self.name].run
        assert named is not None, self.name
        module, function = named
        run: Run = getattr(import_module(f"catenary.data.{module}"), function)
        helper = STEPS[self.name].helper
        return run(batch, self.options, notes, *([helpers.get(helper)] if helper else []))


def parse_steps(raw: Iterable[object]) -> tuple[Step, ...]:
    """The steps of a list such as `["normalise", {"length": {"min_chars": 4}}]`.

    Raises InvalidInput for a step or a setting that does not exist, naming the nearest one.
    """
    return tuple(_parse(one) for one in raw)


def _parse(raw: object) -> Step:
    if isinstance(raw, Step):
        return raw
    if isinstance(raw, str):
        name, said = raw, None
    elif isinstance(raw, Mapping) and len(raw) == 1:
        [(name, said)] = raw.items()
    else:
        raise InvalidInput(
            "A step is a name, or a name with its settings.",
            got=repr(raw),
            expected="`normalise`, or `{example}`",
            example="{length: {min_chars: 4}}",
        )
    if name not in STEPS:
        raise unknown("There is no such step.", name, STEPS, "steps")
    model = STEPS[name].settings
    shorthand = getattr(model, "shorthand", None)
    if said is None:
        said = {}
    elif shorthand and not isinstance(said, Mapping):
        said = {shorthand: said}
    return Step(name, parse(model, said, f"steps.{name}"))
