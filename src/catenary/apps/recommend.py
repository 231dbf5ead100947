"""Items by text and history, each with its reason: what in the history, or in the wish, it goes with.

An item is a document of the index; its name is the document's first line. A history is a list of names, a line each. Of
what is asked, the lines that name items are the history of who asks, the others are the wish.

1. By content: items whose text has the rare words of the wish, or of the items of the history (BM25).
2. By histories: items that stand with those in other histories, as the cosine of the sets of histories that have them
   (Sarwar et al. 2001), the nearest of each item, the sum over the history.
3. Both orders are joined by reciprocal ranks. Where nothing was said, what most histories have is told as that.
4. What is in the history or in `exclude` is left out; `diversity` puts items back that say the same as one before
   (maximal marginal relevance, Carbonell and Goldstein 1998).
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Sequence, Set
from dataclasses import dataclass, field
from functools import lru_cache
from heapq import nsmallest
from itertools import islice

from catenary.apps.port import App, Conversation, Note, Piece
from catenary.apps.templates import template
from catenary.messages import Language, say
from catenary.search import SearchIndex
from catenary.search.terms import question_terms

RANK_CONSTANT = 60  # Cormack et al. 2009
CANDIDATES = 100  # of each kind, that ranks are joined of
BEGINNING = 2000  # characters of an item that say what it is
KEPT = 2000  # items whose words and likes are kept in memory
SPOKEN_OF = 12  # words of an item that others are looked up by, the rarest
REMEMBERED = 20  # items of a history that are looked at, the last


@dataclass(frozen=True, slots=True)
class RecommendRules:
    """`items`: how many are told. `exclude`: never told. `diversity`: from 0, the best alone, to 1, the most unlike."""

    items: int = 5
    exclude: Collection[str] = ()
    diversity: float = 0.0


@dataclass(slots=True)
class Recommended:
    """An item and why: `words` it shares with the wish, `like` items of the history in content, `together` with how
    many histories it stands in beside which; `popular` where nothing but that speaks for it."""

    name: str
    document: str
    score: float = 0.0
    words: list[str] = field(default_factory=list)
    like: list[str] = field(default_factory=list)
    together: dict[str, int] = field(default_factory=dict)
    popular: int = 0


class Recommender:
    """The items of an index and the histories that name them. Safe to ask from several threads."""

    def __init__(self, index: SearchIndex, histories: Iterable[Sequence[str]] = ()) -> None:
        self.index = index
        self.names = {document: name_of(text) for document, text in index.documents()}
        self.documents: dict[str, str] = {}
        for document, name in self.names.items():
            self.documents.setdefault(name, document)
        self._histories = [
            list(dict.fromkeys(one for one in history if one in self.documents)) for history in histories
        ]
        self._having: dict[str, set[int]] = defaultdict(set)
        for number, history in enumerate(self._histories):
            for name in history:
                self._having[name].add(number)
        self._popular = sorted(self._having, key=lambda name: (-len(self._having[name]), name))
        self._words = lru_cache(KEPT)(self._find_words)
        self._like = lru_cache(KEPT)(self._find_like)
        self._beside = lru_cache(KEPT)(self._find_beside)

    def best(self, history: Sequence[str], wish: str, rules: RecommendRules) -> list[Recommended]:
        """The items for who had those of `history` and wishes for this, best first."""
        had = [name for name in dict.fromkeys(history) if name in self.documents][-REMEMBERED:]
        found: dict[str, Recommended] = {}
        hidden = {*history, *rules.exclude}
        content, together = self._by_content(had, wish, found), self._by_histories(had, found)
        for order in (content, together):
            ranked = sorted(
                (name for name in order if name not in hidden), key=lambda name: (-order[name], name)
            )
            for rank, name in enumerate(ranked[:CANDIDATES], 1):
                found[name].score += 1 / (RANK_CONSTANT + rank)
        candidates = [one for one in found.values() if one.score > 0]
        candidates.sort(key=lambda one: (-one.score, one.name))
        if not candidates and not wish.strip():
            candidates = [
                Recommended(name, self.documents[name], popular=len(self._having[name]))
                for name in self.popular(hidden, rules.items)
            ]
        chosen = self._diverse(candidates[:CANDIDATES], rules)
        for one in chosen:
            one.words = [word for word in question_terms(wish) if word in self._words(one.name)]
        return chosen

    def popular(self, hidden: Collection[str], most: int) -> list[str]:
        """What most histories have, but for these: the control."""
        return list(islice((name for name in self._popular if name not in hidden), most))

    def _by_content(self, had: Sequence[str], wish: str, found: dict[str, Recommended]) -> dict[str, float]:
        scores: dict[str, float] = defaultdict(float)
        for name, score in self._speaking_of(wish):
            self._note(found, name)
            scores[name] += score
        for one in had:
            for name, score in self._like(one):
                self._note(found, name).like.append(one)
                scores[name] += score / len(had)
        return scores

    def _by_histories(self, had: Sequence[str], found: dict[str, Recommended]) -> dict[str, float]:
        scores: dict[str, float] = defaultdict(float)
        for one in had:
            for name, score, both in self._beside(one):
                self._note(found, name).together[one] = both
                scores[name] += score
        return scores

    def _speaking_of(self, question: str) -> list[tuple[str, float]]:
        """(name, share of the best score) of the items that have words of this, best first."""
        hits = self.index.search(question, CANDIDATES) if question.strip() else []
        told: dict[str, float] = {}
        for hit in hits:
            told.setdefault(self.names[hit.passage.document], hit.words / hits[0].words)
        return list(told.items())

    def _find_words(self, name: str) -> dict[str, None]:
        """The different words that an item begins with, in their order."""
        return dict.fromkeys(question_terms(self.index.text_of(self.documents[name])[:BEGINNING]))

    def _find_like(self, name: str) -> list[tuple[str, float]]:
        """(name, share of the best score) of the items that have the rare words of this one."""
        rare = sorted(self._words(name), key=lambda word: -self.index.rarity(word))[:SPOKEN_OF]
        return [one for one in self._speaking_of(" ".join(rare)) if one[0] != name]

    def _find_beside(self, name: str) -> list[tuple[str, float, int]]:
        """(name, cosine, histories with both) of the items nearest to this one by histories."""
        having = self._having.get(name, set())
        beside = Counter(other for number in having for other in self._histories[number] if other != name)
        near = (
            (other, both / (len(having) * len(self._having[other])) ** 0.5, both)
            for other, both in beside.items()
        )
        return nsmallest(CANDIDATES, near, key=lambda one: (-one[1], one[0]))

    def _note(self, found: dict[str, Recommended], name: str) -> Recommended:
        return found.setdefault(name, Recommended(name, self.documents[name]))

    def _diverse(self, candidates: list[Recommended], rules: RecommendRules) -> list[Recommended]:
        if rules.diversity == 0 or len(candidates) < 2:
            return candidates[: rules.items]
        best = candidates[0].score or 1.0
        chosen: list[Recommended] = []
        nearest = {one.name: 0.0 for one in candidates}
        left = list(candidates)
        while left and len(chosen) < rules.items:
            last = max(
                left,
                key=lambda one: (
                    (1 - rules.diversity) * one.score / best - rules.diversity * nearest[one.name]
                ),
            )
            chosen.append(last)
            left.remove(last)
            for one in left:
                alike = _alike(self._words(one.name).keys(), self._words(last.name).keys())
                nearest[one.name] = max(nearest[one.name], alike)
        return chosen


def recommend(known: Recommender, rules: RecommendRules) -> App:
    """The application: a line for each item, with its reason; the receipt has what spoke for it."""

    async def answer(conversation: Conversation) -> AsyncIterator[Piece]:
        lines = [line.strip().lstrip("-•* ") for text in conversation.asked for line in text.split("\n")]
        history = [line for line in lines if line in known.documents]
        asked = [line.strip().lstrip("-•* ") for line in conversation.question.split("\n")]
        wish = "\n".join(line for line in asked if line not in known.documents)
        best = await asyncio.to_thread(known.best, history, wish, rules)
        yield Note(
            {
                "template": template("recommend", ""),
                "history": history,
                "recommended": [
                    {
                        "item": one.name,
                        "document": one.document,
                        "score": round(one.score, 6),
                        "words": one.words,
                        "like": one.like,
                        "together": one.together,
                        "popular": one.popular,
                    }
                    for one in best
                ],
            }
        )
        language = conversation.language
        if not best:
            yield say("Nothing here goes with that.", lang=language)
        for number, one in enumerate(best, 1):
            yield ("\n" if number > 1 else "") + f"{number}. {one.name} – {reason(one, language)}"

    return answer


def reason(one: Recommended, language: Language) -> str:
    """Why an item is told, in a sentence that names what it goes with."""
    said = []
    comma = "、" if language == "zh" else ", "
    if one.words:
        said.append(say("speaks of {words}", lang=language, words=comma.join(one.words[:5])))
    if one.together:
        name = max(one.together, key=lambda name: (one.together[name], name))
        said.append(
            say("{count} histories have it beside {item}", lang=language, count=one.together[name], item=name)
        )
    elif one.like:
        said.append(say("is like {item}", lang=language, item=comma.join(one.like[:2])))
    if one.popular:
        said.append(say("{count} histories have it; nothing else is known", lang=language, count=one.popular))
    return ("；" if language == "zh" else "; ").join(said)


def name_of(text: str) -> str:
    """An item's name: the first line that says something, without the mark of a heading."""
    return next((line.strip().lstrip("# ") for line in text.split("\n") if line.strip()), "")


def _alike(one: Set[str], other: Set[str]) -> float:
    """The Dice coefficient of two sets of words."""
    return 2 * len(one & other) / max(len(one) + len(other), 1)
