from __future__ import annotations

import json
import math
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from catenary.evaluate import (
    Predictions,
    classification_report,
    language_model_report,
    score,
    write_report,
)
from catenary.messages import Language
from catenary.models.baselines import fit_ngram

HOSTILE = "<script>alert('x')</script> | **b** [a](http://x) `c` & \n\n# no heading \x00"
GOLD = ["good", "bad"] * 50


def write(folder: Path, lang: Language = "en") -> list[Path]:
    classification = classification_report(
        GOLD,
        {
            "linear": Predictions(["good"] * 100),
            "neural|<b>": Predictions(["good", "bad"] * 49 + ["bad", "good"], [0.9] * 100),
        },
        control="linear",
        texts=[HOSTILE] * 100,
        ids=[f"doc:{i}" for i in range(100)],
        resamples=200,
    )
    sequences = [[0, 1, 2]] * 8 + [[1], [2, 2]]
    likelihoods = {
        f"{n}-gram": score(fit_ngram(sequences, order=n, vocab_size=4), sequences, text_bytes=[3] * 10)
        for n in (1, 2)
    }
    return write_report(
        folder,
        classification=classification,
        language_model=language_model_report(likelihoods, control="1-gram", resamples=200),
        curves={"train": [(0, 3.0), (10, 2.0), (20, math.nan)]},
        lang=lang,
    )


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not {"src", "href", "onload"} & {name for name, _ in attrs}
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_page_stands_alone_and_takes_text_as_text(tmp_path: Path, lang: Language) -> None:
    write(tmp_path, lang)
    page = (tmp_path / "report.html").read_text("utf-8")
    tags = Page(page).tags
    assert "script" not in tags
    assert {"svg", "table", "h1", "title"} <= tags
    assert 'lang="zh-CN"' in page if lang == "zh" else 'lang="en"' in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "").replace("http://x", "")


def test_the_markdown_takes_text_as_text(tmp_path: Path) -> None:
    files = write(tmp_path)
    tokens = MarkdownIt("commonmark").enable("table").parse((tmp_path / "report.md").read_text("utf-8"))
    inline = [child for token in tokens for child in token.children or []]
    assert not [child for child in inline if child.type in {"html_inline", "link_open", "code_inline"}]
    assert not [token for token in tokens if token.type in {"html_block", "fence", "code_block"}]
    assert [token.content for token in tokens if token.type == "inline"].count("Evaluation") == 1
    pictures = {str(child.attrs["src"]) for child in inline if child.type == "image"}
    assert pictures == {path.name for path in files if path.suffix == ".svg"}
    rows = [i for i, token in enumerate(tokens) if token.type == "tr_open"]
    assert len(rows) > 10


def test_the_verdict_comes_first(tmp_path: Path) -> None:
    write(tmp_path)
    text = (tmp_path / "report.md").read_text("utf-8")
    assert text.index("beats linear") < text.index("## ")


def test_json_holds_every_figure_with_its_interval(tmp_path: Path) -> None:
    write(tmp_path)
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    models = report["classification"]["models"] + report["language_model"]["models"]
    for model in models:
        for figure in model["metrics"].values():
            assert figure["low"] <= figure["value"] <= figure["high"]
            assert figure["n"] in (10, 100)
    assert report["classification"]["comparisons"][0]["outcome"] == "better"
    assert report["classification"]["models"][0]["worst"][0]["id"].startswith("doc:")
    assert report["language_model"]["comparisons"][0]["metric"] == "bits_per_byte"
    assert report["curves"]["train"][2][1] is None
    assert report["format"] == 1


def test_the_same_report_has_the_same_bytes(tmp_path: Path) -> None:
    one, two = write(tmp_path / "one"), write(tmp_path / "two")
    assert [path.name for path in one] == [path.name for path in two]
    for a, b in zip(one, two, strict=True):
        assert a.read_bytes() == b.read_bytes()


def test_a_report_without_a_control_or_mistakes(tmp_path: Path) -> None:
    perfect = {name: Predictions(GOLD) for name in ("a", "b")}
    write_report(tmp_path, classification=classification_report(GOLD, perfect, resamples=50), lang="en")
    text = (tmp_path / "report.md").read_text("utf-8")
    assert "No control was named" in text
    assert "No mistakes." in text
