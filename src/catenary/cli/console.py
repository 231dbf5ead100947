"""`catenary console`"""

from __future__ import annotations

import threading
from pathlib import Path

import click

from catenary.cli.options import example, file_option, load_chain, open_store, set_option
from catenary.messages import say


@click.command(
    "console",
    help=say(
        "Show the chain in a browser: links, runs, data, releases, keys. `catenary serve` has it at / too."
    ),
    epilog=example("catenary console\ncatenary console --service http://127.0.0.1:8000"),
)
@click.option("--host", default="127.0.0.1", help=say("The address to listen on."))
@click.option("--port", type=click.IntRange(0, 65535), default=8001, help=say("The port."))
@click.option(
    "--allow-remote",
    is_flag=True,
    help=say("Listen on an address that others reach; a key must have been made (catenary keys --make)."),
)
@click.option(
    "--service",
    metavar="URL",
    help=say("The running service that the playground asks; its key: CATENARY_API_KEY."),
)
@file_option
@set_option
def command(
    host: str,
    port: int,
    allow_remote: bool,
    service: str | None,
    file: Path | None,
    overrides: tuple[str, ...],
) -> None:
    from catenary.access import any_api_key
    from catenary.serve.listen_pages import listen_pages
    from catenary.server import console

    def keyed() -> bool:
        with store.reading() as connection:
            return any_api_key(connection)

    chain = load_chain(file, overrides)
    ending = threading.Event()
    with open_store(chain) as store:
        listen_pages(
            console(chain, store, overrides=overrides, service=service, closing=ending.is_set),
            ending.set,
            host=host,
            port=port,
            allow_remote=allow_remote,
            keyed=keyed,
            on_listening=lambda address: click.echo(
                say("Listening on {address}; Ctrl-C ends it.", address=address)
            ),
        )
