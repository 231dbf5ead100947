from __future__ import annotations

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
        svg = page[page.index("<svg") : page.index("</svg>") + 6]
        assert len(ElementTree.fromstring(svg).findall("{*}rect")) == 2 * len(report.lengths["before"])
        assert card("reviews", report, lang) == files
