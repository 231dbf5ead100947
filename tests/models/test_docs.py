"""docs/models.md says what is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.models.families_table import PAGE, page_with_table


def test_the_table_of_families_is_up_to_date() -> None:
    page = PAGE.read_text("utf-8")
    assert page == page_with_table(page), "python -m tests.models.families_table"


def test_the_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    exec(example, {})
    printed = capsys.readouterr().out.strip()
    assert printed == re.search(r"print\(.*?# (.*)", example)[1]  # type: ignore[index]
