"""The scripts that make the data of the examples: sentences that belong together, conversations that take turns."""

from __future__ import annotations

import importlib.util
import itertools
import json
import random
import struct
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

from catenary.evaluate.slips import slips

EXAMPLES = Path(__file__).parents[2] / "examples"


def script(name: str) -> ModuleType:
    path = EXAMPLES / name
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))  # as where it is run: scripts of an example share a file
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module


def test_sentences_are_aligned_by_length_and_anchors() -> None:
    align = script("translate/align.py")
    english = "Choose Insert. The dialog shows 25 entries in LibreOffice Calc. Click OK. Then close it."
    chinese = "选择「插入」。对话框在 LibreOffice Calc 中显示 25 个条目。单击「确定」，然后关闭。"

    pairs = list(align.aligned(english, chinese))

    assert pairs[0] == ("Choose Insert.", "选择「插入」。")
    assert pairs[1] == (
        "The dialog shows 25 entries in LibreOffice Calc.",
        "对话框在 LibreOffice Calc 中显示 25 个条目。",
    )
    assert pairs[2] == ("Click OK. Then close it.", "单击「确定」，然后关闭。")


def catalog(messages: dict[str, str]) -> bytes:
    """A compiled catalog of gettext: where each text lies, first of the originals, then of the translations."""
    texts = [text.encode() for text in (*messages, *messages.values())]
    head = struct.pack("<7I", 0x950412DE, 0, len(messages), 28, 28 + 8 * len(messages), 0, 0)
    starts = itertools.accumulate((len(text) + 1 for text in texts), initial=28 + 8 * len(texts))
    table = b"".join(struct.pack("<2I", len(text), start) for text, start in zip(texts, starts, strict=False))
    return head + table + b"".join(text + b"\0" for text in texts)


def test_pages_are_read_by_the_ids_of_their_paragraphs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    align = script("translate/align.py")
    page = '<p id="par_id1" class="x">{}</p><h2 id="hd_id2">{}</h2><p id="par_id3">{}</p>'
    for language, texts in {
        "en-US": ("Opens a <b>file</b> &amp; more.", "Files", "Not translated."),
        "zh-CN": ("打开<b>文件</b>&amp;其他。", "文件", "Not translated."),
    }.items():
        folder = tmp_path / align.HELP / language / "text/shared"
        folder.mkdir(parents=True)
        (folder / "one.html").write_text(page.format(*texts), "utf-8")

    (tmp_path / align.MESSAGES).mkdir(parents=True)
    compiled = catalog(
        {
            "": "Content-Type: text/plain; charset=UTF-8\n",
            "save\4~Save As...": "另存为(~A)...",
            "ok\4OK": "OK",
        }
    )
    (tmp_path / align.MESSAGES / "sfx.mo").write_bytes(compiled)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["align.py", str(tmp_path)])
    align.main()
    said = (tmp_path / "messages/sfx.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in said] == [{"source": "Save As...", "target": "另存为..."}]
    [written] = (tmp_path / "data").iterdir()
    assert written.name == "shared_one.jsonl"  # a file a page: the split keeps a page together
    assert [json.loads(line)["target"] for line in written.read_text("utf-8").splitlines()] == [
        "打开文件&其他。",
        "文件",
    ]

    told = list(align.pairs(align.find(tmp_path, tmp_path)))

    assert told == [
        ("shared/one", "Opens a file & more.", "打开文件&其他。"),
        ("shared/one", "Files", "文件"),
    ]


@pytest.mark.skipif(find_spec("chatterbot_corpus") is None, reason="chatterbot-corpus is not installed")
def test_conversations_take_turns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = script("chat/talk.py")
    for language, least in (("english", 400), ("chinese", 300)):
        monkeypatch.setattr("sys.argv", ["talk.py", language])
        talk.main()
        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert len(rows) >= least
        for row in rows:
            roles = [message["role"] for message in row["messages"]]
            assert roles == ["user", "assistant"] * (len(roles) // 2)


def test_questions_are_made_of_appositions_and_every_answer_stands_in_its_passage() -> None:
    made = script("reading/questions.py")
    words = [
        (word, tag)
        for word, _, tag in (
            piece.rpartition("/")
            for piece in [
                "国家/n",
                "主席/n",
                "江/nr",
                "泽民/nr",
                "会见/v",
                "了/u",
                "作家/n",
                "巴金/nr",
                "。/w",
            ]
        )
    ]
    assert list(made.holders(words)) == [("国家主席", 0, "江泽民", 4), ("作家", 10, "巴金", 12)]
    some = [row for row, _ in zip(made.questions(), range(600), strict=False)]
    for row in some:
        for answer, start in zip(row["answers"]["text"], row["answers"]["answer_start"], strict=True):
            assert row["context"].startswith(answer, start)
    assert 0.2 < sum(not row["answers"]["text"] for row in some) / len(some) < 0.4
    assert some == [row for row, _ in zip(made.questions(), range(600), strict=False)]


def test_the_handbook_is_copied_by_language_without_its_contents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch = script("handbook/fetch.py")
    for language in ("en-US", "zh-CN"):
        folder = tmp_path / fetch.BOOK / language
        folder.mkdir(parents=True)
        (folder / "apt.html").write_text(f"<h1>{language}</h1>", "utf-8")
        (folder / "index.html").write_text("<h1>Contents</h1>", "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["fetch.py", str(tmp_path)])
    fetch.main()
    found = sorted(path.relative_to("data").as_posix() for path in Path("data").rglob("*.html"))
    assert found == ["en/apt.html", "zh/apt.html"]
    assert Path("data/zh/apt.html").read_text("utf-8") == "<h1>zh-CN</h1>"


def test_the_questions_to_the_handbook_are_as_many_as_its_readme_says() -> None:
    lines = (EXAMPLES / "handbook/questions.jsonl").read_text("utf-8").splitlines()
    asked = [json.loads(line) for line in lines]
    assert len(asked) == 97
    assert sum(not one["evidence"] for one in asked) == 24
    assert len({one["question"] for one in asked}) == 97


def test_each_planted_mistake_is_where_it_is_said_to_be() -> None:
    """Three kinds are found by rules; a misspelt word is a place that a proofreader is to name."""
    prepare, measure = script("kinds/prepare.py"), script("kinds/measure.py")
    text = "This package is a small tool for writing letters, and the manual describes an editor."
    draw = random.Random(1)
    for kind in ("repeated", "article", "spacing"):
        wrong, start, end = getattr(prepare, kind)(text, draw)
        [found] = slips(wrong)
        assert (found.kind, start <= found.start < end) == (kind, True)
        answer = f"- {found.start}: {found.text} ({found.kind})"
        row = {"text": wrong, "start": str(start), "end": str(end), "answer": answer}
        assert measure.hit(measure.answered(row), row)
    wrong, start, end = prepare.spelling(text, draw)
    assert sorted(wrong[start:end]) == sorted(text[start:end])
    assert wrong[:start] + wrong[end:] == text[:start] + text[end:]


def test_a_changelog_s_entry_gives_its_fields() -> None:
    measure = script("kinds/measure.py")
    entry = "nettle (3.8.1-2) unstable; urgency=low\n\n  * Fixed.\n\n -- Ann Bee <ann@example.org>  Sat, 10 Sep 2022\n"
    assert measure.patterns({"text": entry}) == {
        "package": "nettle",
        "version": "3.8.1-2",
        "urgency": "low",
        "maintainer": "Ann Bee",
    }
