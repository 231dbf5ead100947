from __future__ import annotations

import pytest

from catenary.data import STEPS, parse_steps
from catenary.digest import digest
from catenary.errors import InvalidInput

CHAIN = [
    "normalise",
    {"language": ["zh"]},
    {"length": {"min_chars": 4}},
    {"redact": ["phone", "email", "id_number"]},
    {"dedup": {"near": 0.8}},
]


def test_the_list_of_a_chain_file() -> None:
    steps = parse_steps(CHAIN)
    assert [step.name for step in steps] == ["normalise", "language", "length", "redact", "dedup"]
    assert steps[0].settings == {"unicode": "nfkc", "punctuation": "keep", "whitespace": "lines"}
    assert steps[1].settings == {"languages": ["zh"], "keep_undetermined": False}
    assert steps[3].settings == {"kinds": ["email", "id_number", "phone"], "replace": "placeholder"}
    assert all(step.version == STEPS[step.name].version for step in steps)
    assert digest([step.settings for step in steps]) == digest([step.settings for step in parse_steps(CHAIN)])


def test_settings_are_canonical() -> None:
    one, other = parse_steps([{"language": ["zh", "en", "zh"]}, {"language": {"languages": ["en", "zh"]}}])
    assert one.settings == other.settings


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        ("normalize", "did you mean `normalise`"),
        ({"dedup": {"nere": 0.8}}, "did you mean `near`"),
        ({"redact": ["phones"]}, "did you mean `phone`"),
        ({"dedup": {"near": 1.5}}, "cannot be used"),
        ({"dedup": {"near": "much"}}, "steps.dedup.near"),
        ({"length": 4}, "cannot be used"),
        ({"length": {"min_chars": "4"}}, "steps.length.min_chars"),
        ("language", "missing"),
        ({"normalise": {}, "length": {}}, "a name with its settings"),
        (7, "a name with its settings"),
    ],
)
def test_what_cannot_be_is_refused_by_name(raw: object, word: str) -> None:
    with pytest.raises(InvalidInput, match=word):
        parse_steps([raw])
