"""What a check found, or a repair did: a message that can be shown in either language.

>>> str(Finding("{path} is missing.", "model a1b2c3", {"path": "weights.safetensors"}))
'model a1b2c3: weights.safetensors is missing.'
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from catenary.messages import Language, say


@dataclass(frozen=True, slots=True)
class Finding:
    """A message (see `messages.py`), what it is about (an id, a name) if anything, and the values of its {places}."""

    what: str
    about: str | None = None
    values: Mapping[str, object] = field(default_factory=dict)

    def text(self, lang: Language | None = None) -> str:
        """The finding in words."""
        told = say(self.what, lang=lang, **self.values)
        return told if self.about is None else f"{self.about}: {told}"

    def __str__(self) -> str:
        return self.text()
