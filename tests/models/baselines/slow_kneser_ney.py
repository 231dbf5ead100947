"""Modified Kneser-Ney straight from Chen & Goodman's equations, with dictionaries: slow, and independent of ours."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

BEGIN, END = "<s>", "</s>"
Gram = tuple[object, ...]


class SlowKneserNey:
    def __init__(self, sequences: Sequence[Sequence[int]], order: int, vocab_size: int) -> None:
        self.order, self.uniform = order, 1 / (vocab_size + 1)
        occurrences: Counter[Gram] = Counter()
        for sequence in sequences:
            marked = [BEGIN, *sequence, END]
            for start in range(len(marked)):
                for stop in range(start + 1, min(start + order, len(marked)) + 1):
                    occurrences[tuple(marked[start:stop])] += 1
        preceding: dict[Gram, set[object]] = defaultdict(set)
        for gram in occurrences:
            preceding[gram[1:]].add(gram[0])
        self.adjusted: dict[Gram, int] = {
            gram: count if len(gram) == order or gram[0] == BEGIN else len(preceding[gram])
            for gram, count in occurrences.items()
            if gram != (BEGIN,)
        }
        self.following: dict[Gram, list[Gram]] = defaultdict(list)
        for gram in self.adjusted:
            self.following[gram[:-1]].append(gram)
        self.discounts = {length: self._discounts(length) for length in range(1, order + 1)}

    def _discounts(self, length: int) -> tuple[float, ...]:
        n = Counter(count for gram, count in self.adjusted.items() if len(gram) == length)
        if not (n[1] and n[2] and n[3]):
            return (0.0, 0.5, 1.0, 1.5)
        y = n[1] / (n[1] + 2 * n[2])
        found = [j - (j + 1) * y * n[j + 1] / n[j] for j in (1, 2, 3)]
        if not all(0 < d <= j for j, d in enumerate(found, 1)):
            return (0.0, 0.5, 1.0, 1.5)
        return (0.0, *found)

    def probability(self, token: object, context: Gram) -> float:
        shorter = self.probability(token, context[1:]) if context else self.uniform
        grams = self.following.get(context)
        if not grams:
            return shorter
        d = self.discounts[len(context) + 1]
        total = sum(self.adjusted[gram] for gram in grams)
        gamma = sum(d[min(self.adjusted[gram], 3)] for gram in grams) / total
        own = self.adjusted.get((*context, token), 0)
        return (own - d[min(own, 3)]) / total + gamma * shorter

    def probabilities(self, sequence: Sequence[int]) -> list[float]:
        marked: list[object] = [BEGIN, *sequence, END]
        return [
            self.probability(marked[at], tuple(marked[max(0, at - self.order + 1) : at]))
            for at in range(1, len(marked))
        ]
