"""A small OpenAI-compatible server that does as it is told: the other end of an upstream.

    with UpstreamServer() as there:
        there.next(503, 503)                   # the next two requests fail, then it answers
        there.url                              # up to and with /v1

An answer is "word " as often as `max_tokens` says. What it may be told of its next requests: a status; `hang` (say
nothing), `drop` (close at once), `cut` (end a stream in the middle, cleanly), `hold` (answer once `go` is set).
"""

from __future__ import annotations

import json
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class UpstreamServer:
    """Use it in `with`, which ends it."""

    def __init__(self, port: int = 0) -> None:
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.traces: list[str | None] = []
        self.go, self._over = threading.Event(), threading.Event()
        self._plan: deque[int | str] = deque()
        here = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                here.answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        class Threads(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *_: Any) -> None:  # who asked has gone
                pass

        self._server = Threads(("127.0.0.1", port), Handler)
        self.port = int(self._server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.go.set()
        self._server.shutdown()
        self._server.server_close()

    def next(self, *does: int | str) -> None:
        """What is done with the next requests, in order."""
        self._plan.extend(does)

    def forget(self) -> None:
        """As at the start."""
        self.asked.clear()
        self.keys.clear()
        self.traces.clear()
        self._plan.clear()
        self.go.clear()

    def answer(self, to: BaseHTTPRequestHandler) -> None:
        body = json.loads(to.rfile.read(int(to.headers["content-length"])))
        does: int | str = self._plan.popleft() if self._plan else 200
        self.asked.append({"path": to.path, **body})
        self.keys.append(to.headers.get("authorization"))
        self.traces.append(to.headers.get("traceparent"))
        if does == "hang":
            self._over.wait()
            to.close_connection = True
        elif does == "drop":
            to.close_connection = True
        elif isinstance(does, int) and does != 200:
            whole(to, does, {"error": {"message": "not now", "type": "x", "param": None, "code": None}})
        else:
            if does == "hold":
                self.go.wait()
            if to.path.endswith("/embeddings"):
                texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
                data = [{"index": at, "embedding": [float(len(text)), 1.0]} for at, text in enumerate(texts)]
                whole(to, 200, {"data": data, "usage": {"prompt_tokens": 7, "total_tokens": 7}})
            elif body.get("stream"):
                streamed(to, body, cut=does == "cut")
            else:
                whole(to, 200, written(body))


def written(body: dict[str, Any]) -> dict[str, Any]:
    """A whole answer to a chat or a completion."""
    most = body["max_tokens"]
    text = "word " * most
    said: dict[str, Any] = {"message": {"role": "assistant", "content": text}}
    if "prompt" in body:
        said = {"text": text}
    return {
        "choices": [{"index": 0, "finish_reason": "length", **said}],
        "usage": {"prompt_tokens": 5, "completion_tokens": most, "total_tokens": 5 + most},
    }


def whole(to: BaseHTTPRequestHandler, status: int, value: Any) -> None:
    body = json.dumps(value).encode()
    to.send_response(status)
    to.send_header("content-type", "application/json")
    to.send_header("content-length", str(len(body)))
    to.end_headers()
    to.wfile.write(body)


def streamed(to: BaseHTTPRequestHandler, body: dict[str, Any], *, cut: bool) -> None:
    to.send_response(200)
    to.send_header("content-type", "text/event-stream")
    to.send_header("transfer-encoding", "chunked")
    to.end_headers()

    def send(value: Any) -> None:
        data = f"data: {value if isinstance(value, str) else json.dumps(value)}\n\n".encode()
        to.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    for number in range(body["max_tokens"]):
        last = number == body["max_tokens"] - 1
        if cut and number == 2:
            to.wfile.write(b"0\r\n\r\n")  # a clean end of the body, as a proxy makes of a lost server
            return
        send(
            {
                "choices": [
                    {"index": 0, "delta": {"content": "word "}, "finish_reason": "length" if last else None}
                ]
            }
        )
    send({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": body["max_tokens"]}})
    send("[DONE]")
    to.wfile.write(b"0\r\n\r\n")
