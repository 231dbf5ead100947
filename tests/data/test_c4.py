from __future__ import annotations

from catenary.data import curate

ENGLISH = [f"This is the sentence with number {n} in it." for n in range(5)]
CHINESE = [f"这里是一句完整的话，编号为{n}。" for n in range(5)]


def test_bad_lines_go_and_the_rest_stays() -> None:
    for good, bad in (
        (ENGLISH, ["Home", "Log in.", "Please enable JavaScript to go on.", "We have a cookie policy here."]),
        (CHINESE, ["首页", "登录。", "本站内容版权所有，请勿转载。", "请打开javascript后再试一次。"]),
    ):
        done = curate(["\n".join((*bad, *good)), "\n".join(good)], ["c4"])
        assert [document.text for document in done.kept] == ["\n".join(good)] * 2
        assert (
            sum(done.report.steps[-1].notes[name] for name in done.report.steps[-1].notes if "." in name) == 4
        )


def test_citations_go() -> None:
    [kept] = curate(["\n".join(["It stands so in the book[12].", *ENGLISH])], ["c4"]).kept
    assert kept.text.startswith("It stands so in the book.\n")


def test_texts_that_are_no_prose_go() -> None:
    done = curate(
        [
            "\n".join((*ENGLISH, "void f() { return; }")),
            "Lorem ipsum dolor.\n" + "\n".join(ENGLISH),
            "One. Two.",
        ],
        ["c4"],
    )
    assert [document.dropped for document in done.documents] == [
        "c4:curly_bracket",
        "c4:lorem_ipsum",
        "c4:too_few_sentences",
    ]
