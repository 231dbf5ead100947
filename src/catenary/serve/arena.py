"""The pairwise arena: raters read two answers without names and say which is better.

Each rater has a link of their own, whose secret says who votes. Pages are plain forms: no script, nothing loaded, so
they work in any browser and by keyboard alone.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from html import escape
from typing import Protocol
from urllib.parse import parse_qs

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from catenary.errors import InvalidInput
from catenary.evaluate.ballots import Ballot, Ballots
from catenary.evaluate.page import whole_page
from catenary.messages import language, say
from catenary.serve.listen import Address, bind, refuse_remote, url_of

FORM_BYTES = 1000
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
STYLE = """
.text{white-space:pre-wrap;overflow-wrap:anywhere}.two{display:grid;grid-template-columns:1fr 1fr;gap:1rem}
@media (max-width:40rem){.two{grid-template-columns:1fr}}
section{border:1px solid var(--line);border-radius:.5rem;padding:0 1rem 1rem;background:var(--band)}
section h2{font-size:1.1rem;margin-top:1rem}form{display:flex;gap:1rem;flex-wrap:wrap;margin:1.5rem 0}
button{font:inherit;padding:.6rem 1.4rem;cursor:pointer}
""".rstrip()


class Judged(Protocol):
    """What raters are asked on their pages."""

    @property
    def title(self) -> str:
        """Of the page."""

    @property
    def style(self) -> str:
        """CSS beside the frame's."""

    def page(self, rater: str) -> str:
        """What this rater sees next, as HTML."""

    def take(self, rater: str, told: Mapping[str, str]) -> None:
        """What this rater's form says. Raises InvalidInput, ValueError where it makes no sense."""


def judging_app(judged: Judged, raters: Mapping[str, str]) -> FastAPI:
    """`raters`: the secret of each link → who judges by it."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    def page(body: str, status: int = 200) -> HTMLResponse:
        made = whole_page(judged.title, body, language(), STYLE + judged.style)
        return HTMLResponse(made, status, HEADERS)

    def refused(text: str, status: int) -> HTMLResponse:
        return page(f"<p>{escape(text)}</p>", status)

    @app.get("/{secret}")
    def show(secret: str) -> Response:
        rater = raters.get(secret)
        return (
            refused(say("This link is not known here."), 404) if rater is None else page(judged.page(rater))
        )

    @app.post("/{secret}")
    async def take(secret: str, request: Request) -> Response:
        rater = raters.get(secret)
        if rater is None:
            return refused(say("This link is not known here."), 404)
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > FORM_BYTES:
                return refused(say("This is no vote."), 413)
        told = {name: values[0] for name, values in parse_qs(body.decode("ascii", "replace")).items()}
        try:
            judged.take(rater, told)
        except (ValueError, InvalidInput):
            return refused(say("This is no vote."), 400)
        return RedirectResponse(f"/{secret}", 303, HEADERS)

    return app


class Pairwise:
    """Two answers side by side: which is better?"""

    style = ""

    def __init__(self, ballots: Ballots, guidelines: str) -> None:
        self.ballots, self.guidelines = ballots, guidelines

    @property
    def title(self) -> str:
        """See `Judged.title`."""
        return say("Which answer is better?")

    def page(self, rater: str) -> str:
        """See `Judged.page`."""
        return _ballot(self.ballots, rater, self.guidelines)

    def take(self, rater: str, told: Mapping[str, str]) -> None:
        """See `Judged.take`."""
        self.ballots.vote(rater, int(told.get("pair", "-1")), told.get("choice", ""))


def _ballot(ballots: Ballots, rater: str, guidelines: str) -> str:
    ballot, done = ballots.next(rater), ballots.done(rater)
    so_far = f'<p class="note">{escape(rater)} · {done} / {len(ballots.pairs)}</p>'
    if ballot is None:
        return so_far + f"<p>{escape(say('All pairs are judged. Thank you.'))}</p>"
    told = f'<p class="text note">{escape(guidelines)}</p>' if guidelines else ""
    return told + so_far + _form(ballot)


def _form(ballot: Ballot) -> str:
    left, right = escape(say("Left")), escape(say("Right"))
    buttons = "".join(
        f'<button name="choice" value="{value}">{escape(label)}</button>'
        for value, label in (
            ("left", say("Left is better")),
            ("tie", say("Equally good or bad")),
            ("right", say("Right is better")),
        )
    )
    return (
        f'<h2>{escape(say("Question"))}</h2><p class="text">{escape(ballot.asked)}</p><div class="two">'
        f'<section><h2>{left}</h2><p class="text">{escape(ballot.left)}</p></section>'
        f'<section><h2>{right}</h2><p class="text">{escape(ballot.right)}</p></section></div>'
        f'<form method="post"><input type="hidden" name="pair" value="{ballot.number}">{buttons}</form>'
    )


def serve_arena(
    ballots: Ballots,
    raters: Sequence[str],
    *,
    guidelines: str = "",
    host: str = "127.0.0.1",
    port: int = 8100,
    allow_remote: bool = False,
    on_listening: Callable[[Mapping[str, str]], None],
) -> None:
    """Serve until a signal ends it; `on_listening` is told rater → link. Port 0 takes any free one.

    Raises Refused for a host that other machines reach, unless `allow_remote`, and InvalidInput for one that cannot be
    listened at.
    """
    serve_judging(
        Pairwise(ballots, guidelines),
        raters,
        host=host,
        port=port,
        allow_remote=allow_remote,
        on_listening=on_listening,
    )


def serve_judging(
    judged: Judged,
    raters: Sequence[str],
    *,
    host: str = "127.0.0.1",
    port: int = 8100,
    allow_remote: bool = False,
    on_listening: Callable[[Mapping[str, str]], None],
) -> None:
    """As `serve_arena`, whatever it is that raters are asked."""
    address = Address.of(host, port)
    refuse_remote(address, allow_remote)  # a rater's link is the key
    links = {secrets.token_urlsafe(16): rater for rater in raters}
    bound = bind(address)
    try:
        config = uvicorn.Config(
            judging_app(judged, links), log_config=None, access_log=False, server_header=False
        )
        on_listening({rater: f"{url_of(bound)}/{secret}" for secret, rater in links.items()})
        with suppress(KeyboardInterrupt):  # uvicorn ends in order, then raises it again
            uvicorn.Server(config).run(sockets=[bound])
    finally:
        bound.close()
