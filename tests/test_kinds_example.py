"""The sets of examples/kinds hold what its tables say of them, and what code says there is as told in its README."""

from __future__ import annotations

import csv
import importlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from catenary.apps.rubric import Rubric, marks

EXAMPLE = Path(__file__).parents[1] / "examples/kinds"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the example that the scripts run in."""
    folder = tmp_path / "kinds"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("data", "out", ".catenary", "__pycache__"))
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
            del sys.modules[name]


def script(name: str) -> ModuleType:
    return importlib.import_module(name)


def test_programs_pass_their_tests_and_fail_with_the_slip(here: Path) -> None:
    prepare, measure = script("prepare_sets"), script("measure_code")
    for row in yaml.safe_load((here / "sets/programs.yaml").read_text("utf-8")):
        program = row["head"] + prepare.indented(row["body"])
        slipped = program.replace(row["slip"]["was"], row["slip"]["is"])
        assert measure.passes(program, row["tests"]), program
        assert measure.passes(slipped, row["tests"]) != row.get("shown", True), slipped


def test_a_program_of_a_model_is_bounded_and_can_write_nothing(here: Path) -> None:
    measure = script("measure_code")
    told = here / "told.txt"
    assert measure.passes("x = 1", "assert x == 1")
    measure.passes(f"open({str(told)!r}, 'w').write('x')", "")
    assert not measure.passes("x = bytearray(1 << 30)", "")
    assert not measure.passes("while True: pass", "")
    assert not told.exists() or not told.read_bytes()


def test_what_a_model_goes_on_with_is_made_a_program(here: Path) -> None:
    measure = script("measure_code")
    start = 'def twice(n):\n    """Return n twice."""\n'
    for said in (
        "    return 2 * n\n\nprint(twice(x))",
        "Here it is:\n```python\ndef twice(n):\n    return 2 * n\nprint(oops)\n```\nGood luck!",
        "def twice(n):\n\n    return 2 * n\n```\nIt doubles.",
        "return 2 * n",
    ):
        assert measure.passes(measure.completed(start, said), "assert twice(4) == 8"), said
    assert not measure.passes(measure.completed(start, "I cannot."), "assert twice(4) == 8")


def test_the_rules_mark_as_the_readme_says(here: Path) -> None:
    measure = script("measure_tutor")
    same = answers = 0
    pairs = []
    for name in measure.QUESTIONS:
        rubric = Rubric.model_validate(yaml.safe_load((here / f"rubrics/{name}.yaml").read_text("utf-8")))
        for row in yaml.safe_load((here / "sets/answers.yaml").read_text("utf-8"))[name]["answers"]:
            said = sum(one.got or 0 for one in marks(rubric, row["text"]))
            same, answers = same + (said == sum(row["marks"])), answers + 1
            pairs.append(measure.sums([sum(row["marks"])], [said]))
    readme = (EXAMPLE / "README.md").read_text("utf-8")
    assert f"| rules | {answers} | **{measure.kappa(measure.np.sum(pairs, axis=0)):.3f}**" in readme
    assert f"**{same / answers:.3f}**" in readme


def test_everything_to_be_asked_is_prepared(here: Path) -> None:
    script("prepare_sets").main()
    rows = {path.stem: list(csv.DictReader(path.open(encoding="utf-8"))) for path in here.glob("data/*.csv")}
    counts = {name: len(told) for name, told in rows.items()}
    assert counts["email"] + counts["product"] + counts["article"] == 36
    assert (counts["complete"], counts["review"], counts["document"]) == (32, 64, 32)
    assert (counts["leaf"], counts["notes"], counts["stream"]) == (16, 32, 400)
    learnt = {
        line for path in here.glob("data/stream/*.txt") for line in path.read_text("utf-8").splitlines()
    }
    assert learnt.isdisjoint(row["text"] for row in rows["stream"])
    write = script("measure_write")
    for form in write.FORMS:
        for row in rows[form]:  # the control says all that its brief wants said
            held = write.checked(form, row, write.framed(form, row))
            assert held["said"], row
            assert held["form"], row
