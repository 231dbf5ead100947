"""A model as judge of pairs, and how far it agrees with people: without that its verdicts are worth nothing.

votes = judge(pairs, scorer.score, "judge:big")             # both orders; where they disagree, a tie
agreement_with_people([*human_votes, *votes])["judge:big"].share

The judge is asked which answer is better with either one first, for models prefer places (Zheng et al., NeurIPS
2023), and its answer is the likelier of the two letters.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from catenary.evaluate.arena import Vote, agreement
from catenary.evaluate.ballots import TIE, Pair
from catenary.evaluate.estimate import LEVEL, Estimate
from catenary.evaluate.intervals import wilson

if TYPE_CHECKING:
    from catenary.evaluate.likelihood import Likely  # imports torch

JUDGE = "judge:"  # before the names of raters that are models
PROMPT = (
    "{guidelines}Two answers to one question are compared.\n\nQuestion: {asked}\n\nAnswer A: {a}\n\nAnswer B: {b}\n\n"
    "The better answer is answer"
)
LETTERS = (" A", " B")


@dataclass(frozen=True, slots=True)
class WithPeople:
    """How often a judge says what most people say of a pair, and Krippendorff's alpha of the two."""

    share: Estimate
    alpha: float


def judge(
    pairs: Sequence[Pair],
    likelihoods: Callable[[Sequence[tuple[str, str]]], Sequence[Likely]],
    rater: str,
    *,
    guidelines: str = "",
) -> list[Vote]:
    """One vote a pair. `likelihoods` are those of continuations: (context, continuation) pairs."""
    before = f"{guidelines.strip()}\n\n" if guidelines.strip() else ""
    asked = [
        (PROMPT.format(guidelines=before, asked=pair.asked, a=a, b=b), letter)
        for pair in pairs
        for a, b in (pair.answers, pair.answers[::-1])
        for letter in LETTERS
    ]
    told = [one.log_prob for one in likelihoods(asked)]
    votes = []
    for at, pair in enumerate(pairs):
        a, b, swapped_a, swapped_b = told[4 * at : 4 * at + 4]
        if a > b and swapped_b > swapped_a:
            winner = pair.first
        elif a < b and swapped_b < swapped_a:
            winner = pair.second
        else:
            winner = TIE
        votes.append(Vote(pair.question, pair.first, pair.second, winner, rater))
    return votes


def agreement_with_people(votes: Sequence[Vote], *, level: float = LEVEL) -> dict[str, WithPeople]:
    """Of each judge among the raters, over the pairs that some person judged; people's majority counts, else a tie."""
    people: defaultdict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for vote in votes:
        if not vote.rater.startswith(JUDGE):
            people[_pair(vote)][vote.winner] += 1
    majority = {pair: _most(counts) for pair, counts in people.items()}
    told = {}
    for rater in sorted({vote.rater for vote in votes if vote.rater.startswith(JUDGE)}):
        of_judge = [vote for vote in votes if vote.rater == rater and _pair(vote) in majority]
        same = sum(vote.winner == majority[_pair(vote)] for vote in of_judge)
        both = [
            one
            for vote in of_judge
            for one in (vote, Vote(vote.question, vote.first, vote.second, majority[_pair(vote)], "people"))
        ]
        told[rater] = WithPeople(wilson(same, len(of_judge), level), agreement(both))
    return told


def _pair(vote: Vote) -> tuple[str, str, str]:
    a, b = sorted((vote.first, vote.second))
    return vote.question, a, b


def _most(counts: Counter[str]) -> str:
    (first, most), *rest = counts.most_common()
    return TIE if rest and rest[0][1] == most else first
