"""What is found of what was planted, by us and by the peers: copies with a few words changed, and personal data."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.data.test_dedup import jaccard, reference
from tests.data.test_redact import DECOYS, PLANTS, SAY_EN, SAY_ZH
from tests.data.test_redact import planted as said

from benchmarks.data_corpus import CHINESE
from catenary.data.curate import curate

NEAR, JUSTIFIED = 0.8, 0.7  # Jaccard of 5-grams: what must be found, what may be taken
LONGEST = 8_000  # characters: texts are compared in plain Python
BASE = 600  # texts in a language, half of them copied
EACH = 100  # plants of a kind in a language
Ask = Callable[[Mapping[str, Any]], list[dict[str, Any]]]  # the peers' answers


def of_duplicates(language: str, texts: Sequence[str], ask: Ask) -> dict[str, float]:
    """Print how many near copies each side finds, and of what it takes how much has a neighbour; the peers' rates."""
    base = [text for text in texts if 200 < len(text) < LONGEST][:BASE]
    pairs, both = _with_copies(base)
    sets = [reference(text) for text in both]
    near = [(a, b) for a, b in pairs if jaccard(sets[a], sets[b]) >= NEAR]
    told = curate(both, [{"dedup": {"near": NEAR}}]).documents
    kept = {"catenary": [at for at, one in enumerate(told) if one.dropped is None]}
    answers = ask({"language": "near", "of": language, "texts": both})
    kept |= {one["peer"]: one["kept"] for one in answers}
    print(
        f"\n{language}: near copies found of {len(near)} (Jaccard ≥ {NEAR}); removals with a neighbour ≥ {JUSTIFIED}"
    )
    for peer, stay in kept.items():
        left = set(stay)
        found = sum(not (a in left and b in left) for a, b in near) / len(near)
        print(f"  {peer:<16} {found:.3f}   {_justified(sets, left):.3f}")
    return {one["peer"]: one["rate"] for one in answers}


def _with_copies(base: Sequence[str]) -> tuple[list[tuple[int, int]], list[str]]:
    """(which are copies of which, all texts): of every second a copy, in which 1 to 3 of 200 units are others."""
    r = random.Random(11)
    both, pairs = list(base), []
    for at in r.sample(range(len(base)), len(base) // 2):
        chinese = CHINESE.search(base[at][:2000])
        units = list(base[at]) if chinese else re.split(r"(\s+)", base[at])
        for _ in range(max(1, r.randrange(1, 4) * len(units) // 200)):
            units[r.randrange(0, len(units), 1 if chinese else 2)] = "另" if chinese else "other"
        pairs.append((at, len(both)))
        both.append("".join(units))
    return pairs, both


def _justified(sets: Sequence[set[tuple[str, ...]]], kept: set[int]) -> float:
    """The share of what was taken that is like something kept."""
    holders: dict[tuple[str, ...], list[int]] = {}
    for at in kept:
        for shingle in sets[at]:
            holders.setdefault(shingle, []).append(at)
    taken = [at for at in range(len(sets)) if at not in kept]
    justified = 0
    for at in taken:
        shared = Counter(one for shingle in sets[at] for one in holders.get(shingle, ()))
        best = (count / (len(sets[at]) + len(sets[one]) - count) for one, count in shared.items())
        justified += max(best, default=0.0) >= JUSTIFIED or not sets[at]
    return justified / len(taken) if taken else 1.0


def of_personal_data(ask: Ask) -> None:
    """Print how much of each kind is gone after redaction, and how many texts with a decoy stay as they are."""
    cases: list[tuple[str, str, str]] = []  # kind, value, text
    for language, says in (("zh", SAY_ZH), ("en", SAY_EN)):
        for kind, makers in PLANTS.items():
            for maker in makers:
                cases += [
                    (kind, value, text)
                    for value, text in said(maker, says, EACH, f"{kind} {maker.__name__} {language}")
                ]
    for name, decoy in DECOYS.items():
        for language, says in (("zh", SAY_ZH[:6]), ("en", SAY_EN)):
            cases += [("", value, text) for value, text in said(decoy, says, EACH, f"{name} {language}")]
    texts = [text for _, _, text in cases]
    after = {"catenary": [one.text for one in curate(texts, ["redact"]).documents]}
    after |= {one["peer"]: one["texts"] for one in ask({"language": "personal", "texts": texts})}
    totals = Counter(kind for kind, _, _ in cases)
    print(f"\npersonal data gone, of {EACH} a form in Chinese and in English; and decoys left alone")
    print(f"  {'':<16} " + "".join(f"{peer:>12}" for peer in after))
    for kind in totals:
        shares = []
        for new in after.values():
            right = sum(
                (value not in told) if kind else (told == text)
                for (one, value, text), told in zip(cases, new, strict=True)
                if one == kind
            )
            shares.append(right / totals[kind])
        print(f"  {kind or 'decoys left':<16} " + "".join(f"{share:>12.3f}" for share in shares))
