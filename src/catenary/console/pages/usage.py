"""`/usage?month=2026-11`: what endpoints answered, how quickly, what it cost: by day and key, and the month's bill."""

from __future__ import annotations

import calendar
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import func, select

from catenary.console.bars import bars
from catenary.console.table import Cell, Column, Row, Table, figure, table
from catenary.console.view import desk_of, render, viewer_of
from catenary.console.viewer import Viewer
from catenary.errors import InvalidInput
from catenary.messages import say
from catenary.store import Store
from catenary.store.tables import receipts

LATENCY_RECEIPTS = 2000  # the newest of the month are measured


def usage_pages() -> APIRouter:
    """See the module."""
    router = APIRouter()

    @router.get("/usage")
    def usage(request: Request, month: str = "") -> Response:
        viewer, desk = viewer_of(request), desk_of(request)
        first = _month(month)
        last = first.replace(day=calendar.monthrange(first.year, first.month)[1])
        rows = [row for row in desk.read_usage(desk.chain, first, last) if _may_read(viewer, row["key"])]
        days = [(first + timedelta(days=at)).isoformat() for at in range(last.day)]
        return render(
            request,
            "usage.html",
            title=say("Endpoints and usage"),
            month=f"{first:%Y-%m}",
            before=f"{first - timedelta(days=1):%Y-%m}",
            after=f"{last + timedelta(days=1):%Y-%m}",
            endpoints=_endpoints(desk.endpoints() if desk.endpoints else ()),
            plots=[
                bars(say("Requests a day"), days, _by_day(rows, days, lambda row: row["requests"])),
                bars(
                    say("Tokens a day, read and written"),
                    days,
                    _by_day(rows, days, lambda row: row["input_tokens"] + row["output_tokens"]),
                ),
                *_costs(rows, days),
            ],
            latency=_latency(desk.store, first, last) if viewer.sees else None,
            bill=_bill(rows),
            rows=_rows(rows),
        )

    return router


def _may_read(viewer: Viewer, key_id: str) -> bool:
    return viewer.key is None or viewer.may("usage") or viewer.key.id == key_id


def _month(asked: str) -> date:
    if not asked:
        return datetime.now(UTC).date().replace(day=1)
    try:
        return datetime.strptime(asked, "%Y-%m").replace(tzinfo=UTC).date()
    except ValueError:
        raise InvalidInput("This is no month.", got=asked, expected="a month such as 2026-11") from None


def _by_day(rows: Sequence[Mapping[str, Any]], days: Sequence[str], value: Any) -> dict[str, list[float]]:
    found: dict[str, dict[str, float]] = defaultdict(lambda: dict.fromkeys(days, 0.0))
    for row in rows:
        found[row["model"]][row["day"]] += value(row)
    return {model: list(by_day.values()) for model, by_day in sorted(found.items())}


def _costs(rows: Sequence[Mapping[str, Any]], days: Sequence[str]) -> list[Any]:
    currencies = sorted({row["currency"] for row in rows if row["currency"]})
    return [
        bars(
            say("Cost a day, {currency}", currency=currency),
            days,
            _by_day(
                [row for row in rows if row["currency"] == currency], days, lambda row: row["cost"] or 0.0
            ),
        )
        for currency in currencies
    ]


def _endpoints(running: Sequence[Any]) -> Table:
    rows: list[Row] = [
        [
            one.name,
            say(one.task),
            Cell(say("ready"), tone="good") if one.ready else Cell(say("not ready"), tone="warn"),
            Cell(say(one.status), tone="good" if one.status == "released" else "warn"),
            figure(one.load),
            figure(one.restarts),
        ]
        for one in running
    ]
    heads = [Column(say(one)) for one in ("endpoint", "task", "engine", "standing")]
    heads += [Column(say(one), number=True) for one in ("requests now", "restarts")]
    return table(
        "endpoints",
        say("Endpoints"),
        heads,
        rows,
        empty=say("No endpoint runs beside this console: `catenary serve` runs them and shows them here."),
    )


def _latency(store: Store, first: date, last: date) -> Table:
    """By endpoint, of the month's newest answers: their number, and the middle and slow ones."""
    start = datetime(first.year, first.month, 1, tzinfo=UTC)
    end = datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1)
    seconds = receipts.c.body["seconds"].as_float()
    query = (
        select(receipts.c.endpoint, seconds)
        .where(receipts.c.at >= start, receipts.c.at < end)
        .order_by(receipts.c.at.desc())
        .limit(LATENCY_RECEIPTS)
    )
    found: dict[str, list[float]] = defaultdict(list)
    with store.reading() as connection:
        for endpoint, took in connection.execute(query):
            if took is not None:
                found[endpoint].append(took)
        counted = connection.execute(
            select(receipts.c.endpoint, func.count())
            .where(receipts.c.at >= start, receipts.c.at < end)
            .group_by(receipts.c.endpoint)
        )
        answers = {endpoint: count for endpoint, count in counted}  # noqa: C416 - a cursor has keys() of its own
    rows: list[Row] = []
    for endpoint, count in sorted(answers.items()):
        times = sorted(found.get(endpoint, []))
        rows.append([endpoint, figure(count), *(_quantile(times, share) for share in (0.5, 0.95, 0.99))])
    heads = [Column(say("endpoint")), Column(say("answers"), number=True)]
    heads += [Column(f"p{share}", number=True) for share in (50, 95, 99)]
    return table("latency", say("Answers of the month and how long they took"), heads, rows)


def _quantile(times: Sequence[float], share: float) -> Cell:
    if not times:
        return figure(None)
    value = times[min(len(times) - 1, int(share * len(times)))]
    return figure(value, f"{value * 1000:,.0f} ms" if value < 10 else f"{value:,.1f} s")


def _bill(rows: Sequence[Mapping[str, Any]]) -> Table:
    """One line a key and currency, for the month."""
    totals: dict[tuple[str, str, str, str], list[float]] = defaultdict(lambda: [0, 0, 0, 0.0])
    for row in rows:
        total = totals[row["key"], row["name"], row["plan"], row["currency"]]
        for at, name in enumerate(("requests", "input_tokens", "output_tokens")):
            total[at] += row[name]
        total[3] += row["cost"] or 0.0
    told: list[Row] = [
        [
            name or key,
            Cell(key, code=True),
            plan,
            *(figure(int(value)) for value in total[:3]),
            figure(round(total[3], 6), f"{total[3]:,.4f}") if currency else "",
            currency,
        ]
        for (key, name, plan, currency), total in sorted(totals.items())
    ]
    heads = [Column(say("name")), Column(say("key")), Column(say("plan"))]
    heads += [Column(say(one), number=True) for one in ("requests", "tokens read", "tokens written", "cost")]
    heads.append(Column(say("currency")))
    return table("bill", say("The month's bill"), heads, told, empty=say("Nothing was asked in this month."))


def _rows(rows: Sequence[Mapping[str, Any]]) -> Table:
    told: list[Row] = [
        [
            row["day"],
            row["name"] or row["key"],
            row["model"],
            *(figure(row[name]) for name in ("requests", "input_tokens", "output_tokens")),
            figure(row["cost"]),
            row["currency"],
        ]
        for row in reversed(rows)
    ]
    heads = [Column(say(one)) for one in ("day", "key", "model")]
    heads += [Column(say(one), number=True) for one in ("requests", "tokens read", "tokens written", "cost")]
    heads.append(Column(say("currency")))
    return table("days", say("By day, key and model"), heads, told)
