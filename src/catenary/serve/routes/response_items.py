"""What a response is made of, in the words of `/v1/responses`: items of its output, and what it cost.

Their ids follow from the receipt's, so that a response told again later has the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from catenary.serve.engine import Logprob, Spent
from catenary.serve.receipts import answer_id
from catenary.serve.writing import logprob_json

Item = dict[str, Any]


def message_item(
    receipt_id: str, status: str, text: str, logprobs: Sequence[Logprob] = (), cited: Sequence[Item] = ()
) -> Item:
    """The text of an answer as an item."""
    return {
        "id": answer_id("msg_", receipt_id),
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": [text_part(text, logprobs, cited)],
    }


def text_part(text: str, logprobs: Sequence[Logprob] = (), cited: Sequence[Item] = ()) -> Item:
    """Text within a message."""
    return {
        "type": "output_text",
        "text": text,
        "annotations": [{"type": one["type"], **one["url_citation"]} for one in cited],
        "logprobs": [logprob_json(one) for one in logprobs],
    }


def call_item(receipt_id: str, status: str, call: Mapping[str, Any]) -> Item:
    """A call as an item."""
    return {
        "id": f"{answer_id('fc_', receipt_id)}_{call['index']}",
        "type": "function_call",
        "status": status,
        "call_id": call.get("id") or f"call_{call['index']}",
        "name": call["function"].get("name") or "",
        "arguments": call["function"]["arguments"],
    }


def output_items(
    receipt_id: str,
    text: str,
    calls: Sequence[Mapping[str, Any]],
    logprobs: Sequence[Logprob] = (),
    cited: Sequence[Item] = (),
) -> list[Item]:
    """A whole answer as items; one of nothing at all is a message without text."""
    message = [message_item(receipt_id, "completed", text, logprobs, cited)] if text or not calls else []
    return message + [call_item(receipt_id, "completed", call) for call in calls]


def why_incomplete(finish_reason: str | None) -> Item | None:
    """`incomplete_details`: why an answer is not all that was asked for, where it is not."""
    reasons = {"length": "max_output_tokens", "content_filter": "content_filter"}
    return {"reason": reasons[finish_reason]} if finish_reason in reasons else None


def usage_json(spent: Spent) -> Item:
    """What it cost, in this route's words."""
    return {
        "input_tokens": spent.prompt_tokens,
        "input_tokens_details": {"cached_tokens": spent.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": spent.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": spent.prompt_tokens + spent.completion_tokens,
    }
