"""The guard: rules on what is asked, retrieved and answered, each with a verdict that the receipt keeps.

    rules.py      keywords, personal data, injection, length, topics, a classifier of one's own
    output.py     the same rules over a text that is still being written

A rule blocks, flags or redacts. What is blocked ends with `content_filter`; the words that a rule met stand in no
verdict, only the rule, the list and how often.

    guard = Guard(input=(Keywords(...), Injection("block")), output=(PersonalData("redact"),))
    checked = await guard.check_input(["…"])
    checked.blocked, checked.texts, checked.verdicts
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from catenary.serve.guard.output import OutputGuard
from catenary.serve.guard.rules import Found, Rule, Side, Verdict


@dataclass(frozen=True, slots=True)
class Checked:
    """Texts as they may go on, and what was found."""

    texts: tuple[str, ...]
    verdicts: tuple[Verdict, ...]

    @property
    def blocked(self) -> bool:
        return any(verdict.action == "block" for verdict in self.verdicts)


@dataclass(frozen=True, slots=True)
class Guard:
    """The rules of a gateway or an endpoint."""

    input: tuple[Rule, ...] = field(default=())
    output: tuple[Rule, ...] = field(default=())
    passages: tuple[Rule, ...] = field(default=())

    async def check_input(self, texts: Sequence[str], operators: Collection[int] = ()) -> Checked:
        """Every rule on every text, in order; a later rule sees what an earlier one redacted.

        `operators`: which texts are the operator's own instructions, which the rules for users' texts leave alone.
        """
        verdicts: list[Verdict] = []
        passed = list(texts)
        for rule in self.input:
            for at, text in enumerate(passed):
                if rule.users_only and at in operators:
                    continue
                found = await rule.judge(text)
                if found is not None:
                    verdicts.append(Verdict("input", rule.name, found.action, found.detail))
                    passed[at] = found.text
        return Checked(tuple(passed), tuple(verdicts))

    async def check_passages(self, texts: Sequence[str]) -> list[Checked]:
        """Every rule on every passage that a model is about to read; one that is blocked it must not see."""
        return [await _checked("passages", self.passages, text) for text in texts]

    def of_output(self) -> OutputGuard:
        """The rules over one answer."""
        return OutputGuard(self.output)


async def _checked(side: Side, rules: Sequence[Rule], text: str) -> Checked:
    verdicts = []
    for rule in rules:
        found = await rule.judge(text)
        if found is not None:
            verdicts.append(Verdict(side, rule.name, found.action, found.detail))
            text = found.text
    return Checked((text,), tuple(verdicts))


OPEN = Guard()
"""The guard that lets everything pass."""

__all__ = ["OPEN", "Checked", "Found", "Guard", "OutputGuard", "Rule", "Verdict"]
