from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from catenary.data import curate, parse_steps
from catenary.errors import InvalidInput, NotFound, Refused

SOURCE = """
def step(text):
    if "bad" in text:
        return None
    return text.upper() if text != "odd" else 1 / 0
"""


def trusted(folder: Path, source: str = SOURCE) -> str:
    (folder / "mine.py").write_text(source)
    return hashlib.sha256(source.encode()).hexdigest()


def test_a_trusted_file_changes_and_drops(tmp_path: Path) -> None:
    settings = {"file": "mine.py", "trust": trusted(tmp_path)}
    done = curate(["a", "bad b", "odd"], [{"custom": settings}], helpers={"folder": lambda: tmp_path})
    assert [(one.text, one.dropped) for one in done.documents] == [
        ("A", None), ("bad b", "custom:step"), ("odd", "custom:failed"),
    ]  # fmt: skip
    assert done.report.steps[-1].notes == {"changed": 1, "failed.ZeroDivisionError": 1}


def test_another_content_is_not_run(tmp_path: Path) -> None:
    settings = {"file": "mine.py", "trust": trusted(tmp_path)}
    trusted(tmp_path, "raise SystemExit")
    with pytest.raises(Refused, match="not the one that is trusted"):
        curate(["a"], [{"custom": settings}], helpers={"folder": lambda: tmp_path})
    (tmp_path / "mine.py").unlink()
    with pytest.raises(NotFound, match="missing"):
        curate(["a"], [{"custom": settings}], helpers={"folder": lambda: tmp_path})


def test_the_recipe_covers_the_source_and_not_its_place(tmp_path: Path) -> None:
    trust = trusted(tmp_path)
    one, other = parse_steps([{"custom": {"file": name, "trust": trust}} for name in ("a.py", "b/c.py")])
    assert one.settings == other.settings == {"function": "step", "source": trust}


@pytest.mark.parametrize(
    "settings", [{"file": "mine.py"}, {}, {"plugin": "a", "file": "b", "trust": "0" * 64}]
)
def test_a_file_needs_trust(settings: object) -> None:
    with pytest.raises(InvalidInput, match="trusted by its digest"):
        parse_steps([{"custom": settings}])


def test_a_plugin_that_nobody_declares() -> None:
    with pytest.raises(InvalidInput, match="No installed package"):
        curate(["a"], [{"custom": {"plugin": "no-such"}}])
