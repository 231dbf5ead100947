"""remember: pairs of texts → a memory that answers with the target of the nearest source: the control of writers.

models:
  memory: {family: memory, task: translate, from: help}
  echo:   {family: memory, task: chat, from: talk}      # the reply to the question most like this one
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from catenary.chain.stage import Estimate, Ref, Settings, Stage, Work
from catenary.models.baselines.linear_settings import SPACELESS
from catenary.stages.dialogues import pairs_of, questions_of

LANGUAGE_SAMPLE = 500  # sources whose language is looked at


class RememberSettings(Settings):
    """What is remembered of which dataset."""

    family: Literal["memory"]
    task: Literal["translate", "summarise", "chat"]
    from_: Annotated[str, Ref("datasets")] = Field(alias="from")


def run(work: Work[RememberSettings]) -> Mapping[str, Any]:
    from catenary.data import language_of
    from catenary.models.baselines import fit_memory

    dataset = work.inputs["from"].path
    if work.settings.task == "chat":
        _, talks, targets = questions_of(dataset, "train")
        sources = [talk[-1]["content"] for talk in talks]
    else:
        _, sources, targets = pairs_of(dataset, "train")
    main = Counter(language_of(text) for text in sources[:LANGUAGE_SAMPLE]).most_common(1)
    spaceless = bool(main) and main[0][0] in SPACELESS
    memory = fit_memory(sources, targets, "characters" if spaceless else "characters_in_words")
    memory.save(work.out)
    (work.out / "config.json").write_text('{"family": "memory"}\n', "utf-8")
    return {"headline": {"pairs": len(sources), "features": memory.counts.grams}, "task": work.settings.task}


REMEMBER = Stage(
    name="remember",
    version=2,
    section="models",
    kind="model",
    owner="researcher",
    settings=RememberSettings,
    run=run,
    families=("memory",),
    takes=lambda raw: raw.get("family") == "memory",
    estimate=lambda settings, sizes: Estimate(
        2.0 + sum(sizes) / 1e6, (300 << 20) + 60 * sum(sizes), 4 * sum(sizes)
    ),
)
