"""The command line: one file a command group; each command parses, makes one call and prints.

A command's module is imported when the command is used, so that `catenary status` does not pay for `catenary run`.
"""

from __future__ import annotations

import gc as garbage  # `catenary.cli.gc` is a command
import importlib
import json
import os
import sys
from collections.abc import Sequence

import click

from catenary import __version__
from catenary.errors import CatenaryError
from catenary.messages import LANGUAGES, Language, language_of_locale, say, set_language

# name → (module, one line of help), in the order of a chain's life
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("init", "Write a first catenary.yaml from a template."),
    "check": ("check", "Check the chain file; name every mistake's line, key and nearest name."),
    "plan": ("plan", "Show what would run, what is reused, and the time, memory and disk it takes."),
    "run": ("run", "Make the chain true: run what is not there yet, reuse the rest."),
    "status": ("status", "Show every link of the chain and where it stands."),
    "show": ("show", "Show one link or artifact: settings, inputs, report, runs."),
    "trace": (
        "trace",
        "Trace an answer, artifact or document to what it was made of, or to all made from it.",
    ),
    "openlineage": ("openlineage", "Give all runs as OpenLineage events, for catalogs of lineage."),
    "diff": ("diff", "Show what sets two releases apart."),
    "feedback": ("feedback", "Review what users said of answers, and make a dataset of it."),
    "held": ("held", "See, approve, edit or refuse answers that wait for a person."),
    "review": ("review", "Give documents to reviewers, and see how far two of them agree."),
    "roles": ("roles", "Show who holds which roles; give or take one."),
    "signers": ("signers", "Show the people's public keys; revoke one."),
    "documents": ("documents", "Write a release's cards, bill of materials and filings."),
    "sign": ("sign", "Sign a release off in a role."),
    "move": ("move", "Move a release: dev, staging, production, withdrawn."),
    "register": ("register", "Put releases into an MLflow model registry."),
    "ask": ("ask", "Ask an endpoint or an application one question."),
    "apply": ("apply", "Ask an application every row of a table."),
    "generate": ("generate", "Go on from a text with any model."),
    "chat": ("chat", "Talk with any model."),
    "classify": ("classify", "Label texts with any model."),
    "embed": ("embed", "Make vectors of texts with any model."),
    "evaluate": ("evaluate", "Ask models a task, side by side, with intervals and paired tests."),
    "rate": ("rate", "Let people give models' answers points, blind, and compare the models by them."),
    "arena": ("arena", "Let people judge models' answers in pairs, blind, and rank the models."),
    "explain": ("explain", "Show why a classifier says what it says, token by token."),
    "match": ("match", "Find the documents that hold the longest spans of a text, word for word."),
    "search": ("search", "Find the passages of an index that speak of a question."),
    "bench": ("bench", "Measure how quickly a model answers here, or a server under load."),
    "serve": ("serve", "Serve the chain's endpoints over HTTP."),
    "console": ("console", "Show the chain in a browser."),
    "keys": ("keys", "Show the keys of the served API; make or revoke one."),
    "usage": ("usage", "Show what each key used, and what it costs."),
    "erase": ("erase", "Erase a document, and what was made from it."),
    "encrypt": ("encrypt", "Encrypt the objects at rest, rotate their keys, or see what is encrypted."),
    "gc": ("gc", "Remove artifacts that nothing needs any more."),
    "verify": ("verify", "Hash every stored file again and compare."),
    "doctor": ("doctor", "Repair what a crash left behind, and say what was done."),
    "audit": ("audit", "Read the audit log, or verify that nobody altered it."),
    "schema": ("schema", "Print the JSON Schema of the chain file, for editors."),
    "completion": ("completion", "Print the shell's completion script."),
}


class Commands(click.Group):
    """Finds a command's module by its name and imports only that."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        garbage.disable()  # importing makes much and frees nothing: looking for garbage costs a tenth of the start
        module = importlib.import_module(f"catenary.cli.{COMMANDS[cmd_name][0]}")
        garbage.freeze()
        garbage.enable()
        command = module.command
        assert isinstance(command, click.Command)
        command.short_help = say(COMMANDS[cmd_name][1])
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section(say("Commands")):
            formatter.write_dl([(name, say(about)) for name, (_, about) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        import difflib

        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            raise CatenaryError(
                "There is no command `{name}`; did you mean `{near}`?"
                if near
                else "There is no command `{name}`.",
                name=args[0],
                near=near[0] if near else "",
                next="catenary --help",
            )
        return super().resolve_command(ctx, args)


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="catenary")
@click.option("--lang", type=click.Choice(LANGUAGES), help="en | zh")
def root(lang: Language | None) -> None:
    """The command group; `--lang` was read before the help texts were made."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command. Errors are told on standard error, as JSON with `--json`; the exit code says their kind."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    set_language(_language_asked_for(arguments))
    root.help = say("Catenary (悬链): one file, one command, from raw text to a traced answer.")
    try:
        code = root.main(arguments, prog_name="catenary", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except CatenaryError as error:
        _tell(error, as_json="--json" in arguments)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        print(say("Stopped."), file=sys.stderr)  # noqa: T201
        sys.exit(130)
    except BrokenPipeError:  # `catenary … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _language_asked_for(arguments: Sequence[str]) -> Language:
    for index, argument in enumerate(arguments):
        value = arguments[index + 1] if argument == "--lang" and index + 1 < len(arguments) else ""
        if argument.startswith("--lang="):
            value = argument.removeprefix("--lang=")
        for language in LANGUAGES:
            if value == language:
                return language
    return language_of_locale()


def _tell(error: CatenaryError, as_json: bool) -> None:
    if as_json:
        told = {"error": {(head or "what"): text for head, text in error.lines("en")}}
        print(json.dumps(told, ensure_ascii=False), file=sys.stderr)  # noqa: T201
        return
    lines = error.lines()
    width = max(len(head) for head, _ in lines)
    for head, text in lines:
        mark = (
            click.style(f"{say('error')}: ", fg="red", bold=True)
            if not head
            else "  " + head.ljust(width) + "  "
        )
        click.echo(mark + text, err=True)
