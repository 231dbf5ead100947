"""The routes, one file a group: what may be asked, and in which words it is told.

`/v1/models`, chat, completions, embeddings and responses are OpenAI's own; the others follow their manner. A group is a
function of the gateway that gives a router; one line in ROUTES serves it.
"""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter

from catenary.serve.gateway import Gateway
from catenary.serve.routes.chat import chat_routes
from catenary.serve.routes.classify import classify_routes
from catenary.serve.routes.completions import completion_routes
from catenary.serve.routes.embeddings import embedding_routes
from catenary.serve.routes.feedback import feedback_routes
from catenary.serve.routes.health import health_routes
from catenary.serve.routes.models import model_routes
from catenary.serve.routes.passages import passage_routes
from catenary.serve.routes.receipts import receipt_routes
from catenary.serve.routes.responses import response_routes
from catenary.serve.routes.stored_chats import stored_chat_routes
from catenary.serve.routes.stored_responses import stored_response_routes
from catenary.serve.routes.tag import tag_routes
from catenary.serve.routes.translate import translate_routes
from catenary.serve.routes.usage import usage_routes

ROUTES: tuple[Callable[[Gateway], APIRouter], ...] = (
    health_routes,
    model_routes,
    chat_routes,
    stored_chat_routes,
    completion_routes,
    response_routes,
    stored_response_routes,
    embedding_routes,
    classify_routes,
    tag_routes,
    translate_routes,
    receipt_routes,
    passage_routes,
    feedback_routes,
    usage_routes,
)
