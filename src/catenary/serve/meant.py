"""What a request means: its question as a vector, to be looked up among those answered and kept there."""

from __future__ import annotations

import base64
import logging
from dataclasses import dataclass

import numpy as np

from catenary.errors import CatenaryError
from catenary.serve.cache import Known
from catenary.serve.engine import WriteJob
from catenary.serve.gateway import Gateway
from catenary.serve.local_engine import EngineFault
from catenary.serve.request import Asking
from catenary.serve.semantic_cache import Question, SemanticCache, Similar, Vector

log = logging.getLogger("catenary.serve")


@dataclass(frozen=True, slots=True)
class Meant:
    """A question and its vector, before the cache of such."""

    cache: SemanticCache
    question: Question
    vector: Vector

    @classmethod
    async def of(cls, cache: SemanticCache, gateway: Gateway, asking: Asking, job: WriteJob) -> Meant | None:
        """None for what the cache does not answer, and while its model makes no vectors: that must stop no answer."""
        served = asking.served
        question = cache.question(served.model_digest or served.release, job, asking.caller.key_id)
        if question is None:
            return None
        try:
            told = await gateway.endpoints[cache.endpoint].engine.embed([question.text])
        except (CatenaryError, EngineFault) as error:
            log.warning("the semantic cache makes no vectors: %s", type(error).__name__)
            return None
        return cls(cache, question, np.frombuffer(base64.b64decode(told.base64[0]), "<f4"))

    def similar(self) -> Similar | None:
        """An answer to a question that means the same, where there is one."""
        return self.cache.get(self.question, self.vector)

    def keep(self, known: Known, receipt_id: str) -> None:
        """Remember the answer."""
        self.cache.put(self.question, self.vector, known, receipt_id)
