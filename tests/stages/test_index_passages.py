"""A folder of Markdown into an index, and what becomes of it when the folder changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from catenary.chain.plan import plan
from catenary.chain.run import run
from catenary.chain.spec import load
from catenary.cli import root
from catenary.config import Home
from catenary.errors import InvalidInput
from catenary.search import SearchIndex
from catenary.stages import STAGES
from catenary.store import Artifact, Store
from tests.chain.craft import Quiet
from tests.notes import NOTES


def made(folder: Path, chain: str = NOTES) -> Artifact:
    (folder / "catenary.yaml").write_text(chain, "utf-8")
    with Store.open(Home.of(folder, {})) as store:
        done = run(plan(load(folder / "catenary.yaml", STAGES), store), store, Quiet())
        return {one.step.link.full_name: one.artifact for one in done}["indexes.notes"]


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "tea.md").write_text("# 茶\n\n绿茶用八十度的水冲泡。\n\n## 保存\n\n茶叶要密封保存。\n", "utf-8")
    (folder / "coffee.md").write_text("# Coffee\n\nGrind the beans just before brewing.\n", "utf-8")
    return tmp_path


def test_a_folder_of_markdown_is_searched(notes: Path) -> None:
    index = SearchIndex.open(made(notes).path)
    best = index.search("绿茶用多少度的水？")[0].passage
    assert (best.file, best.headings, best.licence) == ("tea.md", ("茶",), "CC0-1.0")
    assert index.search("when do I grind beans?")[0].passage.file == "coffee.md"


def test_a_changed_file_is_read_again_and_no_other(notes: Path) -> None:
    made(notes)
    (notes / "notes/tea.md").write_text("# 茶\n\n绿茶用七十度的水冲泡。\n", "utf-8")
    artifact = made(notes)
    report = artifact.manifest.report
    assert (report["new"], report["kept"], report["gone"]) == (1, 1, 1)
    assert "七十" in SearchIndex.open(artifact.path).search("绿茶的水温")[0].passage.text


def test_a_deleted_file_is_found_no_more(notes: Path) -> None:
    made(notes)
    (notes / "notes/coffee.md").unlink()
    assert SearchIndex.open(made(notes).path).search("grind beans") == []


def test_the_command_shows_passages(notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(notes)
    monkeypatch.chdir(notes)
    told = CliRunner().invoke(root, ["search", "notes", "密封保存茶叶", "--json"])
    [first, *_] = json.loads(told.stdout)["passages"]
    assert first["headings"] == ["茶", "保存"]
    assert "茶叶要密封保存。" in CliRunner().invoke(root, ["search", "notes", "密封保存茶叶"]).stdout


def test_neighbours_that_share_too_much_are_refused(notes: Path) -> None:
    with pytest.raises(InvalidInput, match="more than half"):
        made(notes, NOTES.replace("from: notes}\n", "from: notes, size: 200, overlap: 150}\n"))


QUESTIONS = [
    {"language": "zh", "question": "绿茶用多少度的水？", "evidence": ["八十度"]},
    {
        "language": "en",
        "question": "When do I grind the beans?",
        "evidence": ["just before brewing", "ground late"],
    },
    {"language": "en", "question": "How do I repair a bicycle?", "evidence": []},
]


def test_questions_are_asked_of_an_index_beside_a_control(notes: Path) -> None:
    lines = [json.dumps(one, ensure_ascii=False) for one in QUESTIONS]
    (notes / "questions.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    chain = NOTES + "evaluations:\n  notes: {index: notes, questions: questions.jsonl}\n"
    (notes / "catenary.yaml").write_text(chain, "utf-8")
    with Store.open(Home.of(notes, {})) as store:
        done = run(plan(load(notes / "catenary.yaml", STAGES), store), store, Quiet())
        report = {one.step.link.full_name: one.artifact for one in done}["evaluations.notes"].manifest.report
    figures = report["metrics"]["index"]
    assert figures["recall_at_5"]["value"] == figures["cited"]["value"] == figures["refused"]["value"] == 1
    assert set(report["metrics"]) == {
        f"{way}{part}" for way in ("index", "overlap") for part in ("", ".en", ".zh")
    }
    (notes / "questions.jsonl").write_text('{"question": "?"}\n', "utf-8")
    with Store.open(Home.of(notes, {})) as store, pytest.raises(InvalidInput, match="no question"):
        run(plan(load(notes / "catenary.yaml", STAGES), store), store, Quiet())
