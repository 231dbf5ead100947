"""What becomes of a passed gate when a model is made of the one that passed.

    rule_for("metric", "quantised")     # "parity": kept where the two answer alike often enough
    rule_for("metric", "distilled")     # "void": a student is another model and is measured itself

A rule is data, so that a reviewer can read all of them here.

    inherit    the pass holds: nothing that it speaks of has changed
    parity     the pass holds where the child agrees with the parent on enough held-out items
    void       the pass does not hold: the child is judged anew
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

Derivation = Literal["quantised", "pruned", "merged", "distilled", "tuned"]
Rule = Literal["inherit", "parity", "void"]
DERIVATIONS: tuple[Derivation, ...] = get_args(Derivation)

# Licences, personal data and corpus figures are the data's: compression and merging add none; learning
# from a teacher or
# from more text does. Figures of answers are the model's.
_OF_DATA: Mapping[Derivation, Rule] = {
    "quantised": "inherit", "pruned": "inherit", "merged": "inherit", "distilled": "void", "tuned": "void",
}  # fmt: skip
_OF_ANSWERS: Mapping[Derivation, Rule] = {
    "quantised": "parity", "pruned": "void", "merged": "parity", "distilled": "void", "tuned": "void",
}  # fmt: skip
RULES: Mapping[str, Mapping[Derivation, Rule]] = {
    "licences": _OF_DATA,
    "personal_data": _OF_DATA,
    "metric": _OF_ANSWERS,
    "profile": _OF_ANSWERS,
    "parity": dict.fromkeys(DERIVATIONS, "void"),  # of one export: never another's
}


def rule_for(gate: str, derivation: str) -> Rule:
    """The rule for a gate's pass; void for a derivation that no rule speaks of."""
    for known, rule in RULES[gate].items():
        if known == derivation:
            return rule
    return "void"


def inherited(
    passes: Mapping[str, bool], derivation: str, *, agreement: float | None, least: float = 0.99
) -> dict[str, bool]:
    """gate → whether the child still passes. `agreement`: share of held-out items answered alike; None:
    not measured."""
    kept = {}
    for gate, passed in passes.items():
        rule = rule_for(gate, derivation)
        alike = agreement is not None and agreement >= least
        kept[gate] = passed and (rule == "inherit" or (rule == "parity" and alike))
    return kept
