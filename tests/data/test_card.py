from __future__ import annotations

import re
from xml.etree import ElementTree

from catenary.data import curate
from catenary.data.card import card
from catenary.records import Document

TEXTS = [
    "酒店很好，电话13812345678",
    "酒店很好，电话13812345678",
    "服务热情，下次还来",
    "ok then",
    "<b>很差</b>|很差劲",
]


def test_the_card_tells_what_went_and_why() -> None:
    documents = [Document(text, label="a", source="web", licence="MIT") for text in TEXTS]
    report = curate(
        documents, [{"language": ["zh"]}, "dedup", {"length": {"max_chars": 15}}, "redact"]
    ).report
    assert report.licences == {"MIT": 2}
    assert report.clusters == {2: 1}
    assert sum(report.lengths["before"].values()) == 5
    for lang, words in (("en", "Clusters of duplicates"), ("zh", "重复文档的簇")):
        files = card("reviews", report, lang)
        assert sorted(files) == [f"card.{lang}.html", f"card.{lang}.md"]
        for text in files.values():
            for told in (
                "language:en",
                "dedup:exact",
                "ok then",
                "length:too_many_chars",
                "[PHONE]",
                "MIT",
                words,
            ):
                assert told in text
        assert not any("13812345678" in text for text in files.values())
        page = files[f"card.{lang}.html"]
        assert "<b>" not in page
        drawings = [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", page, re.DOTALL)]
        assert len(drawings) >= 3  # steps, lengths, languages
        lengths = next(one for one in drawings if one.findall("{*}rect[@class='before']"))
        assert len(lengths.findall("{*}rect[@class='before']")) == len(report.lengths["before"])
        assert len(lengths.findall("{*}rect[@class='after']")) == len(report.lengths["after"])
        assert card("reviews", report, lang) == files


def test_the_card_draws_what_the_rules_of_quality_look_at() -> None:
    long = "The committee met in the town hall, and it was agreed that the road should be mended. " * 3
    report = curate([f"{long} Item {n} of that." for n in range(5)] + ["ab " * 60], ["quality"]).report
    told = report.histograms["mean_word_length"]
    assert sum(told["before"].values()) == 6
    assert sum(told["after"].values()) == report.kept
    assert report.as_dict()["histograms"]["mean_word_length"]["before"] == {
        f"{low:.3g}": count for low, count in told["before"].items()
    }
    assert all(not name.startswith("histogram") for step in report.steps for name in step.notes)
    assert "平均词长" in card("x", report, "zh")["card.zh.html"]
    assert "mean length of words" in card("x", report, "en")["card.en.md"]
