"""Reports through a chain: asked in the terminal, with their field's notice; the example's figures are as it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from shutil import copyfile

from tests.apps.test_report import CONTRACT, NEWS, RECORD, TABLE
from tests.test_tutor_chain import catenary

EXAMPLE = Path(__file__).parents[1] / "examples/report"
CHAIN = """\
schema: 1
project: {name: reports, languages: [zh, en]}
apps:
  note: {kind: report, template: note}
  contract: {kind: report, template: contract}
  record: {kind: report, template: record, risk: law}
"""


def test_reports_are_asked_and_say_which_field_they_are_of(tmp_path: Path) -> None:
    (tmp_path / "catenary.yaml").write_text(CHAIN, "utf-8")
    for app, text, part, notice in (
        ("note", f"{TABLE}\n{NEWS}", "+25.0 %", "投资建议"),
        ("contract", CONTRACT, "高风险 · 免除责任 · 第三条 责任", "法律意见"),
        ("record", RECORD, "LOINC 48765-2", "法律意见"),  # the chain file's field counts
    ):
        told = catenary(tmp_path, "ask", app, text, "--unreleased")
        assert told.returncode == 0, told.stderr
        assert part in told.stdout
        assert notice in told.stdout


def test_a_model_that_nobody_would_ask_is_refused(tmp_path: Path) -> None:
    serve = "serve: {endpoints: {small: {upstream: {urls: ['http://127.0.0.1:9/v1'], model: small}}}}\n"
    wrong = CHAIN.replace("template: contract", "template: contract, model: small")
    (tmp_path / "catenary.yaml").write_text(wrong.replace("apps:\n", f"{serve}apps:\n"), "utf-8")
    refused = catenary(tmp_path, "check")
    assert refused.returncode != 0
    assert "no model is asked" in refused.stderr


def test_the_example_finds_what_its_table_says(tmp_path: Path) -> None:
    copyfile(EXAMPLE / "catenary.yaml", tmp_path / "catenary.yaml")
    assert catenary(tmp_path, "check").returncode == 0
    command = [sys.executable, str(EXAMPLE / "measure.py")]
    said = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout
    assert "held_out.jsonl, rules: recall 19/32 [0.42, 0.74], precision 19/19 [0.83, 1.00]" in said
    assert "clauses.jsonl, rules: recall 34/35 [0.85, 0.99], precision 34/35 [0.85, 0.99]" in said
    assert "held_out.jsonl, words: recall 13/32 [0.26, 0.58], precision 13/20 [0.43, 0.82]" in said
