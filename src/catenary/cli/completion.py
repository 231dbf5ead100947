"""`catenary completion`"""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from catenary.cli.options import example
from catenary.messages import say


@click.command(
    "completion",
    help=say("Print the shell's completion script."),
    epilog=example(
        'eval "$(catenary completion bash)"\ncatenary completion fish > ~/.config/fish/completions/catenary.fish'
    ),
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(context.find_root().command, {}, "catenary", "_CATENARY_COMPLETE").source())
