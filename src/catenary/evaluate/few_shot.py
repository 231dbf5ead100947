"""A few-shot curve: the same task with ever more examples before each question.

curve = few_shot(task, {"base": candidate, "tuned": other}, [0, 1, 4])
curve[4].figures["base"]["accuracy"]
write_few_shot(folder, curve, title="quiz")

A model that was trained on all data and reads no examples (a classifier) is the level line that the others climb to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from catenary.evaluate.ask import Asked, ask
from catenary.evaluate.blocks import named
from catenary.evaluate.candidate import Candidate
from catenary.evaluate.page import Block, Paragraph, Picture, Table, write_pages
from catenary.evaluate.pictures import curves_picture
from catenary.evaluate.task import Task
from catenary.evaluate.wording import interval, metric_title
from catenary.messages import LANGUAGES, say
from catenary.progress import SILENT, Progress

Curve = Mapping[int, Asked]


def few_shot(
    task: Task,
    candidates: Mapping[str, Candidate],
    shots: Sequence[int],
    *,
    control: str | None = None,
    seed: int = 17,
    progress: Progress = SILENT,
) -> dict[int, Asked]:
    """The task asked with each number of examples. Raises what `ask` raises."""
    return {
        count: ask(
            task.model_copy(update={"shots": count}),
            candidates,
            control=control,
            seed=seed,
            progress=progress,
        )
        for count in sorted(set(shots))
    }


def write_few_shot(folder: Path, curve: Curve, *, title: str) -> None:
    """The curve's report.md, .html and .json in each language, and each number's own report below `shots-N`."""
    for count, asked in curve.items():
        asked.write(folder / f"shots-{count}", f"{title} ({count})")
    first = next(iter(curve.values()))
    control = first.report.control
    metrics = {name: list(of) for name, of in first.figures.items()}
    shown = next(iter(metrics.values()))[0]
    plain = {
        "format": 1,
        "title": title,
        "few_shot": {
            name: {
                metric: [
                    {"shots": count, **asdict(asked.figures[name][metric])} for count, asked in curve.items()
                ]
                for metric in of
            }
            for name, of in metrics.items()
        },
    }
    for lang in LANGUAGES:
        heading = metric_title(shown, lang)
        lines = {
            named(name, control, lang): [
                (float(count), asked.figures[name][shown].value) for count, asked in curve.items()
            ]
            for name in metrics
        }
        picture = curves_picture(
            lines,
            title=heading,
            x_label=say("examples before each question", lang=lang),
            y_label=heading,
            lang=lang,
        )
        blocks: list[Block] = [
            Picture(picture, "few-shot.svg", heading),
            Table(
                [
                    say("model", lang=lang),
                    say("examples", lang=lang),
                    *(metric_title(metric, lang) for metric in metrics[next(iter(metrics))]),
                ],
                [
                    [
                        named(name, control, lang),
                        f"{count:,}",
                        *(interval(asked.figures[name][metric]) for metric in of),
                    ]
                    for name, of in metrics.items()
                    for count, asked in curve.items()
                ],
            ),
            Paragraph(
                say(
                    "The same {n} items each time; examples are drawn by the seed.",
                    lang=lang,
                    n=f"{first.report.n:,}",
                ),
                "note",
            ),
        ]
        write_pages(folder / lang, title, blocks, plain, lang)
