"""`catenary rate`"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from catenary.cli import render
from catenary.cli.options import example
from catenary.errors import InvalidInput
from catenary.messages import LANGUAGES, say


@click.command(
    "rate",
    help=say(
        "Let people give models' answers points, blind: a page for each rater, and means with intervals of the ratings."
        " ANSWERS is the answers.jsonl that `catenary evaluate --out` wrote."
    ),
    epilog=example(
        "catenary rate report/answers.jsonl --rater ann --rater ben --criterion fluent --criterion true\n"
        "catenary rate report/answers.jsonl --out rated"
    ),
)
@click.argument("answers", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--rater", "raters", multiple=True, help=say("Who rates; each gets a link of their own."))
@click.option(
    "--criterion", "criteria", multiple=True, help=say("What points are given for; one or several times.")
)
@click.option("--scale", type=click.IntRange(2, 10), default=5, help=say("Points from 1 to this."))
@click.option(
    "--ratings",
    type=click.Path(path_type=Path, dir_okay=False),
    help=say("The file of ratings; ratings.jsonl beside the answers where left out."),
)
@click.option(
    "--guidelines",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help=say("A text file that raters read above each answer."),
)
@click.option("--control", help=say("The model that the others are compared with."))
@click.option("--out", type=click.Path(path_type=Path), help=say("A folder for the report of the ratings."))
@click.option("--host", default="127.0.0.1", help=say("The address to listen on."))
@click.option("--port", type=click.IntRange(0, 65535), default=8100, help=say("The port."))
@click.option("--allow-remote", is_flag=True, help=say("Listen on an address that others reach."))
def command(
    answers: Path,
    raters: tuple[str, ...],
    criteria: tuple[str, ...],
    scale: int,
    ratings: Path | None,
    guidelines: Path | None,
    control: str | None,
    out: Path | None,
    host: str,
    port: int,
    allow_remote: bool,
) -> None:
    from catenary.evaluate import write_report
    from catenary.evaluate.arena_report import agreement_told
    from catenary.evaluate.ballots import answers_of
    from catenary.evaluate.ratings import Sheets, agreement, ratings_report
    from catenary.evaluate.wording import interval

    if not raters and out is None:
        raise InvalidInput(
            "There is nobody to judge and no report to write.", expected="--rater NAME, or --out FOLDER"
        )
    asked = answers_of(answers)
    sheets = Sheets(
        asked, ratings or answers.with_name("ratings.jsonl"), criteria or (say("quality"),), scale=scale
    )
    if raters:
        from catenary.serve.ratings import serve_ratings

        serve_ratings(
            sheets,
            list(dict.fromkeys(raters)),
            guidelines=guidelines.read_text("utf-8") if guidelines else "",
            host=host,
            port=port,
            allow_remote=allow_remote,
            on_listening=_told,
        )
    if out is not None:
        report = ratings_report(sheets.ratings, asked, control=control)
        for lang in LANGUAGES:
            write_report(out / lang, scores=report, title=answers.parent.name or "ratings", lang=lang)
        names = list(report.models[0].metrics)
        table = render.table(say("model"), *names)
        for one in report.models:
            table.add_row(one.name, *(interval(one.metrics[name]) for name in names))
        render.console().print(table)
        for name in names:
            click.echo(f"{name}: {agreement_told(agreement(sheets.ratings, name))}")
        click.echo(say("Report: {path}", path=out))


def _told(links: Mapping[str, str]) -> None:
    for rater, link in links.items():
        click.echo(f"{rater}  {link}")
    click.echo(say("Each link is one rater's alone; Ctrl-C ends it."))
