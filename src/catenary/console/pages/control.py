"""`/start`: a run is planned and started; `/jobs/…`: what it prints; `/runs/12/stop`: it is asked to end."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from catenary.access import record
from catenary.chain.plan import Plan, plan
from catenary.console import jobs
from catenary.console.form import Form
from catenary.console.pages.overview import require_sight
from catenary.console.pages.runs import run_of
from catenary.console.table import Cell, Column, Row, Table, figure, table
from catenary.console.view import desk_of, duration, render, root_of, size, viewer_of
from catenary.console.viewer import require
from catenary.messages import say

_starting = threading.Lock()


def control_pages() -> APIRouter:
    """See the module."""
    router = APIRouter()

    @router.get("/start")
    def ask(request: Request, link: str = "", settings: str = "") -> Response:
        """What would run, with these settings for this one run."""
        require(viewer_of(request), "run")
        desk = desk_of(request)
        chain = desk.load_with(_overrides(settings))
        links = [chain.link(link).full_name] if link else []
        wanted = chain.needed_for(links) if links else chain.links
        planned = plan(chain, desk.store)
        return render(
            request,
            "start.html",
            title=say("Run"),
            link=links[0] if links else "",
            names=[one.full_name for one in chain.links],
            settings=settings,
            plan=_plan_table(planned, {one.full_name for one in wanted}, root_of(request)),
            to_run=sum(not step.reused and step.link in wanted for step in planned.steps),
        )

    @router.post("/start")
    def start(request: Request, form: Form) -> Response:
        viewer, desk = viewer_of(request), desk_of(request)
        require(viewer, "run")
        settings = _overrides(form.one("settings"))
        chain = desk.load_with(settings)  # refused here, with its reason, rather than in a log
        links = [chain.link(form.one("link")).full_name] if form.one("link") else []
        record(
            desk.store.engine, desk.store.home, viewer.person, "run.start", {"links": links, "set": settings}
        )
        with _starting:  # two at once would have one name
            job = jobs.start(desk.store, chain.path, links, [*desk.overrides, *settings])
        return RedirectResponse(f"{root_of(request)}/jobs/{job.name}", 303)

    @router.get("/jobs/{name}")
    def job(request: Request, name: str) -> Response:
        require_sight(viewer_of(request))
        found = jobs.job(desk_of(request).store, name)
        return render(
            request, "job.html", title=say("Started here: {links}", links=found.links), log=found.tail()
        )

    @router.post("/runs/{number}/stop")
    def stop(request: Request, number: int, form: Form) -> Response:
        viewer, store = viewer_of(request), desk_of(request).store
        require(viewer, "run")
        run = run_of(store, number)
        jobs.stop(store, run)
        record(store.engine, store.home, viewer.person, "run.stop", {"run": run.id, "link": run.link})
        return RedirectResponse(f"{root_of(request)}/runs/{number}", 303)

    return router


def _overrides(settings: str) -> list[str]:
    return [line.strip() for line in settings.splitlines() if line.strip()]


def _plan_table(planned: Plan, wanted: set[str], root: str) -> Table:
    steps: Sequence[Row] = [
        [
            Cell(step.link.full_name, f"{root}/links/{step.link.full_name}"),
            Cell(say("reused"), tone="muted") if step.reused else Cell(say("to run"), tone="busy"),
            step.reason,
            figure(step.estimate.seconds, duration(step.estimate.seconds)) if not step.reused else "",
            figure(step.estimate.memory_bytes, size(step.estimate.memory_bytes)) if not step.reused else "",
        ]
        for step in planned.steps
        if step.link.full_name in wanted
    ]
    heads = [Column(say("link")), Column(say("state")), Column(say("why"))]
    heads += [Column(say("expected time"), number=True), Column(say("memory"), number=True)]
    return table("plan", say("What would run"), heads, steps)
