"""A mistake in the chain file is told with its line, its key and the name that was meant."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Catenary
from tests.stages.mail import CHAIN
from tests.stages.mail import catenary as in_a_process


def line_of(text: str, part: str) -> int:
    """The number of the first line that holds `part`."""
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


def write(folder: Path, old: str, new: str) -> str:
    assert old in CHAIN
    text = CHAIN.replace(old, new)
    (folder / "catenary.yaml").write_text(text, "utf-8")
    return text


def test_a_chain_without_mistakes(catenary: Catenary, made: Path) -> None:
    assert catenary(made, "check").out == "catenary.yaml: 10 links, no mistakes\n"
    assert catenary(made, "check", "--json").json["links"][:2] == ["sources.folders", "sources.table"]


@pytest.mark.parametrize(
    ("old", "new", "at", "told"),
    [
        ("vocab_size: 400", "vocab_sise: 400", "vocab_sise", "did you mean `vocab_size`?"),
        ("datasets:", "dataset:", "dataset:", "did you mean `datasets`?"),
        ("init: base", "init: bass", "init: bass", "one of: base"),
        (
            "hidden_size: 16",
            "hidden_size: wide",
            "hidden_size: wide",
            "`models.base.hidden_size` cannot be this.",
        ),
        ("epochs: 1\n", "epochs: 0\n", "epochs: 0", "greater than or equal to 1"),
        ("family: linear", "family: liner", "family: liner", "did you mean `linear`?"),
        ("min_chars: 12", "min_char: 12", "min_char: 12", "min_chars"),
        ("{parity: 0.9}", "{parity: 9}", "{parity: 9}", "parity"),
        ("quality.kind.accuracy, at_least", "quality.kid.accuracy, at_least", "quality.kid", "kind"),
        ("{personal_data: 0}", "{personal_date: 0}", "personal_date", "personal_data"),
        ("on: mail.test", "on: mail.tests", "mail.tests", "reviews.test"),
        ("[data_engineer, compliance]", "[data_enginer, compliance]", "data_enginer", "data_engineer"),
        ("{release: kind}", "{release: kin}", "{release: kin}", "one of: kind"),
        ("${vars.seed}", "${vars.sed}", "${vars.sed}", "${vars.seed}"),
        ("licence: MIT", "license: MIT", "license: MIT", "did you mean `licence`?"),
        ("accuracy, at_least: 0.3", "accuracy, at_leest: 0.3", "at_leest", "did you mean `at_least`?"),
        ("{near: 0.8}", "{near: 8}", "{near: 8}", "a number less than 1"),
        ("from: [folders, table]", "from: [folders, tabel]", "tabel", "one of: table"),
        ("[accuracy, f1, confusion]", "[acuracy]", "acuracy", "did you mean `accuracy`?"),
        ("quantise: int8", "quantise: int7", "quantise: int7", "did you mean `int8`?"),
        (
            "task: classify, from: mail, ep",
            "task: clasify, from: mail, ep",
            "clasify",
            "did you mean `classify`?",
        ),
        ("languages: [en]", "languages: en", "languages: en", "a list"),
        ("family: linear, task", "family: linear, text", "family: linear", "is not known here"),
    ],
)
def test_a_mistake_is_told_with_its_place(
    catenary: Catenary, tmp_path: Path, old: str, new: str, at: str, told: str
) -> None:
    text = write(tmp_path, old, new)
    said = catenary(tmp_path, "check")
    assert said.code == 2, said.err
    assert f"catenary.yaml:{line_of(text, at)}:" in said.err
    assert told in said.err
    assert "Traceback" not in said.err


def test_the_same_in_chinese(tmp_path: Path) -> None:
    text = write(tmp_path, "vocab_size: 400", "vocab_sise: 400")
    said = in_a_process(tmp_path, "--lang", "zh", "check")
    assert said.returncode == 2
    assert "错误" in said.stderr
    assert "`vocab_sise`" in said.stderr
    assert "`vocab_size`" in said.stderr
    assert f"catenary.yaml:{line_of(text, 'vocab_sise')}:" in said.stderr
    assert "did you mean" not in said.stderr


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("vocab_size: 400", "vocab_size: many", "有效的整数"),
        ("quantise: int8", "quantise: int7", "是否想写 `int8`？"),
        ("{near: 0.8}", "{near: 8}", "小于 1"),
        ("languages: [en]", "languages: en", "列表"),
    ],
)
def test_what_was_expected_is_told_in_chinese(
    catenary: Catenary, tmp_path: Path, old: str, new: str, told: str
) -> None:
    write(tmp_path, old, new)
    said = catenary(tmp_path, "--lang", "zh", "check")
    assert told in said.err
    assert "should be" not in said.err


def test_for_machines_an_error_is_english_json(catenary: Catenary, tmp_path: Path) -> None:
    write(tmp_path, "init: base", "init: bass")
    said = catenary(tmp_path, "--lang", "zh", "check", "--json")
    assert (said.code, said.out) == (2, "")
    error = json.loads(said.err)["error"]
    assert error["what"] == "There is no `bass` in `models`."
    assert error["got"] == "bass"


def test_a_link_stands_only_on_links_before_it(catenary: Catenary, tmp_path: Path) -> None:
    write(tmp_path, "  base:\n", "  early: {init: base, task: classify, from: mail}\n  base:\n")
    assert "is declared further down" in catenary(tmp_path, "check").err


def test_a_folder_without_a_chain(catenary: Catenary, tmp_path: Path) -> None:
    said = catenary(tmp_path, "check")
    assert said.code == 3
    assert "catenary init" in said.err


def test_a_source_whose_files_are_gone(catenary: Catenary, tmp_path: Path) -> None:
    (tmp_path / "catenary.yaml").write_text(CHAIN, "utf-8")
    assert catenary(tmp_path, "check").code == 0
    said = catenary(tmp_path, "plan")
    assert said.code == 3
    assert "docs/*.txt" in said.err
    assert f"catenary.yaml:{line_of(CHAIN, 'folders:')}:" in said.err
    assert str(tmp_path / "mail") in said.err


def test_an_unknown_command_and_an_unknown_option(catenary: Catenary, made: Path) -> None:
    said = catenary(made, "chek")
    assert (said.code, "did you mean `check`?" in said.err) == (1, True)
    assert catenary(made, "check", "--jsn").code == 2
