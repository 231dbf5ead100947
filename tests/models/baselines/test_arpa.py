from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catenary.errors import Damaged, InvalidInput
from catenary.models.baselines import fit_ngram, read_arpa, write_arpa

NAMES = ["<unk>", "悬", "链", "\u3000", "的"]
texts = st.lists(st.lists(st.integers(0, 4), max_size=6), min_size=1, max_size=20)

# Two grams of each length, by hand: p(悬|<s>) = 10^-0.1, and p(链|悬) backs off.
BY_HAND = """\\data\\
ngram 1=5
ngram 2=2

\\1-grams:
-1.0\t<unk>
-99\t<s>\t-0.5
-0.8\t</s>
-0.6\t链
-0.7\t悬\t-0.25

\\2-grams:
-0.2\t悬 </s>
-0.1\t<s> 悬

\\end\\
"""


@settings(max_examples=40)
@given(texts, texts, st.integers(1, 4))
def test_written_and_read_it_is_the_same_model(
    tmp_path_factory: pytest.TempPathFactory, training: list[list[int]], held_out: list[list[int]], order: int
) -> None:
    path = tmp_path_factory.mktemp("arpa") / "model.arpa"
    model = fit_ngram(training, order=order, vocab_size=len(NAMES))
    write_arpa(model, path, NAMES)
    read, names = read_arpa(path)
    assert names == NAMES
    assert read.totals(held_out).log_prob == pytest.approx(model.totals(held_out).log_prob, rel=1e-5)


def test_a_file_written_by_hand_is_read_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "model.arpa"
    path.write_text(BY_HAND, "utf-8")
    model, names = read_arpa(path)
    ids = {name: i for i, name in enumerate(names)}
    log10_p = model.log_prob([ids["悬"], ids["链"]]) / 2.302585092994046
    assert log10_p == pytest.approx(-0.1 + (-0.25 - 0.6) + (0 - 0.8), abs=1e-5)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\\end\\", ""),
        ("ngram 2=2", "ngram 2=3"),
        ("ngram 1=5", "ngram 1=x"),
        ("-0.6\t链", "-0.6"),
        ("-0.6\t链", "much\t链"),
        ("-0.6\t链", "0.6\t链"),
        ("-0.1\t<s> 悬", "-0.2\t悬 </s>"),
        ("-0.1\t<s> 悬", "-0.2\t的 </s>"),
        ("\t<s>\t-0.5", "\t的\t-0.5"),
        ("\\data\\", "\\datum\\"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "model.arpa"
    path.write_text(BY_HAND.replace(old, new, 1), "utf-8")
    with pytest.raises(Damaged, match=r"model\.arpa"):
        read_arpa(path)


def test_a_gram_without_its_prefix_is_named(tmp_path: Path) -> None:
    path = tmp_path / "model.arpa"
    text = BY_HAND.replace("ngram 2=2", "ngram 2=2\nngram 3=1")
    path.write_text(text.replace("\\end\\", "\\3-grams:\n-0.1\t链 悬 </s>\n\n\\end\\"), "utf-8")
    with pytest.raises(Damaged, match="链 悬 </s>"):
        read_arpa(path)


@pytest.mark.parametrize("names", [["a"], ["a", "a"], ["a", "b c"], ["a", ""], ["a", "<s>"]])
def test_names_that_arpa_cannot_hold_are_refused(tmp_path: Path, names: list[str]) -> None:
    with pytest.raises(InvalidInput):
        write_arpa(fit_ngram([[0, 1]], order=1, vocab_size=2), tmp_path / "model.arpa", names)


def test_kenlm_reads_it_alike(tmp_path: Path) -> None:
    kenlm = pytest.importorskip("kenlm")  # kenlm-ex: wheels for Linux, macOS and Windows
    training = [[1, 2, 4, 2], [1, 2], [4, 4, 1, 2], [2, 1, 4]] * 3
    model = fit_ngram(training, order=3, vocab_size=len(NAMES))
    write_arpa(model, tmp_path / "model.arpa", NAMES)
    theirs = kenlm.Model(str(tmp_path / "model.arpa"))
    for sequence in ([1, 2], [2, 2, 4], [4, 1, 2, 4, 0], []):
        text = " ".join(NAMES[token] for token in sequence)
        assert model.log_prob(sequence) / 2.302585092994046 == pytest.approx(theirs.score(text), abs=1e-4)
