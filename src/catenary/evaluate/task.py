"""A task: what models are asked, how, and what is right, in one YAML (or Python) file.

    kind: choice                                # choice | generate | classify | tag | translate | summarise |
    items: questions.jsonl                      #   retrieve | dialogue | refuse
    prompt: "Question: {question}\\nAnswer:"     # {…} are the items' fields
    choices: [" {a}", " {b}", " {c}"]           # or the name of a field that lists them
    answer: right                               # the field with the right one: its number, or its text
    shots: 5                                    # examples before each question, drawn by `seed`
    shots_from: train.jsonl                     # none: from the other items

A Python file says the same in a mapping `TASK`; its `items` may be a function that yields mappings.

    task = read_task(Path("questions.yaml"))
    task.asked(0)            # the prompt of the first item, its examples before it
"""

from __future__ import annotations

import json
import random
import re
import runpy
import string
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from catenary.errors import InvalidInput, NotFound

Kind = Literal[
    "choice", "generate", "classify", "tag", "translate", "summarise", "retrieve", "dialogue", "refuse"
]
Item = Mapping[str, Any]


class Task(BaseModel):
    """See the room's head. Fields that a kind does not use are left alone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    items: list[dict[str, Any]] = Field(min_length=1)
    name: str = "task"
    prompt: str = "{text}"
    choices: list[str] | str = "choices"
    answer: str = "answer"
    shots: int = Field(0, ge=0, le=64)
    shots_from: list[dict[str, Any]] | None = None
    separator: str = "\n\n"
    between: str = Field("", description="between the prompt of an example and its answer")
    seed: int = 17
    chat: bool = Field(False, description="ask by the model's chat template")
    extract: str | None = Field(None, description="a regular expression; its first group is the answer")
    take: Literal["first", "last"] = "first"
    stop: list[str] = []
    max_tokens: int = Field(64, ge=1)
    metrics: list[str] | None = None
    language: str = "en"
    injections: bool = Field(False, description="what should be refused is asked in each wrapping, too")

    def question(self, item: Item) -> str:
        """The prompt of one item, without examples."""
        return _filled(self.prompt, item)

    def options(self, item: Item) -> list[str]:
        """The choices of one item."""
        if isinstance(self.choices, str):
            return [str(one) for one in _field(item, self.choices)]
        return [_filled(one, item) for one in self.choices]

    def right(self, item: Item) -> int:
        """The number of the right choice. Raises InvalidInput where it is none of them."""
        value = _field(item, self.answer)
        options = self.options(item)
        if isinstance(value, int) and 0 <= value < len(options):
            return value
        stripped = [one.strip() for one in options]
        if str(value).strip() in stripped:
            return stripped.index(str(value).strip())
        raise InvalidInput(
            "The answer of this item is none of its choices.",
            got=value,
            expected="0 to {last}, or one of: {options}",
            last=len(options) - 1,
            options=", ".join(stripped),
        )

    def references(self, item: Item) -> list[str]:
        """The right answers of one item that is written."""
        value = _field(item, self.answer)
        return [str(one) for one in value] if isinstance(value, list) else [str(value)]

    def asked(self, number: int) -> str:
        """The prompt of the `number`-th item with its examples before it."""
        item = self.items[number]
        shown = [self.question(one) + self.between + self._told(one) for one in self.examples(number)]
        return self.separator.join([*shown, self.question(item)])

    def examples(self, number: int) -> list[Item]:
        """The examples shown before the `number`-th item: the same for the same seed, never the item itself."""
        if not self.shots:
            return []
        if self.shots_from is not None:
            pool: Sequence[Item] = self.shots_from
        else:
            pool = [one for at, one in enumerate(self.items) if at != number and one != self.items[number]]
        if len(pool) < self.shots:
            raise InvalidInput(
                "There are fewer examples than shots.", got=len(pool), expected="{n} examples", n=self.shots
            )
        return random.Random(f"{self.seed}:{number}").sample(list(pool), self.shots)

    def extracted(self, written: str) -> str:
        """The answer in what a model wrote: the match of `extract`, else the first line that says anything."""
        if self.extract is None:
            return next((line.strip() for line in written.splitlines() if line.strip()), "")
        found = list(re.finditer(self.extract, written, re.MULTILINE))
        if not found:
            return ""
        match = found[0 if self.take == "first" else -1]
        return (match.group(1) if match.re.groups else match.group()).strip()

    def _told(self, item: Item) -> str:
        if self.kind in ("choice", "classify"):
            return self.options(item)[self.right(item)]
        return self.references(item)[0]


def read_task(
    path: Path,
    *,
    shots: int | None = None,
    seed: int | None = None,
    limit: int | None = None,
    code: bool = True,
) -> Task:
    """The task of a file; `shots`, `seed` and `limit` (so many items) override it.

    Raises NotFound for a file that is not there, InvalidInput for what does not hold. A Python file is run: name only
    files that you trust; with `code` false none is.
    """
    raw = _raw(path, code)
    return task_of(raw, path.parent, path.stem, shots=shots, seed=seed, limit=limit)


def files_of(path: Path) -> list[Path]:
    """The task's file and those of its items. No code is run."""
    raw = _raw(path, code=False)
    named = [path.parent / raw[key] for key in ("items", "shots_from") if isinstance(raw.get(key), str)]
    for one in named:
        if not one.is_file():
            raise NotFound("There is no file of items here.", got=str(one))
    return [path, *named]


def _raw(path: Path, code: bool) -> dict[str, Any]:
    if not path.is_file():
        raise NotFound("There is no task file here.", got=str(path))
    if path.suffix == ".py":
        if not code:
            raise InvalidInput("A chain runs no code.", got=str(path), expected="a task as YAML")
        return dict(runpy.run_path(str(path)).get("TASK") or {})
    try:
        raw = yaml.safe_load(path.read_text("utf-8"))
    except yaml.YAMLError as error:
        raise InvalidInput("This task file does not parse.", where=str(path), got=str(error)) from None
    if not isinstance(raw, dict):
        raise InvalidInput("This task file does not parse.", where=str(path), got=type(raw).__name__)
    return raw


def task_of(
    raw: Mapping[str, Any],
    base: Path,
    name: str,
    *,
    shots: int | None = None,
    seed: int | None = None,
    limit: int | None = None,
) -> Task:
    """A task of its settings; files are looked for beside `base`."""
    told = {"name": name, **raw}
    for key in ("items", "shots_from"):
        value = told.get(key)
        if callable(value):
            told[key] = [dict(one) for one in value()]
        elif isinstance(value, str):
            told[key] = read_items(base / value)
    if isinstance(told.get("items"), list) and limit is not None:
        told["items"] = told["items"][:limit]
    if told.get("injections") is True:
        told["items"] = [*told["items"], *_injected(told["items"], str(told.get("language", "en")))]
    told |= {key: value for key, value in (("shots", shots), ("seed", seed)) if value is not None}
    try:
        return Task.model_validate(told)
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidInput(
            "This task does not hold.",
            where=".".join(map(str, first["loc"])),
            got=str(first.get("input"))[:80],
            expected=first["msg"],
        ) from None


def _injected(items: Sequence[Item], language: str) -> list[dict[str, Any]]:
    """Every text that should be refused, in each wrapping of the language's bank."""
    from catenary.evaluate.refusal import INJECTIONS, REFUSE, wrapped

    if language not in INJECTIONS:
        raise InvalidInput(
            "There are no injections in this language.",
            got=language,
            expected="one of {names}",
            names=", ".join(INJECTIONS),
        )
    return [
        {**item, "text": text}
        for item in items
        if _field(item, "answer") == REFUSE
        for text in wrapped([str(_field(item, "text"))], language)
    ]


def read_items(path: Path) -> list[dict[str, Any]]:
    """The items of a .jsonl, .json or .yaml file."""
    if not path.is_file():
        raise NotFound("There is no file of items here.", got=str(path))
    text = path.read_text("utf-8")
    try:
        if path.suffix == ".jsonl":
            items = [json.loads(line) for line in text.splitlines() if line.strip()]
        else:
            items = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise InvalidInput("The items of this file do not parse.", where=str(path), got=str(error)) from None
    if not isinstance(items, list) or not all(isinstance(one, dict) for one in items):
        raise InvalidInput(
            "The items of this file do not parse.", where=str(path), expected="a list of mappings"
        )
    return items


def _field(item: Item, name: str) -> Any:
    if name not in item:
        raise InvalidInput(
            "An item lacks a field.", got=", ".join(item), expected="a field `{name}`", name=name
        )
    return item[name]


def _filled(template: str, item: Item) -> str:
    """`{name}` replaced by the item's field; nothing else is interpreted, in the template or in the fields."""
    return "".join(
        text + ("" if name is None else str(_field(item, name)))
        for text, name, _, _ in string.Formatter().parse(template)
    )
