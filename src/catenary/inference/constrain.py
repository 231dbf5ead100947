"""Holding an answer to a constraint, token by token, with llguidance: JSON Schema, regular expressions, grammars.

Beurer-Kellner et al. 2024 (2403.06988) and https://github.com/guidance-ai/llguidance. The work that a hostile schema or
expression can cause is bounded in fuel units, which are the same on every machine, and its source in bytes.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from catenary.errors import InvalidInput
from catenary.inference.constraint import Constraint

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MOST_SOURCE_BYTES = 64 << 10
# Of llguidance's units; its own defaults are 5 to 10 times these. A mask then takes at most some 100 ms.
LIMITS: dict[str, Any] = {
    "max_items_in_row": 1000,
    "initial_lexer_fuel": 300_000,
    "step_lexer_fuel": 50_000,
    "step_max_items": 20_000,
    "max_lexer_states": 50_000,
    "max_grammar_size": 100_000,
}
# Blanks only where Python's json puts them: small models otherwise write blanks without end.
JSON_LAYOUT: Any = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}


class Constrainer:
    """Makes matchers for one tokenizer. Takes a second at first use for 50,000 tokens, so keep it with the model."""

    def __init__(self, tokenizer: Tokenizer, vocab_size: int, end_ids: Collection[int]) -> None:
        import llguidance

        backend = type(tokenizer).from_str(tokenizer.to_str())
        backend.no_padding()
        backend.no_truncation()
        tokens = backend.get_vocab_size(with_added_tokens=True)
        ends = sorted(end_ids)
        self._tokenizer = llguidance.LLTokenizer(
            backend.to_str(), n_vocab=max(vocab_size, tokens), eos_token=ends or None
        )
        self._limits = llguidance.LLParserLimits(**LIMITS)

    def matcher(self, constraint: Constraint) -> Matcher:
        """A matcher at its beginning. Raises InvalidInput for a source that is too large, wrong or too complex."""
        import llguidance

        if len(constraint.source.encode("utf-8")) > MOST_SOURCE_BYTES:
            raise InvalidInput(
                "The constraint is too large.",
                got=f"{len(constraint.source.encode('utf-8'))} bytes",
                expected="at most {most} bytes",
                most=MOST_SOURCE_BYTES,
            )
        matcher = llguidance.LLMatcher(
            self._tokenizer, _grammar(constraint), log_level=0, limits=self._limits
        )
        if not matcher.is_error():
            matcher.compute_bitmask()  # the first mask shows what is too complex
        if matcher.is_error():
            raise InvalidInput(
                "The constraint cannot be used.",
                got=str(matcher.get_error()).strip().splitlines()[0][:300],
                expected="a {kind} that llguidance reads, of moderate size",
                kind=constraint.kind,
            )
        return Matcher(matcher)


class Matcher:
    """Where an answer stands in its grammar."""

    def __init__(self, matcher: Any) -> None:
        self._matcher = matcher

    def banned(self, vocab_size: int) -> NDArray[np.bool_]:
        """(vocab_size,): True for tokens that cannot come now. Raises InvalidInput past the bounds of work."""
        mask = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        self._check()
        allowed = np.unpackbits(mask, bitorder="little")[:vocab_size].astype(np.bool_)
        banned = np.ones(vocab_size, dtype=np.bool_)
        banned[: allowed.size] = ~allowed
        return banned

    def take(self, token: int) -> None:
        """Go on behind `token`."""
        self._matcher.consume_token(token)
        self._check()

    @property
    def ended(self) -> bool:
        """Whether nothing can follow."""
        return bool(self._matcher.is_stopped())

    def _check(self) -> None:
        if self._matcher.is_error():
            raise InvalidInput(
                "The constraint is too complex to go on with.",
                got=str(self._matcher.get_error()).strip()[:300],
            )


def _grammar(constraint: Constraint) -> str:
    from llguidance import LLMatcher

    match constraint.kind:
        case "json_schema":
            try:
                schema = json.loads(constraint.source)
            except (ValueError, RecursionError) as error:
                raise InvalidInput("The JSON Schema is not valid JSON.", got=error) from None
            if not isinstance(schema, dict | bool):
                raise InvalidInput("A JSON Schema is an object.", got=type(schema).__name__)
            return str(
                LLMatcher.grammar_from_json_schema(schema if isinstance(schema, dict) else {}, JSON_LAYOUT)
            )
        case "json":
            return str(LLMatcher.grammar_from_json_schema({"type": "object"}, JSON_LAYOUT))
        case "regex":
            return str(LLMatcher.grammar_from_regex(constraint.source))
        case "grammar":
            return str(LLMatcher.grammar_from_lark(constraint.source))
