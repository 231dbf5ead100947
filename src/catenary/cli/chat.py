"""`catenary chat`"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from catenary.cli.generation import generation_options, generation_settings
from catenary.cli.model import model_folder, model_options
from catenary.cli.options import example, file_option, json_option, print_json, set_option
from catenary.errors import InvalidInput
from catenary.messages import say

if TYPE_CHECKING:
    from catenary.inference import GenerationSettings, Generator, Message

ENDS = ("/exit", "/quit")
FORGET = "/new"


@click.command(
    "chat",
    help=say("Talk with a model: a line a turn; /new forgets what was said, /exit ends."),
    epilog=example(
        "catenary chat assistant\n"
        "catenary chat ./SmolLM2.gguf --system '回答要短。'\n"
        "echo '你好' | catenary chat assistant"
    ),
)
@click.argument("model")
@click.option("--system", help=say("What the model is told before the conversation."))
@generation_options
@model_options
@file_option
@set_option
@json_option
def command(
    model: str,
    system: str | None,
    engine: Any,
    threads: int | None,
    file: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
    **asked: Any,
) -> None:
    from catenary.inference import load

    settings = generation_settings(asked)
    writer = load(model_folder(model, file, overrides), "generate", engine=engine, threads=threads)
    beginning: list[Message] = [{"role": "system", "content": system}] if system else []
    said = list(beginning)
    try:
        while (line := _line()) is not None:
            if line in ENDS:
                return
            if line == FORGET:
                said = list(beginning)
                continue
            if not line:
                continue
            said.append({"role": "user", "content": line})
            try:
                reply = _answer(writer, said, settings, as_json)
            except InvalidInput as error:  # too long a conversation, most often: the next line may be of use
                click.echo(str(error), err=True)
                said.pop()
                continue
            said.append({"role": "assistant", "content": reply})
    finally:
        writer.close()


def _line() -> str | None:
    """The next line; None at the end."""
    if sys.stdin.isatty():
        try:
            return input(click.style("› ", fg="cyan", bold=True)).strip()
        except EOFError:
            return None
    line = sys.stdin.readline()
    return line.strip() if line else None


def _answer(writer: Generator, said: list[Message], settings: GenerationSettings, as_json: bool) -> str:
    """The reply, shown as it comes; Ctrl-C ends the reply, not the conversation."""
    parts: list[str] = []
    with writer.stream(said, settings) as stream:
        try:
            for piece in stream:
                parts.append(piece.text)
                if not as_json:
                    click.echo(piece.text, nl=False)
        except KeyboardInterrupt:
            stream.cancel()
    if as_json:
        print_json({"role": "assistant", "content": "".join(parts), "tokens": stream.usage.completion_tokens})
    else:
        click.echo()
    return "".join(parts)
