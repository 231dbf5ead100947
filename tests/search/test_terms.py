from __future__ import annotations

import doctest

import pytest

from catenary.search import chunk, terms
from catenary.search.terms import question_terms, stemmed


def test_the_examples_hold() -> None:
    assert doctest.testmod(terms).failed == 0
    assert doctest.testmod(chunk).failed == 0


@pytest.mark.parametrize(
    "forms",
    [
        ("package", "packages"),
        ("install", "installs", "installed", "installing"),
        ("policy", "policies"),
        ("configure", "configured", "configures", "configuring"),
        ("stop", "stopped", "stopping"),
    ],
)
def test_forms_of_a_word_are_one_term(forms: tuple[str, ...]) -> None:
    assert len({stemmed(form) for form in forms}) == 1


@pytest.mark.parametrize("word", ["ssh", "dns", "bus", "class", "x11", "ext4", "ring", "用户"])
def test_short_words_and_names_stay(word: str) -> None:
    assert stemmed(word) == word


def test_what_a_question_is_asked_with_is_left_out() -> None:
    assert question_terms("How do I install packages?") == ["instal", "packag"]
    assert set(question_terms("请问怎么安装软件包？")) == {"安装", "软件", "软件包"}
    assert question_terms("what is it") == ["what", "is", "it"]  # nothing else is there
