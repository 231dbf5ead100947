from __future__ import annotations

from pathlib import Path

import pytest

from catenary.errors import Damaged, NotFound
from catenary.search import SearchIndex
from catenary.search.facts import Named
from catenary.search.knowledge import Knowledge, Tagging, build_knowledge, with_facts
from tests.search.test_index import built, bytes_in

DOCUMENTS = {
    "disk": "# Storage\n\n## Volumes\n\n"
    "LVM is a manager of volumes. We put LVM over RAID. You may put LVM over RAID too.\n",
    "raid": "# Arrays\n\nRAID is a way to keep data when a disk fails. RAID 是一种磁盘阵列。\n",
    "tea": "# 茶\n\n绿茶是一种不发酵的茶。\n",
}


def made(
    folder: Path, documents: dict[str, str], before: Path | None = None, tagging: Tagging | None = None
) -> tuple[SearchIndex, Path]:
    folder.mkdir()
    built(folder / "index", documents)
    index = SearchIndex.open(folder / "index")
    (folder / "facts").mkdir()
    build_knowledge(index, folder / "facts", before=before, tagging=tagging)
    return index, folder / "facts"


def test_every_fact_leads_to_the_sentence_that_states_it(tmp_path: Path) -> None:
    index, folder = made(tmp_path / "one", DOCUMENTS)
    known = Knowledge(folder)
    first = known.stated("lvm")[0]
    assert (first.subject, first.relation, first.object) == ("LVM", "is", "a manager of volumes")
    passage = index.by_id(first.passage)
    assert index.text_of(passage.document)[first.start : first.end] == "LVM is a manager of volumes."
    for name, _ in known.names(100):
        for one in known.stated(name):
            assert index.by_id(one.passage).start <= one.start < one.end


def test_neighbours_are_counted_by_sentences(tmp_path: Path) -> None:
    _, folder = made(tmp_path / "one", DOCUMENTS)
    [beside] = [one for one in Knowledge(folder).neighbours("LVM", 5) if one.relation == "with"]
    assert (beside.name, beside.times) == ("RAID", 2)
    assert [one.name for one in Knowledge(folder).neighbours("Volumes", 5)] == ["Storage"]


def test_what_is_taken_over_is_what_would_be_read_anew(tmp_path: Path) -> None:
    _, before = made(tmp_path / "one", DOCUMENTS)
    fewer = {"disk": DOCUMENTS["disk"], "raid2": "# Arrays\n\nRAID is a hope.\n"}
    _, over = made(tmp_path / "two", fewer, before)
    _, anew = made(tmp_path / "three", fewer)
    assert bytes_in(over) == bytes_in(anew)
    known = Knowledge(over)
    assert [one.object for one in known.stated("RAID") if one.relation == "is"] == ["a hope"]
    assert known.stated("绿茶") == []
    assert "绿茶" not in "".join(path.read_text("utf-8") for path in over.iterdir())


def test_passages_that_define_what_a_question_names_are_found_too(tmp_path: Path) -> None:
    noise = {f"n{number}": f"# Note {number}\n\nHow arrays of RAID grow, {number}.\n" for number in range(20)}
    index, folder = made(tmp_path / "one", {**noise, **DOCUMENTS})
    known = Knowledge(folder)
    question = "How do arrays of RAID grow?"
    assert known.named_in(question) == ["RAID"]
    found = index.search(question, 5)
    assert all(one.passage.document != "raid" for one in found)
    joined = with_facts(index, known, question, found)
    assert [one.passage.id for one in joined[:3]] == [one.passage.id for one in found[:3]]
    assert joined[3].passage.document == "raid"
    assert 0 < joined[3].coverage < 1
    assert len(joined) == 5
    assert with_facts(index, known, "RAID", []) == []
    assert with_facts(index, known, "Who grows?", found) == found


def test_a_chinese_question_is_given_chinese_definitions(tmp_path: Path) -> None:
    _, folder = made(tmp_path / "one", DOCUMENTS)
    known = Knowledge(folder)
    assert known.named_in("什么是绿茶？") == ["绿茶"]
    [passage] = known.defining("什么是绿茶？")
    assert passage.startswith("tea:")


def test_names_that_no_file_should_hold_do_no_harm(tmp_path: Path) -> None:
    odd = {"a/b c d>": '# "Q\\" <x>\n\n## Y> "\n\nFoo-Bar is a "quoted\\" <thing>\n'}
    index, folder = made(tmp_path / "one", odd)
    [fact] = [one for one in Knowledge(folder).stated("Foo-Bar") if one.relation == "is"]
    assert fact.object == 'a "quoted\\" <thing>'
    assert index.by_id(fact.passage).document == "a/b c d>"


def test_a_name_is_of_the_kind_that_most_sentences_say_and_may_be_asked_for_by_it(tmp_path: Path) -> None:
    names = {"华盛顿": ("place", "person"), "张三": ("person", "person")}

    def tag(text: str) -> list[Named]:
        rank = 1 if "总统" in text else 0
        return [
            Named(kinds[rank], text.index(name), text.index(name) + len(name))
            for name, kinds in names.items()
            if name in text
        ]

    documents = {
        "a": "张三去过华盛顿。\n",
        "b": "华盛顿是一座城。张三说。\n",
        "c": "总统华盛顿生于1732年。\n",
    }
    index, folder = made(tmp_path / "one", documents, tagging=Tagging("m1", (), tag))
    known = Knowledge(folder)
    assert (known.kind_of("华盛顿"), known.kind_of("张三"), known.kind_of("LVM")) == ("place", "person", None)
    assert known.kinds == ["person", "place"]
    assert [name for name, _ in known.names(9, "person")] == ["张三"]
    assert known.named_in("张三是谁？") == ["张三"]
    [fact] = [one for one in known.stated("华盛顿") if one.object == "person"]
    assert index.text_of("c")[fact.start : fact.end] == "总统华盛顿生于1732年。"
    # Another tagger reads all of it anew; the same one nothing.
    _, again = made(tmp_path / "two", documents, folder, Tagging("m1", (), lambda text: []))
    _, other = made(tmp_path / "three", documents, folder, Tagging("m2", (), lambda text: []))
    assert bytes_in(again) == bytes_in(folder)
    assert Knowledge(other).kinds == []


def test_what_is_no_knowledge_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        Knowledge(tmp_path)
    _, folder = made(tmp_path / "one", DOCUMENTS)
    (folder / "facts.nq").write_text("<no quad", "utf-8")
    with pytest.raises(Damaged):
        Knowledge(folder)
