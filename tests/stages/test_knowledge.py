"""A folder of Markdown into a graph of its facts: what becomes of it as the folder changes, and what it is asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from catenary.search.knowledge import Knowledge
from catenary.store import Artifact
from catenary.store.receipts import stands_on
from tests.notes import NOTES
from tests.serve.chains import serving, store_of
from tests.stages.mail import catenary

CHAIN = (
    NOTES
    + """\
  facts: {kind: knowledge, from: notes}
evaluations:
  plain: {index: notes, questions: questions.jsonl}
  known: {index: notes, knowledge: facts, questions: questions.jsonl}
apps:
  notes: {kind: documents, index: notes, knowledge: facts}
  plain: {kind: documents, index: notes}
"""
)
QUESTION = "How do arrays of RAID grow?"
DEFINED = "RAID is a way to keep data when a disk fails."
ASKED = {"question": QUESTION, "language": "en", "evidence": ["a way to keep data"]}


def run(folder: Path) -> Artifact:
    catenary(folder, "run").check_returncode()
    with store_of(folder) as store:
        return store.get(store.links("notes")["indexes.facts"].artifact_id)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "notes").mkdir()
    for number in range(20):
        note = f"# Note {number}\n\nHow arrays of RAID grow, by way number {number}.\n"
        (tmp_path / f"notes/n{number}.md").write_text(note, "utf-8")
    (tmp_path / "notes/raid.md").write_text(f"# Disks\n\n{DEFINED}\n", "utf-8")
    (tmp_path / "notes/tea.md").write_text("# 茶\n\n绿茶是一种不发酵的茶。\n", "utf-8")
    (tmp_path / "questions.jsonl").write_text(json.dumps(ASKED) + "\n", "utf-8")
    (tmp_path / "catenary.yaml").write_text(CHAIN, "utf-8")
    return tmp_path


def said_of(artifact: Artifact, name: str) -> list[str]:
    return [one.object for one in Knowledge(artifact.path).stated(name) if one.relation == "is"]


def test_a_changed_file_changes_its_facts_and_no_others(folder: Path) -> None:
    first = run(folder)
    assert said_of(first, "RAID") == ["a way to keep data when a disk fails"]
    (folder / "notes/raid.md").write_text("# Disks\n\nRAID is a hope.\n", "utf-8")
    then = run(folder)
    report = then.manifest.report
    assert (report["new"], report["kept"], report["gone"]) == (1, 21, 1)
    assert said_of(then, "RAID") == ["a hope"]
    assert said_of(then, "绿茶") == said_of(first, "绿茶") == ["一种不发酵的茶"]


def test_an_erased_document_takes_its_facts_along(folder: Path) -> None:
    known = run(folder)
    [fact] = [one for one in Knowledge(known.path).stated("RAID") if one.relation == "is"]
    document = fact.passage.rpartition(":")[0]
    told = catenary(folder, "erase", "run", f"doc:{document}", "--why", "asked on 3 May")
    assert told.returncode == 0, told.stderr
    assert b"RAID" not in b"".join(path.read_bytes() for path in known.path.rglob("*") if path.is_file())
    again = run(folder)
    assert said_of(again, "RAID") == []
    assert said_of(again, "绿茶") == ["一种不发酵的茶"]
    assert "keep data" not in "".join(path.read_text("utf-8") for path in again.path.rglob("*.nq"))


def test_the_passages_of_the_graph_are_retrieved_by_an_application_and_in_an_evaluation(folder: Path) -> None:
    known = run(folder)
    with store_of(folder) as store:
        at = store.links("notes")
        reports = [
            store.get(at[f"evaluations.{one}"].artifact_id).manifest.report for one in ("plain", "known")
        ]
    assert [one["metrics"]["index"]["recall_at_5"]["value"] for one in reports] == [0, 1]
    shown = catenary(folder, "show", "indexes.facts")
    assert "facts" in shown.stdout
    assert "knowledge" in shown.stdout
    with serving(folder) as service, service.http() as http:
        made = {}
        for app in ("notes", "plain"):
            body = {"model": f"app/{app}", "messages": [{"role": "user", "content": QUESTION}]}
            told = http.post("/v1/chat/completions", json=body).raise_for_status().json()
            made[app] = http.get(f"/v1/receipts/{told['receipt']['id']}").raise_for_status().json()["made"]
            assert told["choices"][0]["message"]["annotations"]
        page = http.get("/console/knowledge/facts", params={"about": "raid"}).raise_for_status().text
    assert "raid.md" in [one["file"] for one in made["notes"]["retrieved"]]
    assert "raid.md" not in [one["file"] for one in made["plain"]["retrieved"]]
    assert (made["notes"]["facts_about"], made["notes"]["knowledge"]) == (["RAID"], known.id)
    assert "a way to keep data when a disk fails" in page
    with store_of(folder) as store:
        asked = {one.app: stands_on(one) for one in store.receipts(limit=2)}
    assert [known.id in asked[app] for app in ("notes", "plain")] == [True, False]


PEOPLE = ("王小明", "李红", "张国强", "赵敏")
PLACES = ("北京", "上海", "广州", "成都")
TAGGED = """
  tagged: {path: tagged.txt, format: word_tag, licence: MIT}
datasets:
  tagged: {from: tagged, steps: []}
"""


def test_a_tagger_of_the_chain_tells_persons_from_places(folder: Path) -> None:
    sentences = [f"{one}/nr 昨天/t 从/p {place}/ns 回来/v 了/u 。/w" for one in PEOPLE for place in PLACES]
    (folder / "tagged.txt").write_text("\n".join(sentences) + "\n", "utf-8")
    (folder / "notes/who.md").write_text("# 人\n\n李红昨天从成都回来了。\n", "utf-8")
    tagging = "from: notes, tagger: names, tagger_languages: [zh]}"
    chain = CHAIN.replace("\ndatasets:\n", TAGGED, 1).replace(
        "knowledge, from: notes}", f"knowledge, {tagging}"
    )
    models = "models:\n  names: {family: hmm, task: tag, from: tagged}\n"
    (folder / "catenary.yaml").write_text(chain.replace("indexes:\n", f"{models}indexes:\n", 1), "utf-8")
    first = run(folder)
    known = Knowledge(first.path)
    assert (known.kind_of("李红"), known.kind_of("成都"), known.kind_of("RAID")) == ("person", "place", None)
    assert [(one.name, one.relation) for one in known.neighbours("李红", 3)] == [("成都", "with")]
    before = first.manifest.report["kinds"]
    (folder / "notes/more.md").write_text("# 人\n\n赵敏昨天从广州回来了。\n", "utf-8")
    then = run(folder)
    assert then.manifest.report["new"] == 1
    assert then.manifest.report["kinds"] == {kind: count + 1 for kind, count in before.items()}
    with serving(folder) as service, service.http() as http:
        page = http.get("/console/knowledge/facts", params={"kind": "person"}).raise_for_status().text
        (folder / "notes/more.md").unlink()
        run(folder)
        after = http.get("/console/knowledge/facts", params={"kind": "person"}).raise_for_status().text
    assert "李红" in page
    assert "赵敏" in page
    assert "a person" in page or "人物" in page
    assert "赵敏" not in after


def test_languages_of_no_tagger_are_refused(folder: Path) -> None:
    chain = CHAIN.replace("knowledge, from: notes}", "knowledge, from: notes, tagger_languages: [zh]}")
    (folder / "catenary.yaml").write_text(chain, "utf-8")
    told = catenary(folder, "plan")
    assert told.returncode != 0
    assert "tagger" in told.stdout + told.stderr


def test_knowledge_of_another_index_is_refused(folder: Path) -> None:
    chain = CHAIN.replace("indexes:\n", "indexes:\n  other: {kind: passages, from: notes, size: 600}\n")
    (folder / "catenary.yaml").write_text(
        chain.replace("knowledge, from: notes", "knowledge, from: other"), "utf-8"
    )
    told = catenary(folder, "run")
    assert told.returncode != 0
    assert "from the same index" in told.stdout + told.stderr
