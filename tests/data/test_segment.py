from __future__ import annotations

from catenary.data import curate


def texts(raw: list[str], settings: object) -> list[str]:
    return [document.text for document in curate(raw, [{"segment": settings}]).kept]


def test_words_and_sentences() -> None:
    raw = ["我们去北京大学。好不好？", "The dogs were running, don't worry."]
    assert texts(raw, {}) == ["我们 去 北京大学 。 好不好 ？", "The dogs were running , don't worry ."]
    assert texts(raw, "sentences") == ["我们去北京大学。\n好不好？", "The dogs were running, don't worry."]


def test_what_classical_models_may_do_without() -> None:
    all_of_it = {"marks": "drop", "stop_words": "drop", "lower": True, "stem": True}
    assert texts(["我们去北京大学。", "The dogs were running."], all_of_it) == ["北京大学", "dog run"]
    assert texts(["不好", "not good"], all_of_it) == [
        "不好",
        "not good",
    ]  # a word that turns the meaning stays


def test_nothing_left_is_dropped() -> None:
    done = curate(["。。。"], [{"segment": {"marks": "drop"}}])
    assert done.documents[0].dropped == "segment:no_words"
