"""`catenary serve`"""

from __future__ import annotations

from pathlib import Path

import click

from catenary.cli.options import example, file_option, load_chain, open_store, set_option
from catenary.messages import say


@click.command(
    "serve",
    help=say("Serve the chain's endpoints over HTTP."),
    epilog=example(
        "catenary serve\ncatenary serve --port 8080\n"
        'curl -s localhost:8000/v1/classify --json \'{"model": "sentiment", "input": "很好看的一本书"}\''
    ),
)
@click.option("--host", default=None, help=say("The address to listen on; the chain file's, or 127.0.0.1."))
@click.option(
    "--port", type=click.IntRange(0, 65535), default=None, help=say("The port; the chain file's, or 8000.")
)
@click.option(
    "--allow-remote",
    is_flag=True,
    help=say("Listen on an address that others reach; a key must have been made (catenary keys --make)."),
)
@click.option(
    "--unreleased", is_flag=True, help=say("Serve releases that are not signed; every receipt says so.")
)
@click.option(
    "--log-json", is_flag=True, help=say("Write a line of JSON a request to standard error; no text of any.")
)
@file_option
@set_option
def command(
    host: str | None,
    port: int | None,
    allow_remote: bool,
    unreleased: bool,
    log_json: bool,
    file: Path | None,
    overrides: tuple[str, ...],
) -> None:
    from catenary.serve.spans import start
    from catenary.server import console, gateway, run

    start()
    if log_json:
        from catenary.serve.logs import log_as_json

        log_as_json()
    chain = load_chain(file, overrides)
    with open_store(chain) as store:
        made = gateway(chain, store, unreleased=unreleased, launch=True)
        for name, endpoint in made.endpoints.items():
            click.echo(f"{name}  {endpoint.release[:12]}  {say(endpoint.status)}")
        run(
            made,
            host=host or chain.serve.host,
            port=chain.serve.port if port is None else port,
            allow_remote=allow_remote,
            pages=console(
                chain,
                store,
                overrides=overrides,
                gateway=made,
                closing=lambda: made.traffic.draining,
            ),
            on_listening=lambda address: click.echo(
                say("Listening on {address}; Ctrl-C ends it.", address=address)
            ),
        )
