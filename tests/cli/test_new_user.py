"""A new user's first five minutes, as the pages tell them: each command that they show is typed here."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from catenary.config import Home
from catenary.data.shards import read_split
from catenary.store import Store
from tests.cli.conftest import Catenary
from tests.notes import TEA

DOCS = Path(__file__).parents[2] / "docs"
CORRECTED = "绿茶用八十度的水，泡三分钟，不要超过五分钟。"
MORE = {
    "sources": {"corrections": {"path": "corrections/CC0-1.0", "licence": "CC0-1.0", "consent": "training"}},
    "datasets": {"corrections": {"from": ["corrections"]}},
}


def typed(page: str) -> list[list[str]]:
    """The commands of a page's consoles that a new user types, `catenary` and comments left out."""
    blocks = re.findall(r"```console\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("$ catenary ")]
    told = [shlex.split(line.removeprefix("$ catenary "), comments=True) for line in lines]
    first = ("run", "ask notes", "trace --last", "feedback")
    wanted = [one for one in told if " ".join(one).startswith(first)]
    return list(dict.fromkeys(map(tuple, wanted)))  # type: ignore[arg-type]


@pytest.mark.parametrize("page", ["applications.md", "notes.zh.md"])
def test_a_folder_of_markdown_answers_and_a_correction_comes_into_the_next_dataset(
    page: str, tmp_path: Path, catenary: Catenary
) -> None:
    text = (DOCS / page).read_text("utf-8")
    chain = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)[0]
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/tea.md").write_text(TEA, "utf-8")
    (tmp_path / "catenary.yaml").write_text(chain, "utf-8")
    commands = [one for one in typed(page) if "--unreleased" in one or one[0] != "ask"]
    assert [one[0] for one in commands[:3]] == ["run", "ask", "trace"]
    assert {"correct", "list", "accept", "export"} == {one[1] for one in commands if one[0] == "feedback"}
    for command in commands:
        told = catenary(tmp_path, *command)
        assert told.code == 0, told.err
        if command[0] == "ask":
            shown = re.findall(r"绿茶用八十度的水冲泡.*\[1\]", text)
            assert shown[0] in told.out
        if command[0] == "trace":
            assert "tea.md" in told.out

    next_chain = yaml.safe_load(chain)
    for section, links in MORE.items():
        next_chain[section] |= links
    (tmp_path / "catenary.yaml").write_text(yaml.safe_dump(next_chain, allow_unicode=True), "utf-8")
    assert catenary(tmp_path, "run", "datasets.corrections").code == 0
    made = catenary(tmp_path, "show", "datasets.corrections", "--json").json["id"]
    with Store.open(Home.of(tmp_path, {})) as store:
        [row] = read_split(store.get(made).path, "train").to_pylist()
    assert CORRECTED in row["text"]
    assert (row["licence"], row["consent"]) == ("CC0-1.0", "training")


def test_a_correction_needs_an_answer_and_a_licence(tmp_path: Path, catenary: Catenary) -> None:
    (tmp_path / "catenary.yaml").write_text("schema: 1\nproject: {name: notes}\n", "utf-8")
    terms = ("--licence", "CC0-1.0")
    assert "Nothing has been answered" in catenary(tmp_path, "feedback", "correct", "--last", "x", *terms).err
    assert "Which answer" in catenary(tmp_path, "feedback", "correct", "x", *terms).err
    assert catenary(tmp_path, "feedback", "correct", "rcpt_0", "x", *terms).code != 0
    assert catenary(tmp_path, "feedback", "correct", "--last", "x").code != 0
