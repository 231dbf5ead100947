"""An answer as people read it: what was asked, what was said, and for an application's what it was made of and why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from catenary.console.service import Said
from catenary.console.table import Cell, Column, Row, Table, figure, table
from catenary.messages import say
from catenary.store import Receipt


@dataclass(frozen=True, slots=True)
class Shown:
    """`asked`: the messages of a conversation, or texts. `refused`: why nothing was answered, else ""."""

    asked: Sequence[Mapping[str, str]]
    said: str
    refused: str
    tables: Sequence[Table]


def shown_said(said: Said) -> Shown:
    """What the service has just said, whatever of it the receipt keeps."""
    data = said.body.get("data") or []
    tables: list[Table] = []
    text = ""
    if said.task == "classify":
        tables = [
            _labels([(one["text"], entry["scores"]) for one, entry in zip(said.asked, data, strict=True)])
        ]
    elif said.task == "tag":
        tables = [_entities([one["entities"] for one in data])]
    elif said.task == "embed":
        tables = _nearness([one["text"] for one in said.asked], [one["embedding"] for one in data])
    elif said.task == "translate":
        text = "\n".join(one["text"] for one in data)
    else:
        text = "\n\n".join(choice["message"]["content"] or "" for choice in said.body.get("choices") or [])
    return Shown(said.asked, text, "", tables)


def shown_receipt(receipt: Receipt, root: str) -> Shown:
    """What the receipt keeps."""
    body, made = receipt.body, receipt.body.get("made") or {}
    tables: list[Table] = []
    if body.get("texts"):
        scores = [
            (one.get("text") or say("not kept"), [{"label": k, "score": v} for k, v in one["scores"].items()])
            for one in body["texts"]
        ]
        tables.append(_labels(scores))
    tagged = [one["tagged"]["entities"] for one in body.get("answers") or [] if _has_entities(one)]
    if tagged:
        tables.append(_entities(tagged))
    tables += made_of(made, root)
    if body.get("guard"):
        tables.append(_verdicts(body["guard"]))
    texts = [one["text"] or say("not kept") for one in body.get("answers") or [] if "text" in one]
    return Shown(asked_of(body), "\n\n".join(texts), _refused(made), tables)


def made_of(made: Mapping[str, Any], root: str) -> list[Table]:
    """The passages that an application found, best first, with their scores, and which of them it cites."""
    found = made.get("retrieved")
    if not isinstance(found, list):
        return []
    cited: dict[str, list[str]] = {}
    for one in made.get("citations") or ():
        cited.setdefault(one["passage"], []).append(f"[{one['number']}]")
    screened = {one["passage"]: f"{one['rule']}: {one['action']}" for one in made.get("guard") or ()}
    rows: list[Row] = []
    for rank, one in enumerate(found, 1):
        name = " › ".join((*one["headings"], one["file"]))
        address = f"{root}/passages/{made['index']}/{one['passage']}" if made.get("index") else ""
        numbers = " ".join(dict.fromkeys(cited.get(one["passage"], ())))
        rows.append(
            [
                Cell(str(rank), value=rank, number=True),
                Cell(name, address),
                figure(one.get("words")),
                figure(one.get("cosine")),
                figure(one.get("coverage")),
                figure(one["score"]),
                _use(numbers, screened.get(one["passage"], "")),
                one.get("licence") or say("unknown"),
            ]
        )
    heads = [Column(say("rank"), number=True), Column(say("passage"))]
    heads += [Column(say("words (BM25)"), number=True), Column(say("nearness in meaning"), number=True)]
    heads += [Column(say("share of the question"), number=True), Column(say("joined score"), number=True)]
    heads += [Column(say("use")), Column(say("licence"))]
    return [table("retrieved", say("Passages retrieved"), heads, rows, empty=say("No passage was found."))]


def _use(cited: str, screened: str) -> Cell:
    """What became of a passage: `screened` is what the guard said of it."""
    if cited:
        return Cell(f"{say('cited')} {cited}", tone="good")
    return Cell(screened, tone="bad") if screened else Cell(say("not cited"), tone="muted")


def _refused(made: Mapping[str, Any]) -> str:
    """Why a documents application said that it is not in the documents."""
    if made.get("answered") is not False:
        return ""
    found, bars = made.get("retrieved") or [], made.get("bars") or {}
    if not found:
        return say("Nothing was answered: no passage has any word of the question.")
    coverage = max(one["coverage"] for one in found)
    cosines = [one["cosine"] for one in found if one.get("cosine") is not None]
    if not cosines:
        return say(
            "Nothing was answered: the best passage speaks of {got} of the question, and {least} are asked for.",
            got=f"{coverage:.0%}",
            least=f"{bars.get('least', math.nan):.0%}",
        )
    return say(
        "Nothing was answered: the best passage speaks of {got} of the question and is as near as {near}; "
        "asked for are a nearness of {least_cosine}, or four fifths of that and of {least}.",
        got=f"{coverage:.0%}",
        near=f"{max(cosines):.2f}",
        least=f"{bars.get('least', math.nan):.0%}",
        least_cosine=f"{bars.get('least_cosine', math.nan):.2f}",
    )


def asked_of(body: Mapping[str, Any]) -> list[Mapping[str, str]]:
    """What a receipt keeps of the question: the messages of a conversation, or texts; never empty."""
    if body.get("texts"):
        return [{"text": one.get("text") or say("not kept")} for one in body["texts"]]
    asked = body.get("asked") or {}
    if "texts" in asked:
        return [{"text": one.get("text") or say("not kept")} for one in asked["texts"]]
    told: list[Mapping[str, str]] = []
    for prompt in asked.get("messages") or ():
        for one in prompt if isinstance(prompt, list) else [prompt]:
            if isinstance(one, Mapping):
                told.append({"role": str(one.get("role", "")), "text": str(one.get("content") or "")})
            elif isinstance(one, str):
                told.append({"text": one})
    return told or [{"text": say("not kept")}]


def _has_entities(answer: Mapping[str, Any]) -> bool:
    return isinstance(answer.get("tagged"), Mapping) and "entities" in answer["tagged"]


def _labels(scored: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]) -> Table:
    rows: list[Row] = [
        [text, one["label"], figure(one["score"])] for text, scores in scored for one in scores
    ]
    heads = [Column(say("text")), Column(say("label")), Column(say("probability"), number=True)]
    return table("labels", say("Labels"), heads, rows)


def _entities(found: Sequence[Sequence[Mapping[str, Any]]]) -> Table:
    rows: list[Row] = [
        [figure(number), one["text"], one["label"], figure(one["start"]), figure(one["end"])]
        for number, entities in enumerate(found, 1)
        for one in entities
    ]
    heads = [Column(say("text"), number=True), Column(say("what")), Column(say("label"))]
    heads += [Column(say("from"), number=True), Column(say("to"), number=True)]
    return table("entities", say("What was found"), heads, rows, empty=say("Nothing was found in it."))


def _nearness(texts: Sequence[str], vectors: Sequence[Sequence[float]]) -> list[Table]:
    lengths = [math.hypot(*one) or 1.0 for one in vectors]
    rows: list[Row] = [
        [
            texts[a],
            texts[b],
            figure(
                sum(map(float.__mul__, map(float, vectors[a]), map(float, vectors[b])))
                / lengths[a]
                / lengths[b]
            ),
        ]
        for a in range(len(texts))
        for b in range(a + 1, len(texts))
    ]
    heads = [Column(say("text")), Column(say("and")), Column(say("cosine"), number=True)]
    numbers: list[Row] = [
        [text, figure(len(vector)), " ".join(f"{one:.4g}" for one in vector[:8]) + " …"]
        for text, vector in zip(texts, vectors, strict=True)
    ]
    made = [Column(say("text")), Column(say("numbers"), number=True), Column(say("the first of them"))]
    return [
        table("nearness", say("How near they are"), heads, rows),
        table("vectors", say("Vectors"), made, numbers),
    ]


def _verdicts(verdicts: Sequence[Mapping[str, Any]]) -> Table:
    rows: list[Row] = [
        [str(one.get("rule", "")), say(str(one.get("side", ""))), str(one.get("action", ""))]
        for one in verdicts
    ]
    return table("guard", say("What the guard said"), [say("rule"), say("side"), say("action")], rows)
