"""Forms: read within bounds, and taken only from our own pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import Depends, Request

from catenary.console.view import viewer_of
from catenary.console.viewer import check_form
from catenary.errors import InvalidInput

FORM_BYTES = 64 << 10


class Said(dict[str, Sequence[str]]):
    """What a form said: each field with all its values."""

    def one(self, name: str, default: str = "") -> str:
        """The field's one value."""
        return self.get(name, (default,))[0].strip()


async def read_form(request: Request) -> Said:
    """The fields of a form. Raises InvalidInput for one that is too large."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > FORM_BYTES:
            raise InvalidInput("This form is too large.", expected="at most {most} bytes", most=FORM_BYTES)
    return Said(parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True))


async def _checked(request: Request) -> Said:
    said = await read_form(request)
    check_form(request, viewer_of(request), said.one("token"))
    return said


Form = Annotated[Said, Depends(_checked)]
"""A form that came from one of our pages, in the session of who looks."""
