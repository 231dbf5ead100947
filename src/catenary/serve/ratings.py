"""The rating page: raters read one answer without a name and give it points.

As the arena's: each rater has a link of their own; plain forms, no script, nothing loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from catenary.errors import InvalidInput
from catenary.evaluate.ratings import Sheet, Sheets
from catenary.messages import say
from catenary.serve.arena import Judged, serve_judging

STYLE = """
fieldset{border:1px solid var(--line);border-radius:.5rem;margin:0 0 1rem;padding:.4rem 1rem .8rem}
fieldset label{display:inline-flex;align-items:center;gap:.3rem;margin-right:1.2rem;padding:.3rem 0}
form.rate{display:block}
""".rstrip()


class Rated(Judged):
    """What is asked and taken on the page of a rater."""

    def __init__(self, sheets: Sheets, guidelines: str) -> None:
        self.sheets, self.guidelines = sheets, guidelines

    @property
    def title(self) -> str:
        return say("How good is this answer?")

    style = STYLE

    def page(self, rater: str) -> str:
        """The next answer, or thanks."""
        sheet, done = self.sheets.next(rater), self.sheets.done(rater)
        so_far = f'<p class="note">{escape(rater)} · {done} / {len(self.sheets.shown)}</p>'
        if sheet is None:
            return so_far + f"<p>{escape(say('All answers are rated. Thank you.'))}</p>"
        told = f'<p class="text note">{escape(self.guidelines)}</p>' if self.guidelines else ""
        return told + so_far + self._form(sheet)

    def take(self, rater: str, told: Mapping[str, str]) -> None:
        """Raises InvalidInput, ValueError for what is no rating."""
        names = {f"c{at}": name for at, name in enumerate(self.sheets.criteria)}
        if not names.keys() <= told.keys():
            raise InvalidInput("This is no rating.", got=", ".join(sorted(told)))
        points = {name: int(told[key]) for key, name in names.items()}
        self.sheets.rate(rater, int(told.get("answer", "-1")), points)

    def _form(self, sheet: Sheet) -> str:
        fields = "".join(
            f"<fieldset><legend>{escape(name)}</legend>"
            + "".join(
                f'<label><input type="radio" name="c{at}" value="{value}" required>{value}</label>'
                for value in range(1, self.sheets.scale + 1)
            )
            + "</fieldset>"
            for at, name in enumerate(self.sheets.criteria)
        )
        scale = escape(say("1 is the least, {most} the most.", most=self.sheets.scale))
        return (
            f'<h2>{escape(say("Question"))}</h2><p class="text">{escape(sheet.asked)}</p>'
            f'<section><h2>{escape(say("Answer"))}</h2><p class="text">{escape(sheet.answer)}</p></section>'
            f'<form method="post" class="rate"><p class="note">{scale}</p>{fields}'
            f'<input type="hidden" name="answer" value="{sheet.number}">'
            f"<button>{escape(say('Next'))}</button></form>"
        )


def serve_ratings(
    sheets: Sheets,
    raters: Sequence[str],
    *,
    guidelines: str = "",
    on_listening: Callable[[Mapping[str, str]], None],
    **where: Any,
) -> None:
    """Serve until a signal ends it, as `serve_arena` does; `where` is its host, port and allow_remote."""
    serve_judging(Rated(sheets, guidelines), raters, on_listening=on_listening, **where)
