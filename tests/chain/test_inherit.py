"""Which passes a model hands down to what is made of it."""

from __future__ import annotations

import pytest

from catenary.chain.gates import GATES
from catenary.chain.inherit import DERIVATIONS, RULES, inherited, rule_for

PASSES = {"licences": True, "personal_data": True, "metric": True, "parity": True, "profile": True}


def test_every_simple_gate_has_a_rule_for_every_derivation() -> None:
    assert set(RULES) == set(GATES) - {"all", "any"}
    assert all(set(rules) == set(DERIVATIONS) for rules in RULES.values())


@pytest.mark.parametrize(
    ("derivation", "agreement", "kept"),
    [
        ("quantised", 0.995, {"licences", "personal_data", "metric", "profile"}),
        ("quantised", 0.98, {"licences", "personal_data"}),
        ("quantised", None, {"licences", "personal_data"}),
        ("merged", 1.0, {"licences", "personal_data", "metric", "profile"}),
        ("pruned", 1.0, {"licences", "personal_data"}),
        ("distilled", 1.0, set()),
        ("tuned", 1.0, set()),
        ("unheard of", 1.0, set()),
    ],
)
def test_what_is_kept(derivation: str, agreement: float | None, kept: set[str]) -> None:
    found = inherited(PASSES, derivation, agreement=agreement)
    assert {gate for gate, passed in found.items() if passed} == kept


def test_what_failed_is_never_inherited() -> None:
    assert not any(inherited(dict.fromkeys(PASSES, False), "quantised", agreement=1.0).values())
    assert rule_for("licences", "quantised") == "inherit"
