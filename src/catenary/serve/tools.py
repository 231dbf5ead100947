"""Tool calls: told to the model, held to their schemas where one must be made, and found in what it writes.

Models that know tools write them as Hermes and Qwen do:

    <tool_call>
    {"name": "weather", "arguments": {"city": "Beijing"}}
    </tool_call>

A model whose chat template reads no tools is told of them in the system message, in the same form. Where a call is
required, the answer is constrained to one call's JSON, whose arguments then follow the function's own schema.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

OPENS, CLOSES = "<tool_call>", "</tool_call>"

INTRODUCTION = """You may call functions. These are their signatures, as JSON:
<tools>
{tools}
</tools>
To call one, answer with its name and arguments as JSON within <tool_call></tool_call>:
<tool_call>
{{"name": "<name>", "arguments": <arguments>}}
</tool_call>"""


def introduced(
    messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The conversation for a template that reads no tools: they, calls and results become text."""
    text = INTRODUCTION.format(tools="\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools))
    told = [_as_text(message) for message in messages]
    if told and told[0]["role"] == "system":
        return [{**told[0], "content": f"{told[0]['content']}\n\n{text}"}, *told[1:]]
    return [{"role": "system", "content": text}, *told]


def _as_text(message: Mapping[str, Any]) -> dict[str, Any]:
    if message["role"] == "tool":
        return {"role": "user", "content": f"<tool_response>\n{message['content']}\n</tool_response>"}
    calls = message.get("tool_calls") or ()
    written = [f"{OPENS}\n{json.dumps(_call(call), ensure_ascii=False)}\n{CLOSES}" for call in calls]
    return {"role": message["role"], "content": "\n".join([message["content"], *written]).strip()}


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    arguments = call["function"]["arguments"]
    return {"name": call["function"]["name"], "arguments": arguments}


def call_schema(tools: Sequence[Mapping[str, Any]], only: str | None = None) -> dict[str, Any]:
    """The JSON Schema of a call of one of the functions, or of `only` that one."""
    arms = [
        {
            "type": "object",
            "properties": {
                "name": {"const": tool["function"]["name"]},
                "arguments": tool["function"].get("parameters") or {"type": "object"},
            },
            "required": ["name", "arguments"],
            "additionalProperties": False,
        }
        for tool in tools
        if only in (None, tool["function"]["name"])
    ]
    return arms[0] if len(arms) == 1 else {"anyOf": arms}


def merged_calls(deltas: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Whole calls of OpenAI's deltas, which may come in pieces: what is text is joined, by index."""
    calls: dict[int, dict[str, Any]] = {}
    for delta in deltas:
        function = delta.get("function") or {}
        index = int(delta.get("index", len(calls)))
        call = calls.setdefault(
            index,
            {
                "index": index,
                "id": delta.get("id"),
                "type": "function",
                "function": {"name": "", "arguments": ""},
            },
        )
        call["function"]["name"] += function.get("name") or ""
        call["function"]["arguments"] += function.get("arguments") or ""
    return [{**call, "id": call["id"] or f"call_{index}"} for index, call in calls.items()]


class ToolReader:
    """Finds calls in an answer as it is written. `forced`: the whole answer is one call's JSON."""

    def __init__(self, names: Sequence[str], *, forced: bool = False, several: bool = True) -> None:
        self._names, self._forced, self._several = frozenset(names), forced, several
        self._held = ""
        self.calls = 0

    def push(self, text: str) -> tuple[str, list[dict[str, Any]]]:
        """The text that is no call, and the calls that are whole now, as OpenAI's deltas."""
        self._held += text
        if self._forced:
            return "", []
        said = ""
        calls: list[dict[str, Any]] = []
        while OPENS in self._held:
            before, _, after = self._held.partition(OPENS)
            if CLOSES not in after:
                said += before
                self._held = OPENS + after
                return said.rstrip() if calls or self.calls else said, calls
            written, _, self._held = after.partition(CLOSES)
            said += before
            call = self._read(written)
            if call is None:
                said += f"{OPENS}{written}{CLOSES}"
            else:
                calls.append(call)
        # The beginning of a mark may be the end of what is held.
        kept = next((n for n in range(len(OPENS) - 1, 0, -1) if self._held.endswith(OPENS[:n])), 0)
        cut = len(self._held) - kept
        said, self._held = said + self._held[:cut], self._held[cut:]
        return ("" if self.calls and not said.strip() else said), calls

    def end(self) -> tuple[str, list[dict[str, Any]]]:
        """What is left when the answer ends: a call whose mark was not closed counts where its JSON is whole."""
        held, self._held = self._held, ""
        written = held if self._forced else held.removeprefix(OPENS)
        if self._forced or held.startswith(OPENS):
            call = self._read(written)
            if call is not None:
                return "", [call]
        return held, []

    def _read(self, written: str) -> dict[str, Any] | None:
        try:
            call = json.loads(written)
        except (ValueError, RecursionError):
            return None
        if not isinstance(call, dict) or call.get("name") not in self._names:
            return None
        if self.calls and not self._several:
            return None
        arguments = call.get("arguments", call.get("parameters", {}))
        index, self.calls = self.calls, self.calls + 1
        return {
            "index": index,
            "id": f"call_{secrets.token_hex(12)}",
            "type": "function",
            "function": {
                "name": call["name"],
                "arguments": arguments
                if isinstance(arguments, str)
                else json.dumps(arguments, ensure_ascii=False),
            },
        }
