"""The six roles and what they exclude."""

from __future__ import annotations

import pytest

from catenary.access import CONFLICTS, ROLES, conflict, role
from catenary.errors import InvalidInput


def test_the_roles_are_those_of_the_field() -> None:
    assert list(ROLES) == [
        "researcher",
        "data_engineer",
        "training_engineer",
        "app_developer",
        "business",
        "compliance",
    ]
    assert all(role(name).name == name and "sign" in role(name).may and role(name).attests for name in ROLES)


def test_who_checks_did_not_make() -> None:
    assert conflict({"data_engineer", "training_engineer", "researcher"}) is None
    assert conflict({"data_engineer", "compliance"}) == ("compliance", "data_engineer")
    assert conflict({"compliance"}) is None
    assert all(pair <= ROLES.keys() and len(pair) == 2 for pair in CONFLICTS)


@pytest.mark.parametrize(
    ("name", "told"), [("complience", "perhaps compliance"), ("xyz", "one of researcher")]
)
def test_an_unknown_role_names_the_nearest(name: str, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        role(name)
