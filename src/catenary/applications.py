"""An application as an engine of the service: apps joined with serve and the store.

    served = open_app(chain, store, "handbook", endpoints)     # answers as `model: app/handbook`

So it is asked, streamed, guarded, metered and receipted as any model is, and its receipt says what it stood on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from catenary.apps import App, Conversation, Note, documents
from catenary.apps.assistant import AssistantRules, assistant
from catenary.apps.documents import DocumentRules
from catenary.apps.port import ChatModel, Classify, Embed, Screen, Screened
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
    named_by,
)
from catenary.chain.declared import declared
from catenary.chain.made import made
from catenary.chain.spec import Chain, read_declared
from catenary.data.shards import read_split
from catenary.digest import digest
from catenary.errors import InvalidInput, Refused
from catenary.search import SearchIndex
from catenary.search.bars import Bars
from catenary.serve.engine import Delta, Engine, EngineState, Labelled, Made, Spent, Vectors, WriteJob
from catenary.serve.errors import INVALID_REQUEST, UNSUPPORTED, ApiError
from catenary.serve.following import Following
from catenary.serve.guard import OPEN, Guard
from catenary.serve.local_engine import LocalEngine, command_for
from catenary.serve.served import Served
from catenary.stages.released_index import index_release
from catenary.store import Artifact, Store

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
REPETITION_PENALTY = 1.1  # small models fall into saying one sentence for ever
PREFIX = "app/"
"""Stands before an application's name where a model's is asked for."""


@dataclass(slots=True)
class Tally:
    """What the models that an answer asked have cost, and which releases they were by their endpoints.

    `cut`: the last of them had more to say than it might.
    """

    prompt: int = 0
    completion: int = 0
    cut: bool = False
    models: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Model:
    """A `ChatModel`: an endpoint that is asked for one answer, whose cost goes to a tally."""

    served: Served
    tally: Tally

    @property
    def name(self) -> str:
        """See `ChatModel.name`."""
        return self.served.name

    @property
    def translates(self) -> bool:
        """See `ChatModel.translates`."""
        return self.served.task == "translate"

    async def write(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        max_tokens: int | None = None,
        temperature: float = 0.0,
        schema: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[str]:
        """See `ChatModel.write`."""
        from catenary.serve.schemas import checked_schema

        self.tally.models[self.served.name] = self.served.release
        settings: dict[str, Any] = {"max_tokens": max_tokens or 512, "temperature": temperature}
        if schema is None:
            settings["repetition_penalty"] = REPETITION_PENALTY
        else:
            settings["constraint"] = {"kind": "json_schema", "source": checked_schema(dict(schema), "schema")}
        job = WriteJob(prompts=([dict(one) for one in messages],), settings=settings, stream=True)
        async for piece in self.served.engine.write(job):
            if isinstance(piece, Spent):
                self.tally.prompt += piece.prompt_tokens
                self.tally.completion += piece.completion_tokens
            elif isinstance(piece, Delta):
                self.tally.cut = piece.finish_reason == "length"
                if piece.text:
                    yield piece.text


@dataclass(frozen=True, slots=True)
class Tools:
    """What an application may ask, for one answer."""

    endpoints: Mapping[str, Served]
    tally: Tally

    def writer(self, name: str) -> ChatModel:
        """The endpoint of this name as a model that writes."""
        return Model(self.endpoints[name], self.tally)

    def model(self, name: str | None) -> ChatModel | None:
        """The same, where there is one."""
        return None if name is None else self.writer(name)

    def classify(self, name: str | None) -> Classify | None:
        """The endpoint of this name as a classifier, where there is one."""
        if name is None:
            return None
        served = self.endpoints[name]

        async def label(texts: Sequence[str]) -> list[Mapping[str, float]]:
            self.tally.models[served.name] = served.release
            told = await served.engine.classify(texts)
            self.tally.prompt += sum(one.tokens for one in told)
            return [one.scores for one in told]

        return label


Make = Callable[[Tools], App]


class AppEngine:
    """An `Engine` that asks an application. `own`: engines that it alone uses, started and ended with it.

    `stands_on`: what is true of all its answers, for their receipts.
    """

    def __init__(
        self,
        name: str,
        make: Make,
        endpoints: Mapping[str, Served],
        own: Sequence[Engine] = (),
        stands_on: Mapping[str, Any] | None = None,
    ) -> None:
        self._name, self._make, self._endpoints, self._own = name, make, endpoints, own
        self._stands_on = stands_on or {}
        self._load = 0

    @property
    def state(self) -> EngineState:
        """As ready as the engines of its own; those of endpoints tell it themselves."""
        states = [engine.state for engine in self._own]
        failed = next((state.failed for state in states if state.failed), None)
        return EngineState(all(state.ready for state in states), self._load, failed=failed)

    async def start(self) -> None:
        """See `Engine.start`."""
        for engine in self._own:
            await engine.start()

    async def close(self) -> None:
        """See `Engine.close`."""
        for engine in self._own:
            await engine.close()

    async def write(self, job: WriteJob) -> AsyncIterator[Delta | Made | Spent]:
        """See `Engine.write`: one answer to one conversation."""
        conversation = _conversation(job)
        tally = Tally()
        app = self._make(Tools(self._endpoints, tally))
        self._load += 1
        yield Made(self._stands_on)
        try:
            async for piece in app(conversation):
                if isinstance(piece, Note):
                    yield Made(piece.values)
                elif piece:
                    yield Delta(0, piece)
            yield Made({"models": tally.models})
            yield Delta(0, "", finish_reason="length" if tally.cut else "stop")
            yield Spent(tally.prompt, tally.completion)
        finally:
            self._load -= 1

    async def classify(self, texts: Sequence[str]) -> list[Labelled]:
        """An application does not label."""
        raise ApiError("The model {name} does not do this.", UNSUPPORTED, name=self._name)

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """An application makes no vectors."""
        raise ApiError("The model {name} does not do this.", UNSUPPORTED, name=self._name)

    async def tag(self, request: Mapping[str, Any]) -> list[Any]:
        """An application does not tag."""
        raise ApiError("The model {name} does not do this.", UNSUPPORTED, name=self._name)


def _conversation(job: WriteJob) -> Conversation:
    """What an application is asked. Raises ApiError (400) for what none does."""
    if job.answers != 1 or not isinstance(job.prompts[0], list):
        raise ApiError("An application gives one answer to one conversation.", UNSUPPORTED, param="n")
    if job.tools:
        raise ApiError("An application brings its own tools.", UNSUPPORTED, param="tools")
    if job.settings.get("logprobs") is not None:
        raise ApiError("An application tells no log probabilities.", UNSUPPORTED, param="logprobs")
    if job.settings.get("constraint") is not None:
        raise ApiError("An application has its own form of answer.", UNSUPPORTED, param="response_format")
    conversation = Conversation(job.prompts[0], int(job.settings["max_tokens"]))
    if not conversation.question.strip():
        raise ApiError("The conversation asks nothing.", INVALID_REQUEST, param="messages")
    return conversation


@dataclass(frozen=True, slots=True)
class OpenedIndex:
    """An index of the chain, and the model that made its vectors where it has some."""

    artifact: Artifact
    index: SearchIndex
    engine: Engine | None

    @property
    def embed(self) -> Embed | None:
        """Texts as the index's vectors are."""
        engine = self.engine
        return None if engine is None else lambda texts: _vectors(engine, texts)


async def _vectors(engine: Engine, texts: Sequence[str]) -> Any:
    import base64

    import numpy as np

    told = await engine.embed(list(texts))
    return np.stack([np.frombuffer(base64.b64decode(one), "<f4") for one in told.base64])


def open_index(chain: Chain, store: Store, name: str) -> OpenedIndex:
    """The index of this name, as the chain file declares it now. Raises NotFound, Damaged and InvalidInput."""
    artifact = made(chain, store, f"indexes.{name}")
    if artifact.stage != "index_passages":
        raise InvalidInput(
            "This index holds no passages.", got=name, expected="`indexes: {name: {kind: passages, from: …}}`"
        )
    index = SearchIndex.open(artifact.path)
    model = artifact.manifest.inputs.get("embed")
    engine = None
    if model is not None and index.vectors is not None:
        engine = LocalEngine(command_for(store.get(model).path, "embed"), name=f"index/{name}")
    return OpenedIndex(artifact, index, engine)


def open_app(
    chain: Chain,
    store: Store,
    name: str,
    endpoints: Mapping[str, Served],
    *,
    guard: Guard = OPEN,
    unreleased: bool = False,
) -> Served:
    """The application of this name over these endpoints.

    It is released where every model and the index are. Raises what `open_index` and `index_release` raise;
    Refused where no release stands behind it, unless `unreleased`.
    """
    settings = chain.apps[name]
    needs = tuple(wanted for _, section, wanted in named_by(settings) if section == "endpoints")
    _check_tasks(settings, endpoints)
    beside = read_files(chain, settings)
    models = [endpoints[one] for one in needs]
    unkept = [one.name for one in models if not one.keep_texts]
    if settings.sign_off is not None and unkept:
        raise InvalidInput(
            "Answers that wait for a person have to be kept, and an endpoint of the application keeps no texts.",
            where=f"apps.{name}.sign_off",
            got=f"serve.endpoints.{unkept[0]}.keep_texts: false",
            expected="`keep_texts: true` there, or no `sign_off:`",
        )
    wanted = getattr(settings, "index", None)
    if not models and wanted is None and not unreleased:
        raise Refused(
            "No release stands behind this application: neither a model nor an index that was signed.",
            got=name,
            expected="`model:` with the endpoint of a release, or `--unreleased`",
            next="catenary serve --unreleased",
        )
    opened = None if wanted is None else open_index(chain, store, wanted)
    quoted = None
    if wanted is not None and opened is not None:
        quoted = index_release(chain, store, wanted, opened.artifact, unreleased=unreleased)
    signed = [one.status == "released" for one in models]
    if opened is not None:
        signed.append(quoted is not None and quoted.released)
    facts: dict[str, Any] = {"app": {"name": name, "kind": settings.kind}}
    index_id = "" if opened is None else opened.artifact.id
    if index_id:
        facts["index"] = index_id
    if quoted is not None:
        facts["index_release"] = quoted.artifact.id
    histories = None
    if isinstance(settings, RecommendSettings) and settings.histories is not None:
        histories = made(chain, store, f"datasets.{settings.histories}")
        facts["histories"] = histories.id
    releases = [one.release for one in models] + ([quoted.artifact.id] if quoted else [])
    own = [] if opened is None or opened.engine is None else [opened.engine]
    engine: Engine = AppEngine(
        PREFIX + name, _make(settings, opened, histories, _screen(guard), beside), endpoints, own, facts
    )
    return Served(
        name=PREFIX + name,
        task="generate",
        engine=engine if quoted is None else Following(engine, quoted.check),
        release=releases[0] if releases else index_id or app_artifact(store, name, settings, beside),
        status="released" if signed and all(signed) else "unreleased",
        model_digest=digest(
            [
                _declared(settings, beside),
                index_id,
                facts.get("histories"),
                *(one.model_digest or one.release for one in models),
            ]
        ),
        keep_texts=all(one.keep_texts for one in models),
        app=name,
        needs=needs,
        passage=None if opened is None else partial(passage_json, opened.index),
        held=lambda: not index_id or store.has(index_id),
        sign_off=settings.sign_off,
    )


def passage_json(index: SearchIndex, passage: str) -> dict[str, Any]:
    """A passage in its document, as JSON values: what is before it, it, and what is behind. Raises NotFound."""
    found = index.by_id(passage)
    text = index.text_of(found.document)
    return {
        "id": found.id,
        "document": found.document,
        "source": found.source,
        "file": found.file,
        "licence": found.licence,
        "headings": list(found.headings),
        "before": text[: found.start],
        "text": found.text,
        "after": text[found.end :],
    }


Beside = Rubric | Topics | None
"""What an application declares in a file of its own."""


def read_files(chain: Chain, settings: AppSettings) -> Beside:
    """The file that an application names beside the chain file. Raises NotFound and InvalidInput."""
    if not isinstance(settings, TutorSettings):
        return None
    folder = chain.path.parent
    if settings.topics is not None:
        return read_declared(folder / settings.topics, Topics)
    if settings.rubric is None:
        return None
    rubric = read_declared(folder / settings.rubric, Rubric)
    if rubric.judged and settings.model is None:
        raise InvalidInput(
            "The rubric has criteria that a model judges, and the application has none.",
            where=settings.rubric,
            got="judge: model",
            expected="`model:` with an endpoint beside `rubric:`, or rules instead of `judge: model`",
        )
    if settings.model is not None and not rubric.judged:
        raise InvalidInput(
            "The application has a model, and no criterion of the rubric is judged by one.",
            where=settings.rubric,
            got=f"model: {settings.model}",
            expected="`judge: model` at a criterion, or no `model:`",
        )
    return rubric


def _declared(settings: AppSettings, beside: Beside) -> dict[str, Any]:
    """All that an application's settings and its file say."""
    declared = settings.model_dump(mode="json")
    return declared if beside is None else declared | {"file": beside.model_dump(mode="json")}


def app_artifact(store: Store, name: str, settings: AppSettings, beside: Beside) -> str:
    """The id of the artifact that says what an application without model and index is: receipts lead to it."""
    recipe = {"name": name, **_declared(settings, beside)}
    return declared(store, "application", recipe, f"{name}: {settings.kind}\n", {"kind": settings.kind})


def _check_tasks(settings: AppSettings, endpoints: Mapping[str, Served]) -> None:
    """Raises InvalidInput for an endpoint that does something else than the application needs."""
    for key, section, name in named_by(settings):
        if section != "endpoints":
            continue
        does = ("classify",) if key in ("classifier", "sentiment") else ("generate", "translate")
        if endpoints[name].task not in does:
            raise InvalidInput(
                "This endpoint does not do what the application needs.",
                got=f"{key}: {name} ({endpoints[name].task})",
                expected=" | ".join(does),
            )


def _screen(guard: Guard) -> Screen:
    """The guard's rules for passages, as applications see them."""

    async def screen(texts: Sequence[str]) -> Screened:
        checked = await guard.check_passages(texts)
        return Screened(
            [None if one.blocked else one.texts[0] for one in checked],
            [(row, verdict.to_json()) for row, one in enumerate(checked) for verdict in one.verdicts],
        )

    return screen


def _make(
    settings: AppSettings,
    opened: OpenedIndex | None,
    histories: Artifact | None,
    screen: Screen,
    beside: Beside,
) -> Make:
    make = _tutor(beside, settings) or _maker(settings, opened, histories, screen)
    field = settings.risk
    if field is None and isinstance(settings, ReportSettings):
        field = FIELDS[settings.template]
    return make if field is None else lambda tools: in_field(make(tools), field)


def _tutor(beside: Beside, settings: AppSettings) -> Make | None:
    """A tutor by the file that it names; None where none is named."""
    match beside:
        case Rubric():
            return lambda tools: mark(beside, model=tools.model(getattr(settings, "model", None)))
        case Topics():
            return lambda tools: path(beside)
    return None


def _maker(
    settings: AppSettings, opened: OpenedIndex | None, histories: Artifact | None, screen: Screen
) -> Make:
    match settings:
        case DocumentsSettings():
            assert opened is not None
            index, embed = opened.index, opened.embed
            rules = DocumentRules(
                settings.passages,
                settings.quotes,
                Bars(settings.least, settings.least_cosine),
                settings.not_found,
            )
            return lambda tools: documents(
                index, rules=rules, model=tools.model(settings.model), embed=embed, screen=screen
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
            items = Recommender(opened.index, [] if histories is None else _histories(histories))
            chosen = RecommendRules(settings.items, settings.exclude, settings.diversity)
            return lambda tools: recommend(items, chosen)
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
