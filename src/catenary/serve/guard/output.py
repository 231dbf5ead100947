"""The guard over a text that is being written: what has not been judged is not told.

Text is held back until there is enough of it to judge, and its last HOLD characters always: a word of a list, or a
telephone number, must not slip through in two pieces.
"""

from __future__ import annotations

from collections.abc import Sequence

from catenary.serve.guard.rules import Rule, Verdict

HOLD = 48  # characters: longer than any word of a list or number that is looked for
EVERY = 64  # new characters between two looks
CONTEXT = 2000  # characters already told that a rule sees too


class OutputGuard:
    """One answer's way past the rules."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)
        self._told = ""
        self._held = ""
        self._new = 0
        self.verdicts: list[Verdict] = []
        self.blocked = False

    @property
    def idle(self) -> bool:
        """Whether all passes: there is no rule."""
        return not self._rules

    async def push(self, text: str) -> str:
        """The text that may be told now."""
        if not self._rules:
            return text
        if self.blocked:
            return ""
        self._held += text
        self._new += len(text)
        if self._new < EVERY:
            return ""
        return await self._look(HOLD)

    async def end(self) -> str:
        """What was held back, judged."""
        if not self._rules or self.blocked:
            return ""
        return await self._look(0)

    async def _look(self, hold: int) -> str:
        self._new = 0
        for rule in self._rules:
            # What is told cannot be taken back: what a rule finds in it alone was judged before.
            found = await rule.judge(self._told + self._held if not rule.redacts else self._held)
            if found is None:
                continue
            verdict = Verdict("output", rule.name, found.action, found.detail)
            if verdict not in self.verdicts:
                self.verdicts.append(verdict)
            if found.action == "block":
                self.blocked, self._held = True, ""
                return ""
            if found.action == "redact":
                self._held = found.text
        cut = max(0, len(self._held) - hold)
        cut = min([cut, *(rule.safe_cut(self._held, cut) for rule in self._rules)])
        passed, self._held = self._held[:cut], self._held[cut:]
        self._told = (self._told + passed)[-CONTEXT:]
        return passed
