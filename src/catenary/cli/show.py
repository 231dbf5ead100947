"""`catenary show`"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from catenary.chain.plan import plan
from catenary.cli import render
from catenary.cli.options import (
    example,
    file_option,
    json_option,
    load_chain,
    open_store,
    print_json,
    set_option,
)
from catenary.errors import NotFound
from catenary.files import make_folder, write_whole
from catenary.messages import say
from catenary.store import Artifact
from catenary.store.encrypted_file import is_encrypted


@click.command(
    "show",
    help=say("Show one link or artifact: settings, inputs, report, runs."),
    epilog=example("catenary show sentiment\ncatenary show models.base --json\ncatenary show 3f9a12c07be4"),
)
@click.argument("what")
@file_option
@set_option
@click.option(
    "--pictures",
    type=click.Path(path_type=Path, file_okay=False),
    help=say("Write its pictures into this folder, in plain where its files are encrypted."),
)
@json_option
def command(
    what: str, file: Path | None, overrides: tuple[str, ...], pictures: Path | None, as_json: bool
) -> None:
    chain = load_chain(file, overrides)
    with open_store(chain) as store:
        named = [link for link in chain.links if what in (link.name, link.full_name)]
        if named:
            link = chain.link(_preferred(what, [link.full_name for link in named]))
            step = plan(chain, store)[link.full_name]
            if not step.reused:
                raise NotFound(
                    "This link has not been made yet.",
                    got=link.full_name,
                    expected="a link that `catenary status` shows as made",
                    next=f"catenary run {link.full_name}",
                )
            artifact = store.get(step.id)
        else:
            artifact = store.get(what)
        runs = store.runs(artifact_id=artifact.id)
        figures = (
            {one.name: one.value for one in store.metrics(runs[0].id) if one.step is None} if runs else {}
        )
        links = [f"{row.chain}: {row.link}" for row in store.links_to(artifact.id)]
        if pictures is not None:
            _write_pictures(artifact, pictures)
    if as_json:
        print_json(
            {
                **json.loads(artifact.manifest.to_bytes()),
                "path": str(artifact.folder),
                "links": links,
                "runs": [asdict(run) for run in runs],
                "figures": figures,
            }
        )
        return
    console = render.console()
    console.print(f"[bold]{artifact.id}[/]  {artifact.kind}, {artifact.stage} {artifact.manifest.version}")
    for name in links:
        console.print(f"  {name}")
    console.print(f"  {artifact.folder}", soft_wrap=True)
    for heading, value in (
        (say("settings"), artifact.manifest.settings),
        (say("inputs"), {role: render.short(id) for role, id in artifact.manifest.inputs.items()}),
        (say("report"), artifact.manifest.report),
    ):
        console.print(f"\n[bold]{heading}[/]")
        for line in _lines(value):
            console.print(f"  {line}", markup=False, soft_wrap=True)
    console.print(f"\n[bold]{say('files')}[/]")
    for name, entry in artifact.manifest.files.items():
        console.print(f"  {render.size(entry.bytes):>9}  {name}", markup=False)
    if runs:
        console.print(f"\n[bold]{say('runs')}[/]")
        for run in runs:
            seconds = render.duration(run.seconds) if run.seconds is not None else ""
            console.print(
                f"  {run.id}  {run.started_at:%Y-%m-%d %H:%M}  {say(run.outcome or 'running')}  {seconds}"
            )
        for name, figure in figures.items():
            console.print(f"     {name}  {render.number(figure)}", markup=False)
    for name in _pictures(artifact):
        lies = artifact.folder / name
        if pictures is not None:
            place = str(pictures / name)
        elif is_encrypted(lies):
            place = f"{name}  " + say("encrypted; `--pictures FOLDER` writes it in plain")
        else:
            place = str(lies)
        console.print(f"{say('picture')}: {place}", markup=False, soft_wrap=True)


def _preferred(what: str, names: list[str]) -> str:
    """A release is meant where a model has its name too: it is what people sign and serve."""
    releases = [name for name in names if name.startswith("releases.")]
    return what if what in names or not releases else releases[0]


def _lines(value: Any, indent: int = 0) -> list[str]:
    """Nested values, a line each; long lists are cut."""
    pad = "  " * indent
    if isinstance(value, dict):
        lines: list[str] = []
        for key, item in value.items():
            if isinstance(item, dict | list) and item and not _is_flat(item):
                lines += [f"{pad}{key}:", *_lines(item, indent + 1)]
            else:
                lines.append(f"{pad}{key}: {_plain(item)}")
        return lines
    if isinstance(value, list):
        shown = [line for item in value[:10] for line in _lines(item, indent)]
        return shown if len(value) <= 10 else [*shown, f"{pad}… ({len(value)})"]
    return [f"{pad}{_plain(value)}"]


def _is_flat(value: dict[str, Any] | list[Any]) -> bool:
    items = list(value.values()) if isinstance(value, dict) else value
    return len(items) <= 12 and not any(isinstance(item, dict | list) for item in items)


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return render.number(value)
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
    return text if len(text) <= 160 else text[:159] + "…"


def _pictures(artifact: Artifact) -> list[str]:
    return [name for name in artifact.manifest.files if name.endswith((".svg", ".html"))]


def _write_pictures(artifact: Artifact, folder: Path) -> None:
    for name in _pictures(artifact):
        make_folder((folder / name).parent)
        write_whole(folder / name, (artifact.path / name).read_bytes())
