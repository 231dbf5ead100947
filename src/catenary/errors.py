"""The errors that a user meets: what failed, what we got, what we expected, and the next command to type.

    raise CatenaryError(
        "No artifact with this id.", got=name, expected="an id that `catenary status` lists", next="catenary status"
    )

`assert` is for us; `CatenaryError` is for users. Catch what you can name.
"""

from __future__ import annotations

from catenary.messages import Language, say


class CatenaryError(Exception):
    """An error with a way out. All texts are messages (see `messages.py`); `values` fill their {places}."""

    exit_code = 1

    def __init__(
        self,
        what: str,
        *,
        got: object | None = None,
        expected: str | None = None,
        next: str | None = None,  # noqa: A002 - the word the user reads
        where: str | None = None,
        **values: object,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.got = got
        self.expected = expected
        self.next = next
        self.where = where
        self.values = values

    def lines(self, lang: Language | None = None) -> list[tuple[str, str]]:
        """(heading, text) pairs in reading order; the first heading is empty."""
        told = [("", say(self.what, lang=lang, **self.values))]
        if self.where is not None:
            told.append((say("where", lang=lang), self.where))
        if self.got is not None:
            told.append((say("got", lang=lang), str(self.got)))
        if self.expected is not None:
            told.append((say("expected", lang=lang), say(self.expected, lang=lang, **self.values)))
        if self.next is not None:
            told.append((say("next", lang=lang), say(self.next, lang=lang, **self.values)))
        return told

    def __str__(self) -> str:
        return "\n".join(f"{head}: {text}" if head else text for head, text in self.lines())


class InvalidInput(CatenaryError):
    """A file, a setting or an argument that cannot be used as it is."""

    exit_code = 2


class NotFound(CatenaryError):
    """A name, an id or a file that is not there."""

    exit_code = 3


class Refused(CatenaryError):
    """An action that the rules do not allow: a gate failed, a sign-off is missing, a role lacks the right."""

    exit_code = 4


class Damaged(CatenaryError):
    """Something stored is not what was written: a hash, a signature or a structure does not hold."""

    exit_code = 5


class Interrupted(CatenaryError):
    """Stopped by the user; running again goes on from here."""

    exit_code = 130


class CatenaryWarning(UserWarning):
    """Something a user should know of that does not stop the work."""
