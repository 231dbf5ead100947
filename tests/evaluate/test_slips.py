"""Slips of form are found, and what only looks like one is not."""

from __future__ import annotations

import pytest

from catenary.evaluate.slips import slips


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("He saw the the apple ,and a apple.", ["repeated", "spacing", "article"]),
        ("It works. then it stops.", ["capital"]),
        ("An book (of two was read.", ["article", "brackets"]),
        ("房间很小,不舒服。", ["half_width"]),
        ("我的的房间，，很小", ["repeated", "doubled"]),
        ("他说（好。", ["brackets"]),
        ("He had had an hour, a user and a one-off: 1) fine :)", []),
        ("That is 3.5, e.g. this ... An MP and an FBI man.", []),
        ("爸爸说：“看看书，好吗？”……", []),
        ("", []),
    ],
)
def test_slips(text: str, kinds: list[str]) -> None:
    assert [slip.kind for slip in slips(text)] == kinds
