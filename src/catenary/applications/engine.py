"""An application as an engine of the service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from catenary.apps import App, Conversation, Note
from catenary.apps.port import ChatModel, Classify, Rerank
from catenary.search.rerank import RELEVANT
from catenary.serve.engine import Delta, Engine, EngineState, Labelled, Made, Spent, Text, Vectors, WriteJob
from catenary.serve.errors import INVALID_REQUEST, UNSUPPORTED, ApiError
from catenary.serve.served import Served

REPETITION_PENALTY = 1.1  # small models fall into saying one sentence for ever


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
        repeats: bool = False,
    ) -> AsyncIterator[str]:
        """See `ChatModel.write`."""
        from catenary.serve.schemas import checked_schema

        self.tally.models[self.served.name] = self.served.release
        settings: dict[str, Any] = {"max_tokens": max_tokens or 512, "temperature": temperature}
        if schema is None and not repeats:
            settings["repetition_penalty"] = REPETITION_PENALTY
        if schema is not None:
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

    def rerank(self, name: str | None) -> Rerank | None:
        """The endpoint of this name as a judge of which passages answer a question, where there is one."""
        if name is None:
            return None
        served = self.endpoints[name]

        async def relevance(question: str, passages: Sequence[str]) -> list[float]:
            self.tally.models[served.name] = served.release
            told = await served.engine.classify([(question, one) for one in passages])
            self.tally.prompt += sum(one.tokens for one in told)
            if any(RELEVANT not in one.scores for one in told):
                raise ApiError("This endpoint's model does not tell how relevant a passage is.", UNSUPPORTED)
            return [one.scores[RELEVANT] for one in told]

        return relevance


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

    async def classify(self, texts: Sequence[Text]) -> list[Labelled]:
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
