"""Gates: the machine-checked conditions of a release, each a small class that judges facts and keeps its evidence.

    gates:
      - {metric: quality.sentiment.accuracy, at_least: 0.80, rule: lower}   # the interval's lower end must clear it
      - {metric: quality.sentiment.accuracy, better_than: quality.linear.accuracy, on_fail: warn}
      - {parity: 0.995}
      - {licences: [MIT]}
      - {personal_data: 0}
      - {profile: tc260-003, rule: wilson}                # a regulator's figures, from govern/profiles/*.yaml
      - any: [{metric: quality.sentiment.f1, at_least: 0.9}, {all: [{parity: 1.0}, {personal_data: 0}]}]

A metric is measured on the trained model. What is made of it (quantised, merged, distilled) inherits the pass only as
`inherit.py` says; else the pass is void.

The facts are brought by `stages/release.py`; a gate looks at nothing else, so its outcome can be checked again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from catenary.chain.inherit import rule_for
from catenary.chain.stage import Settings
from catenary.errors import InvalidInput
from catenary.messages import say

Outcome = Literal["passed", "warned", "failed"]


@dataclass(frozen=True)
class Metric:
    """A measured figure with its 95 % interval and the number of items it was measured on."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Comparison:
    """A paired test of two models on the same items: the difference, its 95 % interval, the test's p."""

    difference: float
    low: float
    high: float
    p: float
    n: int


def _no_profile(name: str, rule: str) -> tuple[bool, Mapping[str, Any], str]:
    return False, {}, f"{name}: no evidence"


@dataclass(frozen=True)
class Facts:
    """What gates may look at. Counts that cost time are functions, called only where a gate asks."""

    metrics: Mapping[str, Metric] = field(default_factory=dict)  # "quality.sentiment.accuracy"
    comparisons: Mapping[tuple[str, str], Comparison] = field(default_factory=dict)
    parity: Callable[[], Mapping[str, Any]] = dict  # {"agreement": …, "n": …}, worst format first
    licences: Mapping[str, Sequence[str]] = field(default_factory=dict)  # licence → sources under it
    personal_data: Callable[[], Mapping[str, int]] = dict  # kind → occurrences left in the training text
    least_agreement: float = 0.99  # with the trained model, at which its passes are kept
    derived: str | None = (
        None  # how the release was made of what was measured (inherit.DERIVATIONS); None: it is that
    )
    profile: Callable[[str, str], tuple[bool, Mapping[str, Any], str]] = (
        _no_profile  # (id, rule) → as `Gate.check`
    )


@dataclass(frozen=True)
class GateResult:
    """One gate's outcome on one release."""

    gate: Mapping[str, Any]  # its settings
    outcome: Outcome
    evidence: Mapping[str, Any]
    sentence: str  # in English; the evidence has the figures


class Gate(Settings, ABC):
    """What all gates take: whether failing refuses the release (`fail`) or is only told (`warn`)."""

    on_fail: Literal["fail", "warn"] = "fail"

    def judge(self, facts: Facts) -> GateResult:
        passed, evidence, sentence = self.check(facts)
        outcome: Outcome = "passed" if passed else "warned" if self.on_fail == "warn" else "failed"
        return GateResult(self.model_dump(mode="json", exclude_none=True), outcome, evidence, sentence)

    @abstractmethod
    def check(self, facts: Facts) -> tuple[bool, Mapping[str, Any], str]:
        """Whether the facts hold, the evidence, and a sentence about it."""


# Figures of which a smaller one is better; in all others a larger one is.
LESS_IS_BETTER = frozenset(
    {
        *("perplexity", "reply_perplexity", "bits_per_byte", "mae", "rmse", "ece"),
        *("ter", "self_bleu", "repetition", "misspelt", "slips", "over_refused"),
    }
)


class MetricGate(Gate):
    """A measured figure clears a line, or beats another model's on the same items."""

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    better_than: str | None = None
    # interval: the 95 % interval's nearer end must clear the line; of a share that is Wilson's
    rule: Literal["point", "interval", "wilson"] = "point"
    # least agreement at which a compressed model keeps the pass; left out: what the release's own gate `parity` asks
    inherits: float | None = Field(default=None, ge=0, le=1)
    p_below: float = Field(default=0.05, gt=0, lt=1)

    @model_validator(mode="after")
    def _one_condition(self) -> MetricGate:
        given = [key for key in ("at_least", "at_most", "better_than") if getattr(self, key) is not None]
        if len(given) != 1:
            raise InvalidInput(
                "A metric gate has exactly one condition.",
                got=", ".join(given) or "none",
                expected="at_least, at_most or better_than",
            )
        return self

    def check(self, facts: Facts) -> tuple[bool, Mapping[str, Any], str]:
        passed, evidence, sentence = self._measured(facts)
        if not passed or facts.derived is None:
            return passed, evidence, sentence
        rule = rule_for("metric", facts.derived)
        told = {**evidence, "derived": facts.derived, "rule": rule}
        if rule == "void":
            return False, told, f"{sentence}; void for what is {facts.derived}"
        if rule == "inherit":
            return True, told, sentence
        found = facts.parity()
        least = facts.least_agreement if self.inherits is None else self.inherits
        held = found["agreement"] >= least
        told["agreement"] = found["agreement"]
        why = f"{facts.derived}, agrees on {found['agreement']:.4f}, at least {least:g}"
        return held, told, f"{sentence} ({why})" if held else f"{sentence}; void: {why}"

    def _measured(self, facts: Facts) -> tuple[bool, Mapping[str, Any], str]:
        if self.better_than is not None:
            return self._compare(facts, self.better_than)
        measured = _metric(facts, self.metric)
        evidence = {"value": measured.value, "low": measured.low, "high": measured.high, "n": measured.n}
        if self.at_least is not None:
            figure = measured.low if self.rule != "point" else measured.value
            return (
                figure >= self.at_least,
                evidence,
                f"{self.metric} = {figure:.4f}, at least {self.at_least:g}",
            )
        assert self.at_most is not None
        figure = measured.high if self.rule != "point" else measured.value
        return figure <= self.at_most, evidence, f"{self.metric} = {figure:.4f}, at most {self.at_most:g}"

    def _compare(self, facts: Facts, other: str) -> tuple[bool, Mapping[str, Any], str]:
        mine, theirs = _metric(facts, self.metric), _metric(facts, other)
        paired = facts.comparisons.get((self.metric, other))
        if paired is None:
            raise InvalidInput(
                "These two metrics were not measured on the same items.",
                got=f"{self.metric}, {other}",
                expected="two models of one evaluation and the same metric",
            )
        evidence = {"value": mine.value, "other": theirs.value, "difference": paired.difference,
                    "low": paired.low, "high": paired.high, "p": paired.p, "n": paired.n}  # fmt: skip
        ahead = -paired.difference if self.metric.rsplit(".", 1)[-1] in LESS_IS_BETTER else paired.difference
        passed = ahead > 0 and paired.p < self.p_below
        sentence = f"{self.metric} - {other} = {paired.difference:+.4f} (p = {paired.p:.2g}, n = {paired.n})"
        return passed, evidence, sentence


class ParityGate(Gate):
    """The exported model answers as the trained one does, on at least this share of held-out items."""

    parity: float = Field(gt=0, le=1)

    def check(self, facts: Facts) -> tuple[bool, Mapping[str, Any], str]:
        found = facts.parity()
        sentence = (
            f"exported = trained on {found['agreement']:.4f} of {found['n']} items, at least {self.parity:g}"
        )
        return found["agreement"] >= self.parity, found, sentence


class LicencesGate(Gate):
    """Every source of every dataset is under one of these licences, and every licence is known."""

    licences: list[str] = Field(min_length=1)

    def check(self, facts: Facts) -> tuple[bool, Mapping[str, Any], str]:
        others = {
            licence: list(sources)
            for licence, sources in facts.licences.items()
            if licence not in self.licences
        }
        evidence = {
            "found": {licence: list(sources) for licence, sources in facts.licences.items()},
            "refused": others,
        }
        found = ", ".join(licence or "unknown" for licence in facts.licences) or "none"
        return not others and bool(facts.licences), evidence, f"licences of the sources: {found}"


class PersonalDataGate(Gate):
    """At most this many pieces of personal data are left in the training text."""

    personal_data: int = Field(ge=0)

    def check(self, facts: Facts) -> tuple[bool, Mapping[str, Any], str]:
        found = dict(facts.personal_data())
        total = sum(found.values())
        return (
            total <= self.personal_data,
            found,
            f"{total} pieces of personal data left, at most {self.personal_data}",
        )


class ProfileGate(Gate):
    """Every figure of a regulator's profile is met by evidence; `rule: wilson` asks it of the interval's nearer end."""

    profile: str
    rule: Literal["point", "wilson"] = "point"

    def check(self, facts: Facts) -> tuple[bool, Mapping[str, Any], str]:
        return facts.profile(self.profile, self.rule)


class AllGate(Gate):
    """Every one of these gates holds. Each is judged, so that all that is wrong is told."""

    all: list[AnyGate] = Field(min_length=1)

    def check(self, facts: Facts) -> tuple[bool, Mapping[str, Any], str]:
        results = [gate.judge(facts) for gate in self.all]
        return all(one.outcome != "failed" for one in results), _parts(results), _sentences(results, "and")


class OneOfGate(Gate):
    """At least one of these gates holds. Each is judged: the evidence shows which."""

    any: list[AnyGate] = Field(min_length=1)

    def check(self, facts: Facts) -> tuple[bool, Mapping[str, Any], str]:
        results = [gate.judge(facts) for gate in self.any]
        return any(one.outcome == "passed" for one in results), _parts(results), _sentences(results, "or")


def _parts(results: Sequence[GateResult]) -> Mapping[str, Any]:
    return {
        "parts": [
            {
                "gate": dict(one.gate),
                "outcome": one.outcome,
                "evidence": dict(one.evidence),
                "sentence": one.sentence,
            }
            for one in results
        ]
    }


def _sentences(results: Sequence[GateResult], between: str) -> str:
    return f" {between} ".join(f"[{one.outcome}] {one.sentence}" for one in results)


GATES: dict[str, type[Gate]] = {
    "metric": MetricGate,
    "parity": ParityGate,
    "licences": LicencesGate,
    "personal_data": PersonalDataGate,
    "profile": ProfileGate,
    "all": AllGate,
    "any": OneOfGate,
}


def _kind(raw: Any) -> str | None:
    if isinstance(raw, Gate):
        return next(key for key, gate in GATES.items() if isinstance(raw, gate))
    found = [key for key in GATES if isinstance(raw, dict) and key in raw]
    if len(found) != 1:
        raise InvalidInput(
            "A gate names exactly one thing to check.",
            got=", ".join(raw) if isinstance(raw, dict) else repr(raw),
            expected="one of: {names}",
            names=", ".join(GATES),
        )
    return found[0]


AnyGate = Annotated[
    Annotated[MetricGate, Tag("metric")]
    | Annotated[ParityGate, Tag("parity")]
    | Annotated[LicencesGate, Tag("licences")]
    | Annotated[PersonalDataGate, Tag("personal_data")]
    | Annotated[ProfileGate, Tag("profile")]
    | Annotated[AllGate, Tag("all")]
    | Annotated[OneOfGate, Tag("any")],
    Discriminator(_kind),
]
AllGate.model_rebuild()
OneOfGate.model_rebuild()


def simple_gates(gates: Sequence[Gate]) -> list[Gate]:
    """The gates with those inside `all` and `any` in place of them."""
    found: list[Gate] = []
    for gate in gates:
        inside = gate.all if isinstance(gate, AllGate) else gate.any if isinstance(gate, OneOfGate) else None
        found += [gate] if inside is None else simple_gates(inside)
    return found


def _metric(facts: Facts, name: str) -> Metric:
    if name not in facts.metrics:
        raise InvalidInput(
            "A gate asks for a metric that was not measured.",
            got=name,
            expected="one of: {names}",
            names=", ".join(facts.metrics) or say("none"),
        )
    return facts.metrics[name]


def judge(gates: Sequence[Gate], facts: Facts) -> list[GateResult]:
    """Every gate's outcome; all are judged, so that one run tells all that is wrong."""
    return [gate.judge(facts) for gate in gates]


def verdict(results: Sequence[GateResult]) -> Outcome:
    """The worst outcome: `failed` refuses the release."""
    outcomes = [result.outcome for result in results]
    return "failed" if "failed" in outcomes else "warned" if "warned" in outcomes else "passed"
