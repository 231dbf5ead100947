"""evaluate_index: questions asked of an index of passages, beside a control that counts words.

    evaluations:
      handbook: {index: handbook, questions: questions.jsonl}
      reread:   {index: handbook, questions: questions.jsonl, rerank: cross}     # beside the index as it is
      written:  {index: handbook, questions: questions.jsonl, writer: smol}      # and what a model writes of it

A line of `questions:` is {"question": …, "evidence": […], "language": …}: any of the strings of `evidence` stands in
a passage that answers; none is given where the documents have no answer, and the question should be refused.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, Field

from catenary.chain.stage import Estimate, How, Ref, Settings, ShaOf, Stage, Work
from catenary.errors import InvalidInput
from catenary.messages import LANGUAGES
from catenary.stages.knowledge import KnowledgeSettings
from catenary.stages.write_from_passages import write_from_passages

if TYPE_CHECKING:
    from catenary.evaluate.retrieval import Looked
    from catenary.search import Found, SearchIndex
    from catenary.search.build import Embed
    from catenary.search.quotes import Quote

METRICS = ("recall_at_5", "mrr", "recall_at_1", "ndcg_at_10", "cited", "over_refused", "refused")
WRITTEN = ("faithful", "answered", "right")
CONTROL, RERANKED, WRITER = "overlap", "reranked", "writer"
LIMIT = 10
Both = tuple[Sequence["Found"], Sequence["Found"]]  # as it is told, and as it was found at first


class EvaluateIndexSettings(Settings):
    """Which index, which questions; `least` and `least_cosine` as an application has them.

    `rerank`: a classifier of pairs with the label `relevant`, which reads the question with each of the best passages.
    `writer`: a chat model, which answers from the first `passages`; what of it they support is told.
    """

    index: Annotated[str, Ref("indexes")]
    knowledge: Annotated[str | None, Ref("indexes")] = None  # as an application has it
    rerank: Annotated[str | None, Ref("models")] = None
    rerank_best: int = Field(20, ge=1, le=50)
    rerank_languages: list[Literal["zh", "en"]] = Field(default=[])
    writer: Annotated[str | None, Ref("models")] = None
    passages: int = Field(4, ge=1, le=20)
    questions: str
    quotes: int = Field(3, ge=1, le=10)
    least: float = Field(0.5, ge=0, le=1)
    least_cosine: float = Field(0.55, ge=0, le=1)
    seed: int = 17
    threads: Annotated[int | None, How()] = Field(None, ge=1)

    @property
    def of(self) -> list[str]:
        """What gates may name: the index, with its passages read again, and the control."""
        return ["index", *([RERANKED] if self.rerank else []), CONTROL, *([WRITER] if self.writer else [])]

    @property
    def metrics(self) -> list[str]:
        """What is measured."""
        return [*METRICS, *(WRITTEN if self.writer else ())]

    def measures(self, metric: str) -> bool:
        """Whether a gate may ask for it."""
        return metric in self.metrics


def check(settings: EvaluateIndexSettings, stands_on: Mapping[str, BaseModel]) -> None:
    """Raises InvalidInput for facts of another index."""
    graph = stands_on.get("knowledge")
    if graph is not None and (not isinstance(graph, KnowledgeSettings) or graph.from_ != settings.index):
        raise InvalidInput(
            "This is no knowledge of the index that is asked.",
            got=settings.knowledge,
            expected="`indexes: {name: {kind: knowledge, from: …}}`, from the same index",
        )


def recipe(settings: EvaluateIndexSettings) -> Mapping[str, Any]:
    """Where the questions lie is left out; what they are is in `content`."""
    left_out = {"index", "knowledge", "rerank", "writer", "questions", "threads"}
    if settings.rerank is None:
        left_out |= {"rerank_best", "rerank_languages"}
    if settings.writer is None:
        left_out.add("passages")
    return settings.model_dump(mode="json", exclude=left_out)


def content(name: str, settings: EvaluateIndexSettings, base: Path, sha_of: ShaOf) -> Mapping[str, Any]:
    """What the questions are now."""
    return {"questions": sha_of(base / settings.questions)}


def run(work: Work[EvaluateIndexSettings]) -> Mapping[str, Any]:
    from catenary.evaluate import verdict, write_report
    from catenary.evaluate.retrieval import retrieval_report
    from catenary.search import SearchIndex
    from catenary.search.knowledge import Knowledge, with_facts
    from catenary.search.overlap import Overlap

    settings = work.settings
    asked = read_questions(work.base / settings.questions)
    index = SearchIndex.open(work.inputs["index"].path)
    graph = work.inputs.get("knowledge")
    knowledge = None if graph is None else Knowledge(graph.path)
    embed = _embedder(work, index)
    vectors = [
        embed([one["question"]])[0] if embed is not None and index.embeds(one["question"]) else None
        for one in asked
    ]
    rerank = None if settings.rerank is None else _Reranker(work)
    seconds: dict[str, list[float]] = {"index": [], RERANKED: []}
    best: dict[int, Sequence[Found]] = {}  # of each question, as an application would have them

    def found_by(at: int, reranker: _Reranker | None) -> Both:
        question = asked[at]["question"]
        began = time.perf_counter()
        most = LIMIT if reranker is None else max(LIMIT, settings.rerank_best)
        first = found = index.search(question, most, vector=vectors[at])
        if reranker is not None:
            found = reranker.ordered(question, found)
        found = found[:LIMIT]
        if knowledge is not None:
            found = with_facts(index, knowledge, question, found, vector=vectors[at])
        seconds["index" if reranker is None else RERANKED].append(time.perf_counter() - began)
        best[at] = found
        return found, first

    def by_words(at: int) -> Both:
        found = control.search(asked[at]["question"], LIMIT)
        return found, found

    control = Overlap(index)
    ways: dict[str, Callable[[int], Both]] = {"index": lambda at: found_by(at, None)}
    if rerank is not None:
        ways[RERANKED] = lambda at: found_by(at, rerank)
    ways[CONTROL] = by_words
    work.progress.begin("asking questions", len(ways) * len(asked), "questions")
    told = {
        name: [
            _looked(work, index, one, *look(at), embed if name != CONTROL else None)
            for at, one in enumerate(asked)
        ]
        for name, look in ways.items()
    }
    languages = sorted({one["language"] for one in asked})
    parts = {
        "": range(len(asked)),
        **{
            f".{language}": [at for at, one in enumerate(asked) if one["language"] == language]
            for language in (languages if len(languages) > 1 else ())
        },
    }
    reports = {
        part: retrieval_report(
            [bool(asked[at]["evidence"]) for at in rows],
            {name: [looked[at] for at in rows] for name, looked in told.items()},
            questions=[asked[at]["question"] for at in rows],
            control=CONTROL,
            seed=settings.seed,
        )
        for part, rows in parts.items()
    }
    report = reports[""]
    for language in LANGUAGES:
        (work.out / language).mkdir()
        write_report(work.out / language, title=work.link, lang=language, scores=report)
    metrics = {
        f"{model.name}{part}": {name: asdict(figure) for name, figure in model.metrics.items()}
        for part, one in reports.items()
        for model in one.models
    }
    if settings.writer is not None:
        looked = told["index" if rerank is None else RERANKED]
        asks = [(asked[at], best[at]) for at in range(len(asked)) if not looked[at].refused]
        wrote = write_from_passages(work, index, asks, _holds)
        for language in LANGUAGES:
            write_report(work.out / language / WRITER, title=work.link, lang=language, scores=wrote)
        metrics[WRITER] = {name: asdict(figure) for name, figure in wrote.models[0].metrics.items()}
    recall = metrics["index"].get("recall_at_5", {"value": 0.0})["value"]
    return {
        "headline": {"questions": len(asked), "recall@5": round(recall, 4)},
        "task": "retrieve",
        "control": CONTROL,
        "metrics": metrics,
        "seconds_p95": _p95(seconds["index"]),
        **({"seconds_p95_reranked": _p95(seconds[RERANKED])} if rerank is not None else {}),
        "comparisons": [
            {**asdict(one), "outcome": one.outcome, "verdict": verdict(one, "en")}
            for one in report.comparisons
        ],
    }


class _Reranker:
    """The model that reads a question with each of the best passages. Raises InvalidInput for one that is none."""

    def __init__(self, work: Work[EvaluateIndexSettings]) -> None:
        from catenary.inference import load
        from catenary.search.rerank import RELEVANT

        self.settings = work.settings
        self.model = load(work.inputs["rerank"].path, threads=work.settings.threads)
        if RELEVANT not in self.model.labels:
            raise InvalidInput(
                "This model does not tell how relevant a passage is.",
                got=", ".join(self.model.labels),
                expected="a classifier of pairs, one of whose labels is `relevant`",
            )

    def ordered(self, question: str, found: list[Found]) -> list[Found]:
        """The passages, the best of them in their new order."""
        from catenary.messages import language_of
        from catenary.search.rerank import RELEVANT, passage_text, reranked

        languages = self.settings.rerank_languages
        if languages and language_of(question) not in languages:
            return found
        pairs = [(question, passage_text(one)) for one in found[: self.settings.rerank_best]]
        return reranked(found, [one.probabilities[RELEVANT] for one in self.model.classify(pairs)])


def read_questions(path: Path) -> list[dict[str, Any]]:
    """The questions of a file. Raises InvalidInput naming the line that is none."""
    asked = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            one = json.loads(line)
            question, evidence = one["question"], one["evidence"]
        except (ValueError, KeyError, TypeError):
            question, evidence = None, None
        if not isinstance(question, str) or not isinstance(evidence, list):
            raise InvalidInput(
                "This line is no question.",
                got=line[:200],
                where=f"{path.name}:{number}",
                expected='{{"question": "…", "evidence": ["…"]}}',
            )
        asked.append({"question": question, "evidence": evidence, "language": one.get("language", "")})
    return asked


def _embedder(work: Work[EvaluateIndexSettings], index: SearchIndex) -> Embed | None:
    """What made the index's vectors, where it has some."""
    if index.vectors is None:
        return None
    from catenary.inference import load

    model = next(one for one in work.ancestors(work.inputs["index"].id) if one.id == index.told["embedding"])
    embedder = load(model.path, "embed", threads=work.settings.threads)
    return lambda texts: embedder.embed(texts).vectors


def _looked(
    work: Work[EvaluateIndexSettings],
    index: SearchIndex,
    asked: Mapping[str, Any],
    found: Sequence[Found],
    first: Sequence[Found],
    embed: Embed | None,
) -> Looked:
    """`first`: what was found before it was read again; whether that answers is told by its own order."""
    from catenary.evaluate.retrieval import Looked
    from catenary.search.bars import Bars
    from catenary.search.quotes import quotes, sentences_of

    settings, question = work.settings, asked["question"]
    refused = not Bars(settings.least, settings.least_cosine).cleared(first)
    cited: Sequence[Quote] = ()
    if asked["evidence"] and not refused:
        nearness = None
        if embed is not None and index.embeds(question):
            vectors = embed([question, *(text for _, _, text in sentences_of(found))])
            nearness = vectors[1:] @ vectors[0]
        cited = quotes(question, found, index.rarity, most=settings.quotes, nearness=nearness)
    work.progress.advance(1)
    return Looked(
        ranks=tuple(rank for rank, one in enumerate(found, 1) if _holds(asked, one.passage.text)),
        refused=refused,
        cited=any(_holds(asked, one.passage.text) for one in cited),
        first=found[0].passage.text if found else "",
    )


def _holds(asked: Mapping[str, Any], text: str) -> bool:
    """Whether a text has what answers the question."""
    return any(_plain(one) in _plain(text) for one in asked["evidence"])


def _plain(text: str) -> str:
    return " ".join(text.split())


def _p95(seconds: Sequence[float]) -> float:
    return sorted(seconds)[int(0.95 * (len(seconds) - 1))] if seconds else 0.0


EVALUATE_INDEX = Stage(
    name="evaluate_index",
    version=1,
    section="evaluations",
    kind="evaluation",
    owner="researcher",
    settings=EvaluateIndexSettings,
    run=run,
    takes=lambda raw: "index" in raw,
    check=check,
    recipe=recipe,
    content=content,
    estimate=lambda settings, sizes: Estimate(5.0, 1 << 30, 1 << 20),
)
