"""`catenary ask app/<name>`: an application, asked in the terminal."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from catenary.chain.spec import Chain
from catenary.cli import render
from catenary.cli.options import print_json
from catenary.messages import say
from catenary.store import Store


def app_named(chain: Chain, name: str) -> str | None:
    """The application that `name` means: `app/<name>`, or its name alone where no endpoint has it."""
    bare = name.removeprefix("app/")
    return bare if bare in chain.apps and (name != bare or name not in chain.serve.endpoints) else None


def ask_app(chain: Chain, store: Store, app: str, text: str, *, unreleased: bool, as_json: bool) -> None:
    """Ask, and show the answer as it comes."""
    from catenary.server import gateway

    made = gateway(chain, store, unreleased=unreleased)
    writing = asyncio.run(_asked(made, f"app/{app}", text, shown=not as_json))
    if as_json:
        print_json(writing.receipt.to_json())
        return
    console = render.console()
    if writing.receipt.status == "unreleased":
        console.print(f"[yellow]{say('UNRELEASED: served without its gates and sign-offs')}[/]")
    if writing.receipt.outcome == "held":
        console.print(f"[dim]catenary held show {writing.receipt.id}[/]")
    console.print(f"[dim]{say('receipt')} {writing.receipt.id}[/]")
    console.print(f"[dim]catenary trace {writing.receipt.id}[/]")


async def _asked(gateway: Any, name: str, text: str, *, shown: bool) -> Any:
    from catenary.serve.in_process import in_process

    async with in_process(gateway, name) as ask:
        writing = ask([{"role": "user", "content": text}])
        async for delta in writing.deltas():
            if shown:
                click.echo(delta.text, nl=False)
        if shown:
            click.echo()
        return writing
