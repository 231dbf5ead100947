"""Topics and what each needs: a graph without cycles, and the way through it for someone who knows some of them.

    topics:
      counting: []
      addition: [counting]
      fractions: [addition]

What a mastered topic needs counts as mastered. Of topics that may come next, the first in the file does.
"""

from __future__ import annotations

import difflib
import heapq
import re
from collections.abc import Collection, Iterable
from functools import cached_property
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from catenary.apps.folded import fold
from catenary.chain.stage import Settings
from catenary.errors import InvalidInput

SEPARATORS = re.compile(r"[,，、;；:：\n]")  # between topics where a learner names several


class Topics(Settings):
    """The file. Raises InvalidInput for topics that are needed and not there, and for cycles, which it names."""

    topics: dict[str, list[str]] = Field(min_length=1)

    @field_validator("topics", mode="before")
    @classmethod
    def _none_needed(cls, raw: Any) -> Any:
        """`counting:` with nothing behind it needs nothing."""
        return {name: needs or [] for name, needs in raw.items()} if isinstance(raw, dict) else raw

    @model_validator(mode="after")
    def _holds(self) -> Self:
        for name, needs in self.topics.items():
            if not fold(name) or SEPARATORS.search(name):
                raise InvalidInput(
                    "This cannot be the name of a topic.", got=name, expected="text without , 、 ; : in it"
                )
            for need in needs:
                if need not in self.topics:
                    near = difflib.get_close_matches(need, list(self.topics), n=3)
                    raise InvalidInput(
                        "`{topic}` needs `{need}`, which is no topic here.",
                        topic=name,
                        need=need,
                        got=need,
                        expected="one of: {names}",
                        names=", ".join(near or self.topics),
                    )
        if len(self.by_fold) < len(self.topics):
            twice = next(name for name in self.topics if self.by_fold[fold(name)] != name)
            raise InvalidInput(
                "Two topics have one name but for case and width.", got=twice, expected="another name"
            )
        if cycle := self._cycle():
            raise InvalidInput(
                "These topics need each other in a circle: {cycle}.",
                got=cycle[0],
                cycle=" → ".join(cycle),
                expected="topics that can be learnt one after the other",
            )
        return self

    @cached_property
    def by_fold(self) -> dict[str, str]:
        """Name as it is compared → name."""
        return {fold(name): name for name in self.topics}

    def named(self, text: str) -> str | None:
        """The topic that a learner means, whatever its case, width, and a full stop behind it."""
        for one in (fold(text), fold(text).rstrip("。.!?？！ ")):
            if one in self.by_fold:
                return self.by_fold[one]
        return None

    def below(self, names: Iterable[str]) -> set[str]:
        """These topics and all that they need."""
        found: set[str] = set()
        todo = list(names)
        while todo:
            name = todo.pop()
            if name not in found:
                found.add(name)
                todo += self.topics[name]
        return found

    def path(self, mastered: Collection[str], goal: str | None = None) -> list[str]:
        """What is to be learnt, in order, up to `goal`; without one, everything."""
        todo = self.below([goal] if goal else self.topics) - self.below(mastered)
        return self._ordered(todo)

    def next(self, mastered: Collection[str], goal: str | None = None) -> list[str]:
        """The topics of the path that can be learnt at once."""
        known = self.below(mastered)
        return [name for name in self.path(mastered, goal) if known.issuperset(self.topics[name])]

    def _ordered(self, todo: Collection[str]) -> list[str]:
        """Kahn's order: each behind what it needs, the first of the file before others; as far as cycles let it."""
        names = list(self.topics)
        place = {name: at for at, name in enumerate(names)}
        waits = {name: len({one for one in self.topics[name] if one in todo}) for name in todo}
        needed_by: dict[str, list[str]] = {name: [] for name in todo}
        for name in todo:
            for need in set(self.topics[name]) & needed_by.keys():
                needed_by[need].append(name)
        ready = [place[name] for name, count in waits.items() if not count]
        heapq.heapify(ready)
        order: list[str] = []
        while ready:
            name = names[heapq.heappop(ready)]
            order.append(name)
            for later in needed_by[name]:
                waits[later] -= 1
                if not waits[later]:
                    heapq.heappush(ready, place[later])
        return order

    def _cycle(self) -> list[str]:
        """A cycle, its first topic again at its end; empty where there is none."""
        caught = set(self.topics).difference(self._ordered(self.topics))
        if not caught:
            return []
        # What Kahn's order leaves needs something else of it, for ever: walk until a topic comes again.
        walked = [next(name for name in self.topics if name in caught)]
        while True:
            need = next(one for one in self.topics[walked[-1]] if one in caught)
            if need in walked:
                return [*walked[walked.index(need) :], need]
            walked.append(need)
