"""What raters are shown, and what they said: pairs of answers in blind order, and a file of votes that outlives all.

    pairs = pairs_of(Path("report/answers.jsonl"))            # what `catenary evaluate --out report` wrote
    ballots = Ballots(pairs, Path("votes.jsonl"))
    ballot = ballots.next("ann")                              # a question and two answers; which is whose is not told
    ballots.vote("ann", ballot.number, "left")

Every rater judges every pair once, in an order of their own. A vote is on disk before it counts.
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from catenary.errors import Damaged, InvalidInput, NotFound
from catenary.evaluate.arena import Vote, shown_first
from catenary.evaluate.kept_lines import append_line, drop_torn

TIE = "tie"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two models' answers to one question."""

    question: str
    asked: str
    first: str
    second: str
    answers: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Ballot:
    """A pair as one rater sees it: `number` says which, `left` and `right` are answers without names."""

    number: int
    asked: str
    left: str
    right: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A question and what each model said to it."""

    question: str
    asked: str
    said: Mapping[str, str]


def answers_of(path: Path) -> list[Answered]:
    """The questions of an answers.jsonl. Raises NotFound, InvalidInput for a file that is none."""
    if not path.is_file():
        raise NotFound("There is no file of answers here.", got=str(path), next="catenary evaluate … --out")
    found = []
    try:
        for row in (json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()):
            asked = row["asked"] if "asked" in row else "\n".join(turn["user"] for turn in row["turns"])
            said = {name: _text(one) for name, one in row["said"].items()}
            found.append(Answered(str(row["item"]), str(asked), said))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(
            "This is no file of answers.",
            where=str(path),
            got=str(error),
            expected="answers.jsonl of `catenary evaluate --out`",
        ) from None
    return found


def pairs_of(path: Path) -> list[Pair]:
    """Every two models on every question of an answers.jsonl, where they did not say the same.

    Raises what `answers_of` raises, InvalidInput for a file without two models that wrote something different.
    """
    pairs = [
        Pair(one.question, one.asked, a, b, (one.said[a], one.said[b]))
        for one in answers_of(path)
        for a, b in combinations(one.said, 2)
        if one.said[a] != one.said[b]
    ]
    if not pairs:
        raise InvalidInput(
            "There are no two answers to compare.",
            where=str(path),
            expected="two models that answered the same question differently",
        )
    return pairs


def _text(said: Any) -> str:
    return "\n\n".join(map(str, said)) if isinstance(said, list) else str(said)


def read_votes(path: Path) -> list[Vote]:
    """The votes of a file, none where there is none. Raises Damaged, naming the line."""
    votes = []
    lines = path.read_text("utf-8").splitlines() if path.is_file() else []
    for number, line in enumerate(lines, 1):
        try:
            votes.append(Vote(**json.loads(line)))
        except (ValueError, TypeError) as error:
            raise Damaged(
                "A vote cannot be read.",
                where=f"{path}:{number}",
                got=str(error),
                next="remove this line: it is the only one that is lost",
            ) from None
    return votes


class Ballots:
    """Pairs and votes; several raters may vote at once."""

    def __init__(self, pairs: Sequence[Pair], votes: Path, *, seed: int = 17) -> None:
        self.pairs, self.file, self.seed = list(pairs), votes, seed
        drop_torn(votes)
        self.votes = read_votes(votes)
        self._lock = threading.Lock()
        self._judged = {_key(vote.rater, vote.question, vote.first, vote.second) for vote in self.votes}

    def next(self, rater: str) -> Ballot | None:
        """The next pair that this rater has not judged; None when all are."""
        numbers = list(range(len(self.pairs)))
        random.Random(f"{self.seed}:{rater}").shuffle(numbers)
        return next((self.ballot(rater, n) for n in numbers if not self._has_judged(rater, n)), None)

    def ballot(self, rater: str, number: int) -> Ballot:
        """One pair as this rater sees it."""
        pair = self.pairs[number]
        left, _ = shown_first(pair.question, pair.first, pair.second, rater, self.seed)
        answers = pair.answers if left == pair.first else pair.answers[::-1]
        return Ballot(number, pair.asked, *answers)

    def done(self, rater: str) -> int:
        """How many pairs this rater has judged."""
        return sum(self._has_judged(rater, number) for number in range(len(self.pairs)))

    def vote(self, rater: str, number: int, choice: str) -> bool:
        """Write a vote (left, right or tie) down; False where this rater has judged the pair before.

        Raises InvalidInput for a pair or a choice that there is not.
        """
        if choice not in ("left", "right", TIE) or not 0 <= number < len(self.pairs):
            raise InvalidInput("This is no vote.", got=choice, expected="left, right or tie, on a pair shown")
        pair = self.pairs[number]
        left, right = shown_first(pair.question, pair.first, pair.second, rater, self.seed)
        winner = {"left": left, "right": right, TIE: TIE}[choice]
        return self.record(Vote(pair.question, pair.first, pair.second, winner, rater))

    def record(self, vote: Vote) -> bool:
        """Write a vote down; False where this rater has judged the pair before."""
        key = _key(vote.rater, vote.question, vote.first, vote.second)
        with self._lock:
            if key in self._judged:
                return False
            append_line(self.file, asdict(vote))
            self._judged.add(key)
            self.votes.append(vote)
        return True

    def _has_judged(self, rater: str, number: int) -> bool:
        pair = self.pairs[number]
        return _key(rater, pair.question, pair.first, pair.second) in self._judged


def _key(rater: str, question: str, first: str, second: str) -> tuple[str, str, str, str]:
    a, b = sorted((first, second))
    return rater, question, a, b
