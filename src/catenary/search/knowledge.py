"""Facts of an index's passages as a graph: an RDF store whose every edge lies in the graph of the sentence it is from.

    facts.nq         N-Quads, sorted: <name> <relation> <name or "text"> <passage and place>; any RDF tool reads it
    knowledge.json   what made it

The graph's name is the citation, so an edge without a source cannot be written, and all that a document stated goes
with it. What an earlier graph has of a document that did not change is taken over, where names were found alike.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from catenary.data.stop_words import ASKED_WITH, LITTLE_SAID
from catenary.errors import Damaged, NotFound
from catenary.progress import SILENT, Progress
from catenary.search.chunk import is_wide
from catenary.search.facts import RELATIONS, Named, Relation, facts
from catenary.search.index import Found, SearchIndex
from catenary.search.terms import HAN, latin

if TYPE_CHECKING:
    import pyoxigraph

    from catenary.search.index import Floats

FORMAT = 2
FACTS_FILE, SETTINGS_FILE = "facts.nq", "knowledge.json"
NAME, RELATION, PLACE = "urn:catenary:name:", "urn:catenary:relation:", "urn:catenary:sentence:"
KIND = "urn:catenary:kind:"
LABEL = "http://www.w3.org/2000/01/rdf-schema#label"
TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
WORDS_OF_NAME, CHARACTERS_OF_NAME = 4, 10
ADDED = 2  # passages at most
ADDED_AFTER = 3  # the best passages stay where they are


@dataclass(frozen=True, slots=True)
class Tagging:
    """What finds the persons, places and organisations of a text. `model`: its id, for the graph's settings."""

    model: str
    languages: tuple[str, ...]
    tag: Callable[[str], Sequence[Named]]


@dataclass(frozen=True, slots=True)
class Known:
    """What came of it: documents taken over, read anew, and gone. `kinds`: how many names are persons, places …"""

    documents: int
    facts: int
    names: int
    kinds: dict[str, int]
    new: int
    kept: int
    gone: int


@dataclass(frozen=True, slots=True)
class Stated:
    """A fact with its citation: the passage, and the characters of its document that state it."""

    subject: str
    relation: Relation
    object: str
    passage: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A name beside another: how, in how many sentences, and the first of them."""

    name: str
    relation: Relation
    times: int
    stated: Stated


def build_knowledge(
    index: SearchIndex,
    out: Path,
    *,
    tagging: Tagging | None = None,
    before: Path | None = None,
    progress: Progress = SILENT,
) -> Known:
    """Write the graph of an index's passages into the folder `out`; `before` is an earlier graph's folder."""
    made = {
        "format": FORMAT,
        "chunk": index.told["chunk"],
        "tagger": tagging and {"model": tagging.model, "languages": list(tagging.languages)},
    }
    earlier = _by_document(before, made)
    lines: set[str] = set()
    ids = [document for document, _ in index.documents()]
    progress.begin("reading facts", len(ids), "documents")
    for id in ids:
        told = earlier[id] if id in earlier else set(_lines(index, id, tagging))
        lines |= told
        progress.advance(1)
    names = {line.split(" ", 1)[0] for line in lines}
    (out / FACTS_FILE).write_text("".join(f"{line}\n" for line in sorted(lines)), "utf-8")
    kept = len(earlier.keys() & set(ids))
    known = Known(
        documents=len(ids),
        facts=sum(f"<{LABEL}>" not in line and f"<{TYPE}>" not in line for line in lines),
        names=len(names),
        kinds=_kinds_in(lines),
        new=len(ids) - kept,
        kept=kept,
        gone=len(earlier) - kept,
    )
    settings = made | {"documents": sorted(ids)}
    (out / SETTINGS_FILE).write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n", "utf-8")
    return known


def _kinds_in(lines: set[str]) -> dict[str, int]:
    """kind → how many names most sentences take for one."""
    told: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for line in lines:
        subject, predicate, kind, _ = line.split(" ", 3)
        if predicate == f"<{TYPE}>":
            told[subject][kind[1:-1].removeprefix(KIND)] += 1
    return dict(sorted(Counter(most_said(counts) for counts in told.values()).items()))


def most_said(counts: Counter[str]) -> str:
    """What is counted most; of equals the first."""
    return min(counts, key=lambda one: (-counts[one], one))


def _by_document(folder: Path | None, made: dict[str, Any]) -> dict[str, set[str]]:
    """document → its lines in an earlier graph that was made alike."""
    if folder is None or not (folder / SETTINGS_FILE).is_file():
        return {}
    told = json.loads((folder / SETTINGS_FILE).read_text("utf-8"))
    if any(told.get(key) != value for key, value in made.items()):
        return {}
    found: dict[str, set[str]] = {document: set() for document in told["documents"]}
    for line in (folder / FACTS_FILE).read_text("utf-8").splitlines():
        place = line.rpartition(f"<{PLACE}")[2]
        found[unquote(place.split(":", 1)[0])].add(line)
    return found


def _lines(index: SearchIndex, document: str, tagging: Tagging | None) -> Iterator[str]:
    """The quads of a document; a sentence that two passages share is read in the first of them."""
    from pyoxigraph import Literal, NamedNode, Quad

    read: set[tuple[int, int, str, str, str]] = set()
    for number in index.passages_of(document) or ():
        passage = index.passage(number)
        named = () if tagging is None else tagging.tag(passage.text)
        for fact in facts(passage.text, passage.headings, named):
            start, end = passage.start + fact.start, passage.start + fact.end
            key = (start, end, fact.subject, fact.relation, fact.object)
            if key in read:
                continue
            read.add(key)
            place = NamedNode(
                f"{PLACE}{quote(document, safe='')}:{passage.start}-{passage.end}:{start}-{end}"
            )
            subject, relation = NamedNode(_node(fact.subject)), NamedNode(RELATION + fact.relation)
            other: NamedNode | Literal = NamedNode(_node(fact.object))
            if fact.relation == "is":
                other = Literal(fact.object)
            elif fact.relation == "kind":
                relation, other = NamedNode(TYPE), NamedNode(KIND + quote(fact.object, safe=""))
            yield f"{Quad(subject, relation, other, place)} ."
            for name in (fact.subject, fact.object) if _joins(fact.relation) else (fact.subject,):
                yield f"{Quad(NamedNode(_node(name)), NamedNode(LABEL), Literal(name), place)} ."


def _joins(relation: Relation) -> bool:
    """Whether it stands between two names."""
    return relation in ("with", "under")


def _node(name: str) -> str:
    return NAME + quote(" ".join(name.casefold().split()), safe="")


class Knowledge:
    """An open graph. Safe to ask from several threads."""

    def __init__(self, folder: Path) -> None:
        from pyoxigraph import RdfFormat, Store

        if not (folder / SETTINGS_FILE).is_file():
            raise NotFound(
                "There is no knowledge here.",
                got=str(folder),
                expected="what `indexes: {name: {kind: knowledge, from: …}}` makes",
            )
        self._store: pyoxigraph.Store = Store()
        try:
            self._store.bulk_load(path=str(folder / FACTS_FILE), format=RdfFormat.N_QUADS)
        except (OSError, SyntaxError, ValueError) as error:
            raise Damaged("This knowledge cannot be read.", got=f"{folder}: {error}") from error

    @cached_property
    def _labels(self) -> dict[str, str]:
        """node → the form of its name that most sentences have; of equals the first."""
        from pyoxigraph import NamedNode

        forms: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for quad in self._store.quads_for_pattern(None, NamedNode(LABEL), None):
            forms[_text(quad.subject)][_text(quad.object)] += 1
        return {node: most_said(counts) for node, counts in forms.items()}

    @cached_property
    def _kinds(self) -> dict[str, str]:
        """node → the kind that most sentences take it for."""
        from pyoxigraph import NamedNode

        told: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for quad in self._store.quads_for_pattern(None, NamedNode(TYPE), None):
            told[_text(quad.subject)][unquote(_text(quad.object).removeprefix(KIND))] += 1
        return {node: most_said(counts) for node, counts in told.items()}

    @cached_property
    def kinds(self) -> list[str]:
        """The kinds of names that the graph tells apart."""
        return sorted(set(self._kinds.values()))

    def kind_of(self, name: str) -> str | None:
        """What most sentences take a name for: a person, a place …; None where no tagger named it."""
        return self._kinds.get(_node(name))

    @cached_property
    def _ranked(self) -> list[tuple[str, int]]:
        """Nodes by how many facts are about them."""
        counts: Counter[str] = Counter()
        for quad in self._store.quads_for_pattern(None, None, None):
            relation = quad.predicate.value
            if relation == TYPE:
                counts[_text(quad.subject)] += 0  # a name, though no fact may be about it
            elif relation != LABEL:
                counts[_text(quad.subject)] += 1
                if relation != f"{RELATION}is":
                    counts[_text(quad.object)] += 1
        return sorted(counts.items(), key=lambda one: (-one[1], one[0]))

    def names(self, limit: int, kind: str | None = None) -> list[tuple[str, int]]:
        """The names that most facts are about, of one kind perhaps, with how many those are."""
        told = [one for one in self._ranked if kind is None or self._kinds.get(one[0]) == kind]
        return [(self._labels[node], count) for node, count in told[:limit]]

    def stated(self, name: str) -> list[Stated]:
        """All facts about a name: what it is first, then by their places."""
        from pyoxigraph import NamedNode

        node = NamedNode(_node(name))
        quads = {
            *self._store.quads_for_pattern(node, None, None),
            *self._store.quads_for_pattern(None, None, node),
        }
        found = [self._told(quad) for quad in quads if quad.predicate.value != LABEL]
        order = {relation: rank for rank, relation in enumerate(RELATIONS)}
        return sorted(found, key=lambda one: (order[one.relation], one.passage, one.start, one.object))

    def neighbours(self, name: str, limit: int) -> list[Neighbour]:
        """The names beside a name, those of most sentences first."""
        own = self._labels.get(_node(name), name)
        beside: dict[tuple[str, Relation], list[Stated]] = {}
        for one in self.stated(name):
            if _joins(one.relation):
                other = one.object if one.subject == own else one.subject
                beside.setdefault((other, one.relation), []).append(one)
        ranked = sorted(beside.items(), key=lambda item: (-len(item[1]), item[0]))
        return [
            Neighbour(other, relation, len(found), found[0])
            for (other, relation), found in ranked[:limit]
            if other != own
        ]

    def _told(self, quad: pyoxigraph.Quad) -> Stated:
        kind = quad.predicate.value == TYPE
        relation: Any = "kind" if kind else quad.predicate.value.removeprefix(RELATION)
        document, span, place = _text(quad.graph_name).removeprefix(PLACE).split(":")
        start, _, end = place.partition("-")
        subject, other = _text(quad.subject), _text(quad.object)
        return Stated(
            self._labels[subject],
            relation,
            unquote(other.removeprefix(KIND)) if kind else self._labels[other] if _joins(relation) else other,
            f"{unquote(document)}:{span}",
            int(start),
            int(end),
        )

    def named_in(self, question: str) -> list[str]:
        """The names of the graph that stand in a question, longest first; none within another."""
        found: list[str] = []
        for wanted in sorted(set(_spans(question)), key=lambda one: (-len(one), one)):
            label = self._labels.get(_node(wanted))
            if label is not None and not any(wanted in known.casefold() for known in found):
                found.append(label)
        return found

    def defining(self, question: str, limit: int = ADDED) -> list[str]:
        """Passages that say what the things named in a question are, in its own script."""
        wide = is_wide(question)
        passages = [
            one.passage
            for name in self.named_in(question)
            for one in self.stated(name)
            if one.relation == "is" and is_wide(one.object) == wide
        ]
        return list(dict.fromkeys(passages))[:limit]


def _text(term: Any) -> str:
    # Its types allow triples and the default graph, which this module never writes.
    text: str = term.value
    return text


def _spans(question: str) -> Iterator[str]:
    """All that a question may name: some words in a row, or some Chinese characters."""
    words = latin(question)
    for count in range(1, WORDS_OF_NAME + 1):
        for at in range(len(words) - count + 1):
            span = " ".join(words[at : at + count])
            if span not in LITTLE_SAID and span not in ASKED_WITH:
                yield span
    for run in HAN.findall(question):
        for count in range(2, CHARACTERS_OF_NAME + 1):
            yield from (run[at : at + count] for at in range(len(run) - count + 1))


def with_facts(
    index: SearchIndex,
    knowledge: Knowledge,
    question: str,
    found: Sequence[Found],
    *,
    vector: Floats | None = None,
) -> list[Found]:
    """What was found, and behind its best the passages that define what the question names; as many as were found.

    Where nothing was found, nothing is added: a name alone makes no question answerable.
    """
    if not found:
        return []
    here = {one.passage.id for one in found[:ADDED_AFTER]}
    wanted = [passage for passage in knowledge.defining(question) if passage not in here]
    added = index.judged(question, wanted, vector=vector)
    ids = {one.passage.id for one in added}
    rest = [one for one in found[ADDED_AFTER:] if one.passage.id not in ids]
    return [*found[:ADDED_AFTER], *added, *rest][: max(len(found), ADDED_AFTER + len(added))]
