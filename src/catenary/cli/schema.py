"""`catenary schema`"""

from __future__ import annotations

import click

from catenary.chain.schema import json_schema
from catenary.cli.options import example, print_json
from catenary.messages import say
from catenary.stages import STAGES


@click.command(
    "schema",
    help=say("Print the JSON Schema of the chain file, for editors."),
    epilog=example("catenary schema > catenary.schema.json"),
)
def command() -> None:
    """The same schema ships in the package, as `catenary/catenary.schema.json`."""
    print_json(json_schema(STAGES))
