"""Options that say how an answer is written, for `generate` and `chat`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from catenary.errors import InvalidInput
from catenary.messages import say

if TYPE_CHECKING:
    from catenary.inference import GenerationSettings

F = TypeVar("F", bound=Callable[..., Any])

# option → (type, default, help)
OPTIONS: dict[str, tuple[Any, Any, str]] = {
    "--max-tokens": (click.IntRange(1), 256, "At most so many new tokens."),
    "--temperature": (float, 0.0, "0 takes the likeliest token; higher draws more freely."),
    "--top-k": (click.IntRange(0), 0, "Draw from the k likeliest tokens; 0: from all."),
    "--top-p": (float, 1.0, "Draw from the fewest tokens that hold this share of the probability."),
    "--min-p": (float, 0.0, "Draw from tokens at least this share as likely as the likeliest."),
    "--repetition-penalty": (float, 1.0, "Above 1, what was said becomes less likely."),
    "--presence-penalty": (float, 0.0, "Taken off the logit of every token of the answer."),
    "--frequency-penalty": (float, 0.0, "Taken off a token's logit for each time it stands in the answer."),
    "--seed": (int, None, "The same seed draws the same answer."),
    "--json-schema": (
        click.Path(path_type=Path),
        None,
        "A file with the JSON Schema that the answer must follow.",
    ),
    "--regex": (str, None, "A regular expression that the answer must match."),
    "--grammar": (
        click.Path(path_type=Path),
        None,
        "A file with the grammar (Lark's notation) of the answer.",
    ),
}


def generation_options(command: F) -> F:
    """Every option of OPTIONS, and `--stop`, as one argument `asked` each."""
    command = click.option(
        "--stop", multiple=True, help=say("A text that ends the answer; repeat for several.")
    )(command)
    for name, (kind, default, about) in reversed(OPTIONS.items()):
        command = click.option(name, type=kind, default=default, help=say(about))(command)
    return command


def generation_settings(asked: dict[str, Any], **more: Any) -> GenerationSettings:
    """The settings that the options ask for. Raises InvalidInput for more than one constraint, or an unread file."""
    from catenary.inference import Constraint, GenerationSettings

    asked = dict(asked)
    schema, regex, grammar = (asked.pop(name) for name in ("json_schema", "regex", "grammar"))
    given = [one for one in (schema, regex, grammar) if one is not None]
    if len(given) > 1:
        raise InvalidInput("An answer takes one constraint.", got=f"{len(given)}")
    constraint = None
    if schema is not None:
        constraint = Constraint("json_schema", _read(schema))
    elif regex is not None:
        constraint = Constraint("regex", regex)
    elif grammar is not None:
        constraint = Constraint("grammar", _read(grammar))
    return GenerationSettings(**asked, constraint=constraint, **more)


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput("This file cannot be read.", got=str(error)) from None
