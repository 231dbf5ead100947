"""Digests: equal values have equal digests, different values and types never."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catenary.digest import digest, file_sha256, text_sha256
from catenary.errors import InvalidInput

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def tagged(value: Any) -> Any:
    """The value with its types spelt out: equal exactly where digests must be."""
    if isinstance(value, dict):
        return ("map", tuple(sorted((key, tagged(item)) for key, item in value.items())))
    if isinstance(value, list):
        return ("list", tuple(tagged(item) for item in value))
    return (type(value).__name__, repr(value + 0.0) if isinstance(value, float) else repr(value))


@given(VALUES, VALUES)
def test_digests_are_equal_exactly_where_values_are(one: Any, other: Any) -> None:
    assert (digest(one) == digest(other)) == (tagged(one) == tagged(other))


@given(st.dictionaries(st.text(max_size=4), st.integers(), min_size=2, max_size=6))
def test_the_order_of_keys_does_not_matter(value: dict[str, int]) -> None:
    assert digest(value) == digest(dict(reversed(value.items())))


@pytest.mark.parametrize(
    ("one", "other"), [(1, 1.0), (1, True), ("1", 1), ([], {}), ("", b""), (["ab"], ["a", "b"])]
)
def test_values_that_look_alike_differ(one: Any, other: Any) -> None:
    assert digest(one) != digest(other)


def test_minus_nought_is_nought() -> None:
    assert digest(-0.0) == digest(0.0)


@pytest.mark.parametrize("value", [float("nan"), {1: 2}, object(), {"a": {1, 2}}])
def test_what_has_no_digest_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInput):
        digest(value)


def test_a_digest_is_the_same_in_every_process_and_for_ever() -> None:
    value = {"stage": "curate", "settings": {"near": 0.8, "kinds": ["phone", "邮箱"]}, "n": None}
    fixed = "a9b3d9da405c57a6062341ffda710a8d7a63247de3c0b9a68f382d46ccbfcf26"
    code = f"from catenary.digest import digest; print(digest({value!r}))"
    seen = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert seen == {digest(value)} == {fixed}


def test_files_and_texts(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes("悬链".encode())
    assert file_sha256(path) == text_sha256("悬链")
    assert text_sha256("\ud800")  # a lone surrogate has a digest too
