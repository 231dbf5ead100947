"""A template is a chain that stands as it is."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from catenary.cli.init import TEMPLATES
from tests.cli.conftest import Catenary

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_is_a_chain_that_can_be_planned(
    catenary: Catenary, tmp_path: Path, template: str
) -> None:
    said = catenary(tmp_path, "init", template)
    assert (said.code, said.err) == (0, "")
    assert "catenary plan" in said.out
    for name in ("data/ham/1.txt", "data/spam/1.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("some text of our own", "utf-8")
    assert catenary(tmp_path, "check").code == 0
    planned = catenary(tmp_path, "plan", "--json")
    assert planned.code == 0, planned.err
    assert not any(link["reused"] for link in planned.json["links"])


def test_where_the_texts_go_is_told_before_anything_is_missing(catenary: Catenary, tmp_path: Path) -> None:
    assert "data/ham/*.txt" in catenary(tmp_path, "init", "classify").out
    assert "data" not in catenary(tmp_path, "init", "reviews", "--into", "b").out


def test_what_is_there_is_not_overwritten(catenary: Catenary, tmp_path: Path) -> None:
    (tmp_path / "catenary.yaml").write_text("mine", "utf-8")
    said = catenary(tmp_path, "init")
    assert said.code == 4
    assert "it is not overwritten" in said.err
    assert (tmp_path / "catenary.yaml").read_text("utf-8") == "mine"


def test_into_another_folder(catenary: Catenary, tmp_path: Path) -> None:
    assert catenary(tmp_path, "init", "reviews", "--into", "a/b").code == 0
    assert (tmp_path / "a" / "b" / "catenary.yaml").is_file()


def test_the_list_names_every_template(catenary: Catenary, tmp_path: Path) -> None:
    said = catenary(tmp_path, "init", "--list")
    assert [line.split()[0] for line in said.out.splitlines()] == list(TEMPLATES)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["reviews", "entities"])
def test_the_template_of_the_example_is_the_example(name: str) -> None:
    template = files("catenary").joinpath("templates", f"{name}.yaml").read_bytes()
    assert template == (EXAMPLES / name / "catenary.yaml").read_bytes()
