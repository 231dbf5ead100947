"""Rendering: templates, tables on pages and as CSV, words in the reader's language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from catenary.console.desk import Desk
from catenary.console.table import Cell, Column, Table, told
from catenary.console.viewer import Viewer
from catenary.messages import language, say

ID_DIGITS = 12
LONG_LETTERS = 24  # a cell with more is as wide as a few words, on a phone too
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}")
_STYLE = re.compile(r"<style>.*?</style>", re.DOTALL)


def desk_of(request: Request) -> Desk:
    """What the pages of this application stand on."""
    found = request.app.state.desk
    assert isinstance(found, Desk)
    return found


def viewer_of(request: Request) -> Viewer:
    """Who looks, as the application found out."""
    found = request.scope["catenary.viewer"]
    assert isinstance(found, Viewer)
    return found


def render(request: Request, template: str, *, status: int = 200, **values: Any) -> Response:
    """A page, or one of its tables as CSV where `?csv=` names it. `title` is among the values."""
    wanted = request.query_params.get("csv")
    if wanted is not None:
        found = next((one for one in _tables(values) if one.name == wanted), None)
        if found is not None:
            name = (
                f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', request.url.path.strip('/').replace('/', '-'))}-{wanted}"
            )
            return StreamingResponse(
                found.csv(),
                media_type="text/csv; charset=utf-8",
                headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
            )
    page = environment().get_template(template)
    text = page.render(
        request=request,
        viewer=request.scope.get("catenary.viewer"),
        root=root_of(request),
        here=request.url.path.removeprefix(root_of(request)),
        lang=language(),
        query=dict(request.query_params),
        link_with=lambda **changes: "?" + urlencode({**request.query_params, **changes}),
        page_of=lambda table: _page_number(request, table),
        project=request.scope.get("catenary.project", ""),
        version=request.scope.get("catenary.version", ""),
        serves=request.app.state.desk.endpoints is not None,
        **values,
    )
    return HTMLResponse(text, status)


def root_of(request: Request) -> str:
    """Where the console is mounted: "/console", or ""."""
    return str(request.scope.get("root_path", ""))


@cache
def environment() -> Environment:
    """The templates, with what they may call."""
    made = Environment(
        loader=PackageLoader("catenary.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(say=say, asset=asset)
    made.filters.update(told=told, short=short, size=size, duration=duration, moment=moment, shape=shape)
    return made


@cache
def asset(name: str) -> str:
    """The address of a static file: it changes with the content, so that browsers may keep it for ever."""
    data = files("catenary.console").joinpath("static", name).read_bytes()
    return f"static/{sha256(data).hexdigest()[:12]}/{name}"


def picture(svg: str) -> Markup:
    """An SVG of `evaluate.pictures` as part of a page, whose policy takes its colours from console.css alone."""
    return Markup(_STYLE.sub("", svg))


def shape(value: Cell | str, column: Column) -> str:
    """How much room a cell of a table wants: class names of console.css."""
    text, number = (value, False) if isinstance(value, str) else (value.text, value.number)
    if number or column.number:
        return "number"
    if _MOMENT.fullmatch(text):
        return "moment"
    return "long" if len(text) >= LONG_LETTERS else ""


def short(id: str) -> str:
    """An id as people see it."""
    return id[:ID_DIGITS]


def size(count: float) -> str:
    """1536 → '1.5 KB'"""
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def duration(seconds: float | None) -> str:
    """75.2 → '1:15'; below a minute in seconds."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def moment(at: datetime | None) -> str:
    """A time in UTC, to the second."""
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S}"


def _tables(values: Mapping[str, Any]) -> list[Table]:
    """Those among a page's values, in lists and in what an artifact holds too."""
    found: list[Table] = []
    for value in values.values():
        if isinstance(value, Table):
            found.append(value)
        elif isinstance(value, list):
            found += [one for one in value if isinstance(one, Table)]
        elif is_dataclass(value) and hasattr(value, "tables"):
            found += _tables({one.name: getattr(value, one.name) for one in fields(value)})
    return found


def _page_number(request: Request, table: Table) -> int:
    asked = request.query_params.get(table.name, "1")
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 10 else 1
    return max(1, min(number, table.pages))
