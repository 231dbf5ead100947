"""Gates: what passes, what is refused, what evidence is kept, and what is refused as a gate."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import TypeAdapter

from catenary.chain.gates import AnyGate, Comparison, Facts, Gate, Metric, judge, simple_gates, verdict
from catenary.errors import InvalidInput

FACTS = Facts(
    metrics={
        "quality.encoder.accuracy": Metric(0.87, 0.85, 0.89, 1700),
        "quality.linear.accuracy": Metric(0.86, 0.84, 0.88, 1700),
        "quality.encoder.f1": Metric(0.80, 0.78, 0.82, 1700),
    },
    comparisons={
        ("quality.encoder.accuracy", "quality.linear.accuracy"): Comparison(0.01, -0.005, 0.025, 0.2, 1700),
        ("quality.linear.accuracy", "quality.encoder.accuracy"): Comparison(-0.01, -0.025, 0.005, 0.2, 1700),
    },
    parity=lambda: {"agreement": 0.998, "n": 1700},
    licences={"MIT": ["reviews"], "CC-BY-4.0": ["news"]},
    personal_data=lambda: {"phone": 2},
)


def some(**changes: Any) -> Facts:
    return replace(FACTS, **changes)


def gate(raw: dict[str, Any]) -> Gate:
    return TypeAdapter(AnyGate).validate_python(raw)


@pytest.mark.parametrize(
    ("raw", "outcome"),
    [
        ({"metric": "quality.encoder.accuracy", "at_least": 0.87}, "passed"),
        ({"metric": "quality.encoder.accuracy", "at_least": 0.88}, "failed"),
        ({"metric": "quality.encoder.accuracy", "at_least": 0.86, "rule": "interval"}, "failed"),
        ({"metric": "quality.encoder.accuracy", "at_least": 0.85, "rule": "interval"}, "passed"),
        ({"metric": "quality.encoder.f1", "at_most": 0.81}, "passed"),
        ({"metric": "quality.encoder.f1", "at_most": 0.81, "rule": "interval"}, "failed"),
        ({"metric": "quality.encoder.accuracy", "better_than": "quality.linear.accuracy"}, "failed"),
        (
            {"metric": "quality.encoder.accuracy", "better_than": "quality.linear.accuracy", "p_below": 0.3},
            "passed",
        ),
        (
            {"metric": "quality.linear.accuracy", "better_than": "quality.encoder.accuracy", "p_below": 0.3},
            "failed",
        ),
        ({"parity": 0.995}, "passed"),
        ({"parity": 0.999}, "failed"),
        ({"licences": ["MIT", "CC-BY-4.0"]}, "passed"),
        ({"licences": ["MIT"]}, "failed"),
        ({"personal_data": 2}, "passed"),
        ({"personal_data": 0}, "failed"),
        ({"personal_data": 0, "on_fail": "warn"}, "warned"),
    ],
)
def test_outcomes(raw: dict[str, Any], outcome: str) -> None:
    [result] = judge([gate(raw)], FACTS)
    assert result.outcome == outcome
    assert result.evidence
    assert result.sentence


@pytest.mark.parametrize(("difference", "outcome"), [(-0.5, "passed"), (0.5, "failed")])
def test_of_a_perplexity_the_smaller_one_is_better(difference: float, outcome: str) -> None:
    names = ("fluency.writer.perplexity", "fluency.trigram.perplexity")
    facts = Facts(
        metrics={name: Metric(9.0, 8.0, 10.0, 100) for name in names},
        comparisons={names: Comparison(difference, difference - 0.1, difference + 0.1, 0.001, 100)},
    )
    [result] = judge([gate({"metric": names[0], "better_than": names[1]})], facts)
    assert result.outcome == outcome


def test_no_source_at_all_is_no_known_licence() -> None:
    assert judge([gate({"licences": ["MIT"]})], Facts())[0].outcome == "failed"


def test_the_worst_outcome_decides() -> None:
    warned, passed, failed = {"personal_data": 0, "on_fail": "warn"}, {"parity": 0.9}, {"parity": 1.0}
    assert verdict(judge([gate(passed), gate(warned)], FACTS)) == "warned"
    assert verdict(judge([gate(warned), gate(failed), gate(passed)], FACTS)) == "failed"
    assert verdict([]) == "passed"


@pytest.mark.parametrize(
    "raw",
    [
        {"metric": "quality.encoder.accuracy"},
        {"metric": "a.b.c", "at_least": 1, "at_most": 2},
        {"parity": 0.9, "licences": ["MIT"]},
        {"acuracy": 0.9},
        {},
    ],
)
def test_a_gate_says_one_thing(raw: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        gate(raw)


@pytest.mark.parametrize(
    "raw",
    [
        {"metric": "quality.encoder.mcc", "at_least": 0.5},
        {"metric": "quality.encoder.f1", "better_than": "quality.linear.accuracy"},
    ],
)
def test_what_was_not_measured_cannot_pass(raw: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        judge([gate(raw)], FACTS)


def test_costly_facts_are_gathered_only_where_a_gate_asks() -> None:
    def never() -> dict[str, Any]:
        raise AssertionError("nobody asked")

    facts = Facts(metrics=FACTS.metrics, parity=never, personal_data=never)
    assert judge([gate({"metric": "quality.encoder.f1", "at_least": 0.5})], facts)[0].outcome == "passed"


def test_gates_compose() -> None:
    good, bad = {"licences": ["MIT", "CC-BY-4.0"]}, {"personal_data": 0}
    cases: list[tuple[dict[str, Any], str]] = [
        ({"all": [good, good]}, "passed"),
        ({"all": [good, bad]}, "failed"),
        ({"any": [bad, good]}, "passed"),
        ({"any": [bad, bad]}, "failed"),
        ({"any": [bad, {"all": [good, {"parity": 0.9}]}]}, "passed"),
        ({"any": [bad, {"all": [good, bad]}]}, "failed"),
        ({"all": [good, bad | {"on_fail": "warn"}]}, "passed"),
        ({"any": [bad], "on_fail": "warn"}, "warned"),
    ]
    for raw, outcome in cases:
        assert judge([gate(raw)], FACTS)[0].outcome == outcome, raw
    [told] = judge([gate({"any": [bad, good]})], FACTS)
    assert [part["outcome"] for part in told.evidence["parts"]] == ["failed", "passed"]
    assert told.evidence["parts"][0]["evidence"] == {"phone": 2}


def test_gates_inside_others_are_found() -> None:
    nested = gate({"all": [{"parity": 0.9}, {"any": [{"personal_data": 0}, {"licences": ["MIT"]}]}]})
    names = [type(one).__name__ for one in simple_gates([nested])]
    assert names == ["ParityGate", "PersonalDataGate", "LicencesGate"]


def test_a_compressed_model_keeps_a_pass_only_where_it_answers_alike() -> None:
    metric = {"metric": "quality.encoder.accuracy", "at_least": 0.8}
    for agreement, least, outcome in (
        (0.998, 0.99, "passed"),
        (0.97, 0.99, "failed"),
        (0.97, 0.95, "passed"),
    ):
        facts = some(derived="quantised", parity=lambda found=agreement: {"agreement": found, "n": 100})
        [told] = judge([gate(metric | {"inherits": least})], facts)
        assert told.outcome == outcome
        assert told.evidence["rule"] == "parity"
    [told] = judge([gate(metric)], some(derived="distilled"))
    assert (told.outcome, told.evidence["rule"]) == ("failed", "void")
    assert judge([gate(metric)], some(derived="quantised", least_agreement=0.999))[0].outcome == "failed"


def test_a_profile_is_asked_by_its_rule() -> None:
    asked: list[tuple[str, str]] = []

    def profile(name: str, rule: str) -> tuple[bool, dict[str, Any], str]:
        asked.append((name, rule))
        return rule == "point", {"profile": name}, name

    facts = some(profile=profile)
    results = judge([gate({"profile": "tc260-003"}), gate({"profile": "tc260-003", "rule": "wilson"})], facts)
    assert [one.outcome for one in results] == ["passed", "failed"]
    assert asked == [("tc260-003", "point"), ("tc260-003", "wilson")]
    assert judge([gate({"profile": "tc260-003"})], FACTS)[0].outcome == "failed"
