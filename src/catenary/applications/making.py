"""Settings → the application that they declare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from catenary.applications.engine import Make
from catenary.applications.files import Beside
from catenary.applications.indexes import OpenedIndex
from catenary.apps import documents
from catenary.apps.assistant import AssistantRules, assistant
from catenary.apps.documents import DocumentRules
from catenary.apps.port import Classify, Screen, Screened
from catenary.apps.proofread import proofread
from catenary.apps.recommend import Recommender, RecommendRules, recommend
from catenary.apps.report import FIELDS, report
from catenary.apps.risk import in_field
from catenary.apps.rubric import Rubric
from catenary.apps.structured import classify, extract
from catenary.apps.summarise import summarise
from catenary.apps.templates import prompted
from catenary.apps.topics import Topics
from catenary.apps.translate import translate
from catenary.apps.tutor import mark, path
from catenary.chain.app_settings import (
    AppSettings,
    AssistantSettings,
    ClassifySettings,
    CodeSettings,
    DocumentsSettings,
    ExtractSettings,
    ProofreadSettings,
    RecommendSettings,
    ReportSettings,
    SummariseSettings,
    TranslateSettings,
    TutorSettings,
    WriteSettings,
)
from catenary.data.shards import read_split
from catenary.search.bars import Bars
from catenary.search.knowledge import Knowledge
from catenary.serve.guard import Guard
from catenary.store import Artifact

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class StandsOn:
    """What of the chain an application answers from, beside the models it asks. `file`: what it declares in its own."""

    index: OpenedIndex | None = None
    histories: Artifact | None = None
    file: Beside = None
    knowledge: Artifact | None = None

    @property
    def ids(self) -> dict[str, str]:
        """The artifacts by what they are to it, as its receipts name them."""
        named = {
            "index": self.index.artifact if self.index else None,
            "histories": self.histories,
            "knowledge": self.knowledge,
        }
        return {name: artifact.id for name, artifact in named.items() if artifact is not None}


def screen_of(guard: Guard) -> Screen:
    """The guard's rules for passages, as applications see them."""

    async def screen(texts: Sequence[str]) -> Screened:
        checked = await guard.check_passages(texts)
        return Screened(
            [None if one.blocked else one.texts[0] for one in checked],
            [(row, verdict.to_json()) for row, one in enumerate(checked) for verdict in one.verdicts],
        )

    return screen


def make_of(settings: AppSettings, on: StandsOn, screen: Screen) -> Make:
    """What makes the application anew for each answer, of what an answer may ask. `screen`: the guard of passages."""
    make = _maker(settings, on, screen)
    field = settings.risk
    if field is None and isinstance(settings, ReportSettings):
        field = FIELDS[settings.template]
    return make if field is None else lambda tools: in_field(make(tools), field)


def _maker(settings: AppSettings, on: StandsOn, screen: Screen) -> Make:
    opened, file = on.index, on.file
    match settings:
        case DocumentsSettings():
            assert opened is not None
            index, embed = opened.index, opened.embed
            rules = DocumentRules(
                settings.passages,
                settings.quotes,
                Bars(settings.least, settings.least_cosine),
                settings.not_found,
                settings.rerank_best,
                tuple(settings.rerank_languages),
            )
            graph = None if on.knowledge is None else Knowledge(on.knowledge.path)
            return lambda tools: documents(
                index,
                rules=rules,
                model=tools.model(settings.model),
                embed=embed,
                screen=screen,
                knowledge=graph,
                rerank=tools.rerank(settings.rerank),
            )
        case AssistantSettings():
            hours = {DAYS.index(day): hours for day, hours in settings.hours.items()}
            known = AssistantRules(settings.faq, hours, settings.upset, settings.above, settings.instruction)
            return lambda tools: assistant(
                known,
                documents=None
                if opened is None
                else documents(
                    opened.index, model=tools.model(settings.model), embed=opened.embed, screen=screen
                ),
                model=tools.model(settings.model),
                label=tools.classify(settings.sentiment),
            )
        case SummariseSettings():
            return lambda tools: summarise(points=settings.points, model=tools.model(settings.model))
        case ReportSettings():
            return lambda tools: report(
                settings.template, points=settings.points, model=tools.model(settings.model)
            )
        case TranslateSettings():
            return lambda tools: translate(tools.writer(settings.model), to=settings.to, terms=settings.terms)
        case ProofreadSettings():
            return lambda tools: proofread(model=tools.model(settings.model))
        case ExtractSettings():
            return lambda tools: extract(tools.writer(settings.model), settings.fields)
        case ClassifySettings():
            return lambda tools: classify(
                _there(tools.classify(settings.classifier)), flags=settings.flags, above=settings.above
            )
        case WriteSettings():
            heat = 0.7 if settings.form in ("poem", "advertising") else 0.0
            return lambda tools: prompted(
                f"write.{settings.form}",
                tools.writer(settings.model),
                style=settings.style,
                words=settings.words,
                temperature=heat,
            )
        case RecommendSettings():
            assert opened is not None
            items = Recommender(opened.index, [] if on.histories is None else _histories(on.histories))
            chosen = RecommendRules(settings.items, settings.exclude, settings.diversity)
            return lambda tools: recommend(items, chosen)
        case TutorSettings() if isinstance(file, Rubric):
            return lambda tools: mark(file, model=tools.model(settings.model))
        case TutorSettings() if isinstance(file, Topics):
            return lambda tools: path(file)
        case CodeSettings() | TutorSettings():
            endpoint = settings.model
            assert endpoint is not None
            return lambda tools: prompted(f"{settings.kind}.{settings.do}", tools.writer(endpoint))
    raise AssertionError(settings)


def _histories(dataset: Artifact) -> list[list[str]]:
    """What each document of a dataset of histories names, a line each."""
    return [
        [line.strip() for line in text.split("\n") if line.strip()]
        for text in read_split(dataset.path, "train", ["text"]).column("text").to_pylist()
    ]


def _there(label: Classify | None) -> Classify:
    assert label is not None
    return label
