"""`catenary arena`"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from catenary.cli import render
from catenary.cli.model import model_folder
from catenary.cli.options import example, file_option, set_option
from catenary.errors import InvalidInput
from catenary.messages import say


@click.command(
    "arena",
    help=say(
        "Let people judge models' answers in pairs, blind: a page for each rater, and ranks with intervals of the"
        " votes. ANSWERS is the answers.jsonl that `catenary evaluate --out` wrote."
    ),
    epilog=example(
        "catenary arena report/answers.jsonl --rater ann --rater ben --guidelines how.txt\n"
        "catenary arena report/answers.jsonl --judge ./SmolLM2.gguf --out ranks"
    ),
)
@click.argument("answers", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--rater", "raters", multiple=True, help=say("Who judges; each gets a link of their own."))
@click.option(
    "--judge",
    "judges",
    multiple=True,
    help=say(
        "A model that judges every pair, in both orders; the report tells how far it agrees with people."
    ),
)
@click.option(
    "--votes",
    type=click.Path(path_type=Path, dir_okay=False),
    help=say("The file of votes; votes.jsonl beside the answers where left out."),
)
@click.option(
    "--guidelines",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help=say("A text file that raters read above each pair."),
)
@click.option("--out", type=click.Path(path_type=Path), help=say("A folder for the report of the votes."))
@click.option("--host", default="127.0.0.1", help=say("The address to listen on."))
@click.option("--port", type=click.IntRange(0, 65535), default=8100, help=say("The port."))
@click.option("--allow-remote", is_flag=True, help=say("Listen on an address that others reach."))
@file_option
@set_option
def command(
    answers: Path,
    raters: tuple[str, ...],
    judges: tuple[str, ...],
    votes: Path | None,
    guidelines: Path | None,
    out: Path | None,
    host: str,
    port: int,
    allow_remote: bool,
    file: Path | None,
    overrides: tuple[str, ...],
) -> None:
    from catenary.evaluate.arena import agreement
    from catenary.evaluate.arena_report import agreement_told, write_arena_report
    from catenary.evaluate.ballots import Ballots, pairs_of
    from catenary.evaluate.candidate import candidate_of
    from catenary.evaluate.judge import JUDGE, agreement_with_people, judge
    from catenary.evaluate.wording import interval

    if not raters and not judges and out is None:
        raise InvalidInput(
            "There is nobody to judge and no report to write.", expected="--rater NAME, or --out FOLDER"
        )
    taken = next((name for name in raters if name.startswith(JUDGE)), None)
    if taken is not None:
        raise InvalidInput("This name is kept for models as judges.", got=taken, expected="another name")
    read = guidelines.read_text("utf-8") if guidelines else ""
    ballots = Ballots(pairs_of(answers), votes or answers.with_name("votes.jsonl"))
    for name in judges:
        candidate = candidate_of(model_folder(name, file, overrides))
        rater = f"{JUDGE}{Path(name).name}"
        for vote in judge(ballots.pairs, candidate.can("likelihoods"), rater, guidelines=read):
            ballots.record(vote)
    if raters:
        from catenary.serve.arena import serve_arena

        serve_arena(
            ballots,
            list(dict.fromkeys(raters)),
            guidelines=read,
            host=host,
            port=port,
            allow_remote=allow_remote,
            on_listening=_told,
        )
    if out is not None:
        ranks = write_arena_report(out, ballots.votes, title=answers.parent.name or "arena")
        table = render.table(say("model"), say("strength"), say("wins"), say("votes"))
        for one in ranks:
            table.add_row(one.model, interval(one.strength), f"{one.wins:g}", f"{one.votes:,}")
        render.console().print(table)
        people = [vote for vote in ballots.votes if not vote.rater.startswith(JUDGE)]
        click.echo(agreement_told(agreement(people)))
        for name, judged in agreement_with_people(ballots.votes).items():
            if judged.share.n:
                click.echo(
                    say("{name} says what most people say: {share}", name=name, share=interval(judged.share))
                )
        click.echo(say("Report: {path}", path=out))


def _told(links: Mapping[str, str]) -> None:
    for rater, link in links.items():
        click.echo(f"{rater}  {link}")
    click.echo(say("Each link is one rater's alone; Ctrl-C ends it."))
