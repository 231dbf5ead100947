"""The examples of the pages that people read first run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from catenary.chain.spec import load
from catenary.stages import STAGES

ROOT = Path(__file__).parents[2]
PAGES = (
    "README.md",
    "README.zh-CN.md",
    "docs/structure.md",
    "docs/applications.md",
    "docs/finetuning.md",
    "docs/sources.md",
    "docs/sources.zh.md",
    "docs/notes.zh.md",
)


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)


@pytest.mark.parametrize("page", PAGES)
def test_the_python_of_the_page_runs(page: str) -> None:
    for block in blocks(page, "python"):
        exec(compile(block, page, "exec"), {})


def test_the_craft_of_the_structure_page_does_what_it_shows() -> None:
    [block] = blocks("docs/structure.md", "python")
    names: dict[str, object] = {}
    exec(compile(block, "structure.md", "exec"), names)
    kept = names["kept"]
    assert "酒店很好，下次还来。" in repr(kept)


@pytest.mark.parametrize("page", PAGES)
def test_the_chain_of_the_page_has_no_mistakes(page: str, tmp_path: Path) -> None:
    for block in blocks(page, "yaml"):
        (tmp_path / "catenary.yaml").write_text(block, "utf-8")
        assert load(tmp_path / "catenary.yaml", STAGES).links
