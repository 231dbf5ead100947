"""An OpenAI-compatible server that has its answers ready: `python -m benchmarks.stub` says its address and serves."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from aiohttp import web

PIECE = "word "


def frame(kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-0", "object": kind, "created": int(time.time()), "model": "any"}


def usage(new: int) -> dict[str, int]:
    return {"prompt_tokens": 64, "completion_tokens": new, "total_tokens": 64 + new}


async def chat(request: web.Request) -> web.StreamResponse:
    asked = await request.json()
    new = int(asked.get("max_tokens") or 16)
    if not asked.get("stream"):
        message = {"role": "assistant", "content": PIECE * new}
        choice = {"index": 0, "message": message, "finish_reason": "length", "logprobs": None}
        return web.json_response({**frame("chat.completion"), "choices": [choice], "usage": usage(new)})
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    head = frame("chat.completion.chunk")
    for number in range(new):
        reason = "length" if number == new - 1 else None
        choice = {"index": 0, "delta": {"content": PIECE}, "finish_reason": reason, "logprobs": None}
        await response.write(f"data: {json.dumps({**head, 'choices': [choice]})}\n\n".encode())
    await response.write(f"data: {json.dumps({**head, 'choices': [], 'usage': usage(new)})}\n\n".encode())
    await response.write(b"data: [DONE]\n\n")
    return response


async def main() -> None:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", chat)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}/v1", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
