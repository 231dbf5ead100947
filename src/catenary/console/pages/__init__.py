"""The pages, one file a subject; one line in PAGES shows it."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter

from catenary.console.pages.answers import answer_pages
from catenary.console.pages.artifact import artifact_pages
from catenary.console.pages.audit import audit_pages
from catenary.console.pages.compare import compare_pages
from catenary.console.pages.control import control_pages
from catenary.console.pages.data import data_pages
from catenary.console.pages.evaluations import evaluation_pages
from catenary.console.pages.held import held_pages
from catenary.console.pages.knowledge import knowledge_pages
from catenary.console.pages.link import link_pages
from catenary.console.pages.login import login_pages
from catenary.console.pages.overview import overview_pages
from catenary.console.pages.passages import passage_pages
from catenary.console.pages.people import people_pages
from catenary.console.pages.playground import playground_pages
from catenary.console.pages.releases import release_pages
from catenary.console.pages.runs import run_pages
from catenary.console.pages.trace import trace_pages
from catenary.console.pages.usage import usage_pages

PAGES: tuple[Callable[[], APIRouter], ...] = (
    login_pages,
    overview_pages,
    link_pages,
    run_pages,
    compare_pages,
    artifact_pages,
    trace_pages,
    release_pages,
    usage_pages,
    people_pages,
    audit_pages,
    control_pages,
    data_pages,
    answer_pages,
    held_pages,
    playground_pages,
    passage_pages,
    knowledge_pages,
    evaluation_pages,
)
