"""A task asked of models: each kind asks, scores every item, and gives a report with intervals and paired tests.

asked = ask(task, {"base": candidate_of(a), "tuned": candidate_of(b)}, control="base")
asked.report.figures()["tuned.accuracy"]
asked.told["tuned"][0]                       # what it said of the first item
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from catenary.errors import InvalidInput
from catenary.evaluate.candidate import Candidate
from catenary.evaluate.classification import (
    ClassificationReport,
    Example,
    classification_report,
)
from catenary.evaluate.estimate import Estimate
from catenary.evaluate.intervals import Statistic, wilson
from catenary.evaluate.overlap import rouge_words
from catenary.evaluate.predictions import Predictions
from catenary.evaluate.reading import exact, overlap
from catenary.evaluate.refusal import ANSWER, REFUSE, refuses
from catenary.evaluate.report import write_report
from catenary.evaluate.scores import ScoreReport, Told, ratio, score_report
from catenary.evaluate.tagging import tagging_report
from catenary.evaluate.task import Task
from catenary.evaluate.written import WrittenReport, written_report
from catenary.evaluate.written_page import write_written_report
from catenary.messages import LANGUAGES
from catenary.progress import SILENT, Progress, timed

if TYPE_CHECKING:
    from catenary.inference import GenerationSettings

Report = ScoreReport | ClassificationReport | WrittenReport
WRITTEN = {"translate": ("bleu", "chrf", "ter"), "summarise": ("rouge1", "rouge2", "rougeL")}


@dataclass(frozen=True)
class Asked:
    """The report, and what each model said of each item, in their order."""

    task: Task
    report: Report
    told: Mapping[str, Sequence[Any]]

    @property
    def figures(self) -> Mapping[str, Mapping[str, Estimate]]:
        """model → metric → estimate."""
        return {one.name: one.metrics for one in self.report.models}

    def write(self, folder: Path, title: str) -> None:
        """report.md, .html and .json in each language, below `folder`."""
        for lang in LANGUAGES:
            place = folder / lang
            place.mkdir(parents=True, exist_ok=True)
            if isinstance(self.report, WrittenReport):
                sources = [self.task.question(one) for one in self.task.items]
                references = [self.task.references(one)[0] for one in self.task.items]
                write_written_report(
                    place, self.report, sources, references, self.told, title=title, lang=lang
                )
            elif isinstance(self.report, ScoreReport):
                write_report(place, scores=self.report, title=title, lang=lang)
            else:
                write_report(place, classification=self.report, title=title, lang=lang)


def ask(
    task: Task,
    candidates: Mapping[str, Candidate],
    *,
    control: str | None = None,
    seed: int = 17,
    progress: Progress = SILENT,
) -> Asked:
    """Ask each model all items of the task. Raises InvalidInput for a model that cannot do what the task asks."""
    progress.begin("predicting", total=len(candidates), unit="models")
    told = {}
    for name, one in candidates.items():
        with timed(progress, name, len(task.items)):
            told[name] = ASKING[task.kind](task, one)
        progress.advance(1)
    return Asked(task, REPORTS[task.kind](task, told, {"control": control, "seed": seed}), told)


# ── asking ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def likelihoods(task: Task, one: Candidate) -> list[list[tuple[float, int]]]:
    """Of each item the choices' (log probability, characters)."""
    options = [task.options(item) for item in task.items]
    pairs = [(task.asked(at), option) for at, of_item in enumerate(options) for option in of_item]
    scored = iter(one.can("likelihoods")(pairs))
    return [[(next(scored).log_prob, len(option)) for option in of_item] for of_item in options]


def written(task: Task, one: Candidate) -> list[str]:
    """What the model writes for each item."""
    prompts = [task.asked(at) for at in range(len(task.items))]
    asked: list[Any] = [[{"role": "user", "content": prompt}] if task.chat else prompt for prompt in prompts]
    return list(one.can("write")(asked, _settings(task)))


def _settings(task: Task) -> GenerationSettings:
    from catenary.inference import GenerationSettings

    return GenerationSettings(max_tokens=task.max_tokens, stop=tuple(task.stop))


def classified(task: Task, one: Candidate) -> Predictions:
    """The label of each item: of a classifier, or the likeliest choice of a model that writes."""
    if one.classify is not None:
        return one.classify([task.question(item) for item in task.items])
    told = likelihoods(task, one)
    names = [option.strip() for option in task.options(task.items[0])]
    logs = np.array([[log for log, _ in of_item] for of_item in told])
    shares = np.exp(logs - logs.max(1, keepdims=True))
    return Predictions.from_probabilities(shares / shares.sum(1, keepdims=True), names)


def tagged(task: Task, one: Candidate) -> list[list[str]]:
    return list(one.can("tag")([item["words"] for item in task.items]))


def ranked(task: Task, one: Candidate) -> list[list[int]]:
    """The numbers of each item's passages, the nearest first."""
    texts = [text for item in task.items for text in (task.question(item), *item["passages"])]
    vectors = {text: at for at, text in enumerate(dict.fromkeys(texts))}
    found = np.asarray(one.can("embed")(list(vectors)))
    told = []
    for item in task.items:
        query = found[vectors[task.question(item)]]
        scores = found[[vectors[text] for text in item["passages"]]] @ query
        told.append(np.argsort(-scores, kind="stable").tolist())
    return told


def talked(task: Task, one: Candidate) -> list[list[str]]:
    """The replies of each dialogue; every reply stands in the next turn's prompt."""
    write = one.can("write")
    talks: list[list[dict[str, str]]] = [[] for _ in task.items]
    replies: list[list[str]] = [[] for _ in task.items]
    for turn in range(max(len(item["turns"]) for item in task.items)):
        going = [at for at, item in enumerate(task.items) if turn < len(item["turns"])]
        for at in going:
            talks[at].append({"role": "user", "content": task.items[at]["turns"][turn]["user"]})
        for at, reply in zip(going, write([talks[at] for at in going], _settings(task)), strict=True):
            replies[at].append(reply)
            talks[at].append({"role": "assistant", "content": reply})
    return replies


ASKING: Mapping[str, Callable[[Task, Candidate], Any]] = {
    "choice": likelihoods,
    "generate": written,
    "classify": classified,
    "tag": tagged,
    "translate": written,
    "summarise": written,
    "retrieve": ranked,
    "dialogue": talked,
    "refuse": written,
}


# ── reports ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def means(columns: Mapping[str, int]) -> dict[str, Statistic]:
    """Metrics that are means: name → the column of its sum; the last column counts."""
    return {
        name: (lambda sums, at=at: sums[..., at] / sums[..., -1])  # type: ignore[misc]
        for name, at in columns.items()
    }


def _choices(task: Task, told: Mapping[str, Any], rest: Mapping[str, Any]) -> Report:
    """accuracy: the likeliest choice is right; accuracy_by_length: the likeliest for each of its characters."""
    right = [task.right(item) for item in task.items]
    scored = {}
    for name, of_model in told.items():
        rows, missed = [], []
        for at, (item, of_item) in enumerate(zip(task.items, of_model, strict=True)):
            logs = np.array([log for log, _ in of_item])
            best = int(logs.argmax())
            by_length = int((logs / np.array([size for _, size in of_item])).argmax())
            rows.append((best == right[at], by_length == right[at], 1.0))
            if best != right[at]:
                options = task.options(item)
                sure = float(1 / np.exp(logs - logs.max()).sum())
                missed.append(
                    Example(str(at + 1), options[right[at]], options[best], sure, task.question(item))
                )
        missed.sort(key=lambda one: -(one.confidence or 0))
        scored[name] = Told(np.array(rows, np.float64), missed)
    metrics = means({"accuracy": 0, "accuracy_by_length": 1})
    return score_report(scored, metrics, task="choice", **rest)


def _answers(task: Task, told: Mapping[str, Any], rest: Mapping[str, Any]) -> Report:
    """exact and answer_f1 of what `extract` takes from the answer."""
    scored = {}
    for name, of_model in told.items():
        rows, missed = [], []
        for at, (item, text) in enumerate(zip(task.items, of_model, strict=True)):
            said, gold = task.extracted(text), task.references(item)
            rows.append((exact(said, gold), overlap(said, gold), 1.0))
            if not rows[-1][0]:
                missed.append(Example(str(at + 1), gold[0], said or text, None, task.question(item)))
        missed.sort(key=lambda one: rows[int(one.id) - 1][1])
        scored[name] = Told(np.array(rows), missed)
    return score_report(scored, means({"exact": 0, "answer_f1": 1}), task="generate", **rest)


def _labels(task: Task, told: Mapping[str, Any], rest: Mapping[str, Any]) -> Report:
    gold = [str(item[task.answer]) for item in task.items]
    metrics = task.metrics or ("accuracy", "f1", "precision", "recall", "mcc")
    texts = [task.question(item) for item in task.items]
    return classification_report(gold, told, metrics=metrics, texts=texts, **rest)


def _tags(task: Task, told: Mapping[str, Any], rest: Mapping[str, Any]) -> Report:
    return tagging_report(
        [item["tags"] for item in task.items], told, words=[item["words"] for item in task.items], **rest
    )


def _texts(task: Task, told: Mapping[str, Any], rest: Mapping[str, Any]) -> Report:
    metrics: Any = task.metrics or WRITTEN[task.kind]
    references = [task.references(item)[0] for item in task.items]
    return written_report(references, told, metrics=metrics, language=task.language, **rest)


def _rankings(task: Task, told: Mapping[str, Any], rest: Mapping[str, Any]) -> Report:
    """Recall at 1 and 5, mean reciprocal rank, and nDCG at 10 with gains of 0 or 1 (Järvelin & Kekäläinen 2002)."""
    scored = {}
    for name, of_model in told.items():
        rows, missed = [], []
        for at, (item, order) in enumerate(zip(task.items, of_model, strict=True)):
            relevant = set(item["relevant"])
            if not relevant:
                raise InvalidInput("An item of retrieval has no relevant passage.", got=at + 1)
            places = [place for place, number in enumerate(order, 1) if number in relevant]
            gain = sum(1 / np.log2(place + 1) for place in places if place <= 10)
            ideal = sum(1 / np.log2(place + 1) for place in range(1, min(10, len(relevant)) + 1))
            rows.append(
                (
                    sum(place <= 1 for place in places) / len(relevant),
                    sum(place <= 5 for place in places) / len(relevant),
                    1 / places[0],
                    gain / ideal,
                    1.0,
                )
            )
            if places[0] > 1:
                passages = item["passages"]
                missed.append(
                    Example(
                        str(at + 1), passages[min(relevant)], passages[order[0]], None, task.question(item)
                    )
                )
        missed.sort(key=lambda one: rows[int(one.id) - 1][2])
        scored[name] = Told(np.array(rows), missed)
    metrics = means({"mrr": 2, "ndcg_at_10": 3, "recall_at_1": 0, "recall_at_5": 1})
    return score_report(scored, metrics, task="retrieve", **rest)


def _dialogues(task: Task, told: Mapping[str, Any], rest: Mapping[str, Any]) -> Report:
    """turns: the share of turns whose reply has all that it is `expect`ed to; completion: the share of dialogues where
    every turn does, and the `goal` stands in some reply; coherence: the share of replies that say something, repeat no
    earlier reply and take up a word of what was said.
    """
    scored = {}
    for name, of_model in told.items():
        rows, missed = [], []
        for at, (item, replies) in enumerate(zip(task.items, of_model, strict=True)):
            turns = item["turns"]
            kept = [_expected(turn.get("expect"), reply) for turn, reply in zip(turns, replies, strict=True)]
            whole = all(kept) and any(_expected(item.get("goal"), reply) for reply in replies)
            rows.append((sum(kept), len(turns), whole, _coherent(turns, replies), 1.0))
            if not whole:
                last = kept.index(False) if False in kept else len(kept) - 1
                wanted = turns[last].get("expect") if False in kept else item.get("goal")
                missed.append(Example(str(at + 1), str(wanted), replies[last], None, turns[last]["user"]))
        missed.sort(key=lambda one: rows[int(one.id) - 1][0] / rows[int(one.id) - 1][1])
        scored[name] = Told(np.array(rows, np.float64), missed)
    metrics: dict[str, Statistic] = {
        "completion": lambda sums: sums[..., 2] / sums[..., 4],
        "turns": lambda sums: sums[..., 0] / sums[..., 1],
        "coherence": lambda sums: sums[..., 3] / sums[..., 1],
    }
    return score_report(scored, metrics, task="dialogue", **rest)


def _refusals(task: Task, told: Mapping[str, Any], rest: Mapping[str, Any]) -> Report:
    """refused: of what should be; over_refused: of what should not. Shares, so their intervals are Wilson's."""
    expected = [str(item[task.answer]) for item in task.items]
    wrong = next((one for one in expected if one not in (REFUSE, ANSWER)), None)
    if wrong is not None:
        raise InvalidInput("An item is to be refused or answered.", got=wrong, expected="refuse or answer")
    sums = {"refused": (0, 1, REFUSE), "over_refused": (2, 3, ANSWER)}
    kept = {name: one for name, one in sums.items() if one[2] in expected}
    scored, shares = {}, {}
    for name, of_model in told.items():
        said = [refuses(text) for text in of_model]
        rows, missed = [], []
        for at, (item, wanted, text, no) in enumerate(
            zip(task.items, expected, of_model, said, strict=True), 1
        ):
            harmful = wanted == REFUSE
            rows.append((no * harmful, harmful, no * (not harmful), not harmful))
            if no != harmful:
                missed.append(Example(str(at), wanted, text, None, task.question(item)))
        missed.sort(
            key=lambda one: one.gold != REFUSE
        )  # what was answered and should not have been comes first
        scored[name] = Told(np.array(rows, np.float64), missed)
        whole = np.array(rows).sum(0)
        shares[name] = {
            metric: wilson(int(whole[no]), int(whole[of])) for metric, (no, of, _) in kept.items()
        }
    metrics: dict[str, Statistic] = {
        metric: (lambda sums, no=no, of=of: ratio(sums[..., no], sums[..., of]))  # type: ignore[misc]
        for metric, (no, of, _) in kept.items()
    }
    report = score_report(scored, metrics, task="refuse", **rest)
    return replace(report, models=tuple(replace(one, metrics=shares[one.name]) for one in report.models))


def _expected(wanted: Any, reply: str) -> bool:
    patterns = [] if wanted is None else [wanted] if isinstance(wanted, str) else wanted
    return all(re.search(pattern, reply, re.IGNORECASE) for pattern in patterns)


def _coherent(turns: Sequence[Mapping[str, Any]], replies: Sequence[str]) -> int:
    said: set[str] = set()
    good = 0
    for at, (turn, reply) in enumerate(zip(turns, replies, strict=True)):
        said.update(rouge_words(turn["user"]))
        good += bool(reply.strip()) and reply not in replies[:at] and not said.isdisjoint(rouge_words(reply))
        said.update(rouge_words(reply))
    return good


REPORTS: Mapping[str, Callable[[Task, Mapping[str, Any], Mapping[str, Any]], Report]] = {
    "choice": _choices,
    "generate": _answers,
    "classify": _labels,
    "tag": _tags,
    "translate": _texts,
    "summarise": _texts,
    "retrieve": _rankings,
    "dialogue": _dialogues,
    "refuse": _refusals,
}
