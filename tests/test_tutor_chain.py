"""A tutor that marks and one that lays out a path, through a chain: checked, asked in the terminal and over HTTP."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.serve.chains import serving
from tests.stages.mail import catenary

CHAIN = """\
schema: 1
project: {name: school, languages: [zh, en]}
apps:
  marker: {kind: tutor, do: mark, rubric: leaf.yaml}
  course: {kind: tutor, do: path, topics: sums.yaml}
"""
RUBRIC = """\
criteria:
  - {id: gas, points: 2, description: Names the gas, any: [oxygen, 氧气]}
  - {id: warm, points: 1, description: Says how warm, number: {value: 25, tolerance: 2}}
"""
TOPICS = "topics:\n  counting:\n  addition: [counting]\n  fractions: [addition]\n"
ANSWER = "Leaves give off oxygen."
MARKED = """\
Names the gas: 2 of 2
  “oxygen” (16–22)
Says how warm: 0 of 1
  missing: the number 25 (± 2)
Total: 2 of 3"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "catenary.yaml").write_text(CHAIN, "utf-8")
    (tmp_path / "leaf.yaml").write_text(RUBRIC, "utf-8")
    (tmp_path / "sums.yaml").write_text(TOPICS, "utf-8")
    return tmp_path


def test_a_tutor_marks_and_lays_out_a_path(folder: Path) -> None:
    told = catenary(folder, "ask", "marker", ANSWER, "--unreleased")
    assert told.stdout.startswith(MARKED + "\n")
    with serving(folder) as service, service.http() as http:

        def asked(app: str, *said: str) -> dict[str, object]:
            turns = [{"role": "user", "content": one} for one in said]
            reply = http.post("/v1/chat/completions", json={"model": f"app/{app}", "messages": turns})
            return dict(reply.raise_for_status().json())

        marked = asked("marker", ANSWER)
        assert marked["choices"][0]["message"]["content"] == MARKED  # type: ignore[index]
        made = http.get(f"/v1/receipts/{marked['receipt']['id']}").json()["made"]  # type: ignore[index]
        assert made["marks"][0]["evidence"] == [{"rule": "any", "start": 16, "end": 22, "text": "oxygen"}]
        assert made["total"]["got"] == 2
        way = asked("course", "goal: fractions", "mastered: counting")
        content = way["choices"][0]["message"]["content"]  # type: ignore[index]
        assert content == "Next: addition\nThe way to fractions:\n1. addition\n2. fractions"


def test_a_rubric_is_checked_with_the_chain(folder: Path) -> None:
    assert catenary(folder, "check").returncode == 0
    (folder / "leaf.yaml").write_text(RUBRIC.replace("number:", "numbr:"), "utf-8")
    refused = catenary(folder, "check")
    assert refused.returncode == 2
    assert "did you mean `number`" in refused.stderr
    assert "leaf.yaml:3" in refused.stderr


@pytest.mark.parametrize(
    ("app", "told"),
    [
        ("{kind: tutor}", "needs a model"),
        ("{kind: tutor, do: mark}", "needs a rubric"),
        ("{kind: tutor, do: ask, rubric: leaf.yaml}", "goes with `do: mark`"),
        ("{kind: tutor, do: mark, rubric: judged.yaml}", "a model judges"),
        ("{kind: tutor, do: mark, rubric: leave.yaml}", "cannot be read"),
    ],
)
def test_mistakes_are_named_before_anything_is_served(folder: Path, app: str, told: str) -> None:
    judged = RUBRIC.replace("number: {value: 25, tolerance: 2}", "judge: model")
    (folder / "judged.yaml").write_text(judged, "utf-8")
    (folder / "catenary.yaml").write_text(
        json.dumps({"schema": 1, "project": {"name": "s"}})[:-1] + ', "apps": {"marker": ' + app + "}}",
        "utf-8",
    )
    refused = catenary(folder, "check")
    assert refused.returncode != 0
    assert told in refused.stderr
