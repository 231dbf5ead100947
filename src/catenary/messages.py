"""What Catenary says, in English and Chinese, from one catalogue.

The English text is the key; `messages.zh.json` holds the Chinese. `say` fills in the values:

    >>> say("{n} documents kept", n=3)
    '3 documents kept'

A test reads every `say("…")` and `CatenaryError("…")` in the source and fails where the catalogue lacks it.
"""

from __future__ import annotations

import json
import os
import re
from contextvars import ContextVar
from functools import cache
from importlib.resources import files
from typing import Literal, cast

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")
HAN = re.compile(r"[\u3400-\u9fff]")

_language: ContextVar[Language | None] = ContextVar("language", default=None)


def language_of_locale(environ: dict[str, str] | None = None) -> Language:
    """The language of the user's locale: `CATENARY_LANG`, then LC_ALL, LC_MESSAGES, LANG; English otherwise."""
    env = os.environ if environ is None else environ
    for name in ("CATENARY_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = env.get(name, "")
        if value:
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


def language_of(text: str) -> Language:
    """Chinese where a text has a Chinese character, else English."""
    return "zh" if HAN.search(text) else "en"


def language() -> Language:
    """The language in force: the one set, else the locale's."""
    return _language.get() or language_of_locale()


def set_language(value: Language) -> None:
    """Set the language of everything said from here on (a console may set it for each request)."""
    _language.set(value)


@cache
def catalogue() -> dict[str, str]:
    """English text → Chinese text."""
    return cast(dict[str, str], json.loads(files("catenary").joinpath("messages.zh.json").read_text("utf-8")))


def say(text: str, /, *, lang: Language | None = None, **values: object) -> str:
    """`text` in the language in force (or `lang`), with its {values} filled in."""
    chosen = catalogue().get(text, text) if (lang or language()) == "zh" else text
    return chosen.format(**values) if values else chosen
