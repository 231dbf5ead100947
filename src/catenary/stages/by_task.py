"""An evaluation by a task file: what is asked of every model, and what is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from catenary.chain.stage import Work
from catenary.store import Artifact


def by_task(work: Work[Any], models: Mapping[str, Artifact], control: str | None) -> Mapping[str, Any]:
    """Ask every model the task; its report, answers.jsonl and the report of the link."""
    from catenary.evaluate import verdict
    from catenary.evaluate.answers_file import write_answers
    from catenary.evaluate.candidate import candidate_of
    from catenary.evaluate.few_shot import few_shot, write_few_shot
    from catenary.evaluate.paired import LESS_IS_BETTER
    from catenary.evaluate.task import read_task

    task = read_task(work.base / work.settings.task, code=False)
    candidates = {name: candidate_of(model.path) for name, model in models.items()}
    how: dict[str, Any] = {"control": control, "seed": work.settings.seed, "progress": work.progress}
    shots: Sequence[int] = work.settings.shots or [task.shots]
    curve = few_shot(task, candidates, shots, **how)
    asked = curve[max(curve)]  # what gates judge has the most examples
    asked.write(work.out, work.link)
    if len(curve) > 1:
        write_few_shot(work.out / "few-shot", curve, title=work.link)
    write_answers(work.out / "answers.jsonl", asked)
    report = asked.report
    first = next(iter(report.models[0].metrics))
    sign = -1 if first in LESS_IS_BETTER else 1
    best = max(asked.figures, key=lambda name: sign * asked.figures[name][first].value)
    return {
        "headline": {"items": report.n, "best": best, first: round(asked.figures[best][first].value, 4)},
        "task": task.kind,
        "control": control,
        "metrics": {
            name: {metric: asdict(figure) for metric, figure in of.items()}
            for name, of in asked.figures.items()
        },
        **(
            {
                "shots": {
                    str(count): {
                        name: {metric: asdict(figure) for metric, figure in of.items()}
                        for name, of in one.figures.items()
                    }
                    for count, one in curve.items()
                }
            }
            if len(curve) > 1
            else {}
        ),
        "comparisons": [
            {**asdict(one), "outcome": one.outcome, "verdict": verdict(one, "en")}
            for one in report.comparisons
        ],
    }
