"""`/login`: a key for a session; `/logout`: its end."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from catenary.console.form import Form, read_form
from catenary.console.view import desk_of, render, root_of
from catenary.console.viewer import COOKIE, SESSION_SECONDS, session_of
from catenary.errors import NotFound
from catenary.messages import say


def login_pages() -> APIRouter:
    """See the module."""
    router = APIRouter()

    @router.get("/login")
    def form(request: Request, back: str = "/") -> Response:
        return render(request, "login.html", title=say("Sign in"), back=back, wrong="")

    @router.post("/login")
    async def login(request: Request) -> Response:
        said, desk = await read_form(request), desk_of(request)
        back = "/" + said.one("back", "/").lstrip("/\\")
        try:
            cookie = await asyncio.to_thread(session_of, said.one("key"), desk.store, desk.sessions)
        except NotFound as error:
            return render(
                request, "login.html", status=403, title=say("Sign in"), back=back, wrong=str(error)
            )
        answer = RedirectResponse(root_of(request) + back, 303)
        answer.set_cookie(
            COOKIE,
            cookie,
            max_age=SESSION_SECONDS,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
            path=root_of(request) or "/",
        )
        return answer

    @router.post("/logout")
    def logout(request: Request, _: Form) -> Response:
        answer = RedirectResponse(f"{root_of(request)}/login", 303)
        answer.delete_cookie(COOKIE, path=root_of(request) or "/")
        return answer

    return router
