from __future__ import annotations

from catenary.data import curate


def test_lines_of_many_documents_go_from_all() -> None:
    texts = [f"首页 > 新闻\n　版权所有 \n这是第{n}篇文章的正文。\n\n完" for n in range(5)]
    texts += ["首页 > 新闻\n版权所有", "版权所有\n版权所有\n版权所有\n别的内容在此", "没有那些行的文章"]
    done = curate(texts, [{"boilerplate": {"documents": 5, "min_chars": 4}}])
    assert [document.text for document in done.kept] == [
        *(f"这是第{n}篇文章的正文。\n\n完" for n in range(5)),
        "别的内容在此",
        "没有那些行的文章",
    ]
    assert [document.dropped for document in done.dropped] == ["boilerplate:nothing_left"]
    assert done.report.steps[-1].notes == {"different_lines": 2, "lines": 15, "changed": 7}


def test_a_line_often_in_one_document_is_not_boilerplate() -> None:
    texts = ["same line\n" * 9 + "other", "same line\nhere"]
    assert [one.text for one in curate(texts, [{"boilerplate": {"documents": 3}}]).kept] == texts
