"""The six roles: what each may do, what its signature on a release says, and which two exclude each other.

Who holds which is in `people.py`. The roles are data, for the console to show and the chain to ask:

    >>> "sign" in role("compliance").may, conflict({"compliance", "business"})
    (True, ('business', 'compliance'))
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import combinations
from typing import Literal

from catenary.errors import InvalidInput

Action = Literal["run", "sign", "serve", "remove", "revoke", "audit", "grant", "usage", "encrypt"]


@dataclass(frozen=True, slots=True)
class Role:
    """A role: its name, what it may do, and what its signature on a release says (a message)."""

    name: str
    title: str
    may: frozenset[Action]
    attests: str


ROLES: dict[str, Role] = {
    role.name: role
    for role in (
        Role(
            "researcher",
            "Basic research",
            frozenset({"run", "sign"}),
            "The method and its controls are sound, and the figures are reported as they were measured.",
        ),
        Role(
            "data_engineer",
            "Data engineering",
            frozenset({"run", "sign", "remove"}),
            "The documents, their licences and what was dropped from them are as the data's report says.",
        ),
        Role(
            "training_engineer",
            "Training engineering",
            frozenset({"run", "sign", "remove"}),
            "The model was trained and compressed as its settings say, and answers as the trained one does.",
        ),
        Role(
            "app_developer",
            "Application development",
            frozenset({"run", "sign", "serve"}),
            "The release does what its applications need, and its limits are shown to their users.",
        ),
        Role(
            "business",
            "Business",
            frozenset({"sign", "usage"}),
            "The release may be offered to customers on the terms that are published.",
        ),
        Role(
            "compliance",
            "Safety and compliance",
            frozenset({"sign", "revoke", "audit", "grant", "usage", "encrypt"}),
            "The gates, their evidence and the licences were reviewed, and the risks that remain are accepted.",
        ),
    )
}

# Pairs that one person may not sign for on one release: who checks is not who made or sells.
CONFLICTS: frozenset[frozenset[str]] = frozenset(
    frozenset({"compliance", other}) for other in ROLES if other != "compliance"
)


def role(name: str) -> Role:
    """The role of this name. Raises InvalidInput, with the nearest name."""
    if name in ROLES:
        return ROLES[name]
    near = get_close_matches(name, ROLES, n=1)
    raise InvalidInput(
        "There is no such role.",
        got=name,
        expected="one of {names}; perhaps {nearest}" if near else "one of {names}",
        nearest=near[0] if near else "",
        names=", ".join(ROLES),
    )


def conflict(held: Collection[str]) -> tuple[str, str] | None:
    """Two of these roles that one person may not sign for on one release; None when there are no such two."""
    return next((pair for pair in combinations(sorted(held), 2) if frozenset(pair) in CONFLICTS), None)
