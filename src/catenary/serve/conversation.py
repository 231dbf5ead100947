"""A conversation with its tools, as an engine is asked it: chat's and responses' common half."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from catenary.serve.engine import WriteJob
from catenary.serve.errors import INVALID_REQUEST, ApiError
from catenary.serve.request import Asking
from catenary.serve.schemas import checked_schema
from catenary.serve.tools import call_schema, introduced
from catenary.serve.writing import Writing


def conversation(
    asking: Asking,
    messages: list[dict[str, Any]],
    settings: dict[str, Any],
    *,
    tools: list[dict[str, Any]],
    choice: str | None,
    several: bool,
    stream: bool,
    metadata: Mapping[str, str],
    noted: Mapping[str, Any] | None = None,
) -> Writing:
    """`choice`: none, auto, required, or the name of a function. `noted`: what the receipt keeps beside the messages.

    Raises ApiError (400) for what does not go together.
    """
    served, asked = asking.served, messages
    names = [tool["function"]["name"] for tool in tools]
    _check_tools(tools, names, choice)
    forced = choice not in (None, "none", "auto")
    if choice == "none":
        tools, names = [], []
    local = served.upstream is None
    if forced and local:
        if "constraint" in settings:
            raise ApiError(
                "A required tool call does not go with response_format.", INVALID_REQUEST, param="tool_choice"
            )
        schema = call_schema(tools, None if choice == "required" else choice)
        settings["constraint"] = {"kind": "json_schema", "source": checked_schema(schema, "tools")}
    if tools and local and not served.engine.state.facts.get("reads_tools"):
        messages = introduced(messages, tools)
    return Writing(
        asking=asking,
        job=WriteJob(
            prompts=(messages,), settings=settings, stream=stream, tools=tuple(tools), tool_choice=choice
        ),
        asked=(asked,),
        noted=noted or {},
        tool_names=names if local else (),
        forced_tool=forced and local,
        several_tools=several,
        labelled="constraint" not in settings,
        metadata=metadata,
    )


def _check_tools(tools: Sequence[Mapping[str, Any]], names: Sequence[str], choice: str | None) -> None:
    if not tools and choice not in (None, "none"):
        raise ApiError("tool_choice needs tools.", INVALID_REQUEST, param="tool_choice")
    for number, tool in enumerate(tools):
        checked_schema(tool["function"].get("parameters") or {}, f"tools.{number}.function.parameters")
    if choice not in (None, "none", "auto", "required", *names):
        raise ApiError(
            "tool_choice names a function that is not among the tools.",
            INVALID_REQUEST,
            param="tool_choice",
            got=choice,
            expected=", ".join(names),
        )


def call_json(id: str, name: str, arguments: str) -> dict[str, Any]:
    """A call made earlier, as templates read it: they write arguments as JSON themselves, so they get the value."""
    try:
        value = json.loads(arguments)
    except (ValueError, RecursionError):
        value = arguments  # what is no JSON stays text
    return {"id": id, "type": "function", "function": {"name": name, "arguments": value}}
