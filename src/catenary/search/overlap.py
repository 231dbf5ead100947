"""The control of every index: passages by how many different words of the question they have, as `grep` would count.

No rarity, no length, no stems, no headings: words as they stand there, Chinese ones by jieba.
"""

from __future__ import annotations

from heapq import nlargest

from catenary.search.index import Found, SearchIndex
from catenary.search.terms import words


class Overlap:
    """Passages of an index, looked through one by one."""

    def __init__(self, index: SearchIndex) -> None:
        self._index = index
        self._words = [set(words(index.row(number)["text"])) for number in range(index.told["passages"])]

    def search(self, question: str, limit: int = 10) -> list[Found]:
        """The passages that have most of the question's words; of equal ones the first in the index."""
        asked = set(words(question))
        shares = ((len(asked & have), -number) for number, have in enumerate(self._words))
        best = [(count, -number) for count, number in nlargest(limit, shares) if count]
        return [
            Found(self._index.passage(number), count / len(asked), float(count), count / len(asked), None)
            for count, number in best
        ]
