from __future__ import annotations

from catenary.data import curate

PAGE = """<html><head><title>t</title><script>var a = 1;</script></head><body><nav><a href="/">Home</a></nav>
<main><h1>安装</h1><p>请先备份数据，再按照下面的步骤安装系统。安装程序会检查磁盘空间，并给出建议的分区方案。</p></main>
<footer>© 版权所有</footer></body></html>"""


def test_pages_become_their_main_text_and_other_texts_stay() -> None:
    plain = "若 a<b 且 b>c，则取中间值。"
    done = curate([PAGE, plain, "<div></div>"], ["extract"])
    page, kept, empty = done.documents
    assert "请先备份数据" in page.text
    assert not any(mark in page.text for mark in ("<p>", "var a", "Home"))
    assert kept.text == plain
    assert empty.dropped == "extract:nothing_left"
    assert done.report.steps[-1].notes == {"pages": 2}


def test_the_whole_page_when_asked_for() -> None:
    assert "Home" in curate([PAGE], [{"extract": "all"}]).documents[0].text


def test_headings_and_program_text_keep_their_marks_as_markdown() -> None:
    page = PAGE.replace("</p>", "</p><h2>命令</h2><pre># apt install\nok</pre><p>完成以后重新启动系统。</p>")
    lines = curate([page], [{"extract": "markdown"}]).documents[0].text.split("\n")
    assert "# 安装" in lines
    assert "## 命令" in lines
    start = lines.index("```")
    assert lines[start : start + 4] == ["```", "# apt install", "ok", "```"]
    assert "Home" not in lines
