"""Answers that a person must sign before they are told: what is told in their place, and what is kept.

    POST /v1/chat/completions        → "This answer waits …", `held: {state: waiting, role, url}`
    GET  /v1/chat/completions/{id}   → the same; once a person has signed, the answer, and who signed it

Who signs, and how, is in `stages/held.py`; here nobody knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from catenary.messages import language_of, say
from catenary.serve.engine import WriteJob
from catenary.serve.errors import UNSUPPORTED, ApiError
from catenary.serve.receipts import answer_id

if TYPE_CHECKING:
    from catenary.serve.request import Asking
    from catenary.serve.writing import Answer

HELD_HEADER = "x-catenary-held"
STANDS_ON = ("app", "risk", "index", "index_release", "histories", "histories_files", "knowledge", "models")
"""What of an answer's `made` says nothing of the answer itself."""


def require_kept(asking: Asking) -> None:
    """Raise ApiError (400) where the texts may not be kept: nobody could read them before signing."""
    if not asking.keep:
        raise ApiError(
            "An answer that waits for a person has to be kept until then.", UNSUPPORTED, param="store"
        )


def draft_of(answer: Answer, made: Mapping[str, Any]) -> dict[str, Any]:
    """What would have been answered, as it is kept."""
    return {"text": answer.said, "finish_reason": answer.finish_reason, "made": dict(made)}


def facts_of(made: Mapping[str, Any]) -> dict[str, Any]:
    """What a receipt may say of an answer that nobody has signed."""
    return {name: made[name] for name in STANDS_ON if name in made}


def notice(asking: Asking, role: str, job: WriteJob) -> str:
    """What is told in the answer's place, in the question's language."""
    asked = [one for prompt in job.prompts if isinstance(prompt, list) for one in prompt]
    said = next((str(one.get("content") or "") for one in reversed(asked) if one.get("role") == "user"), "")
    return say(
        "This answer waits for a person who signs as {role}. Then it can be fetched: GET {url}",
        lang=language_of(said),
        role=role,
        url=address(asking.task, asking.receipt_id),
    )


def address(task: str, receipt_id: str) -> str:
    """Where an answer can be fetched."""
    if task == "response":
        return f"/v1/responses/{answer_id('resp_', receipt_id)}"
    return f"/v1/chat/completions/{answer_id('chatcmpl-', receipt_id)}"


def held_json(made: Mapping[str, Any], task: str, receipt_id: str) -> dict[str, Any]:
    """How it stands with an answer that was held, for its reader; nothing of others."""
    url = address(task, receipt_id)
    if "sign_off" in made:
        signed = {name: made["sign_off"][name] for name in ("role", "person", "at", "why")}
        return {"held": {"state": made["sign_off"]["decision"], "url": url, **signed}}
    return {"held": {"state": "waiting", "url": url, **made["held"]}} if "held" in made else {}
