"""What an application declares beside the chain file, and the record of what it is."""

from __future__ import annotations

from typing import Any

from catenary.apps.rubric import Rubric
from catenary.apps.topics import Topics
from catenary.chain.app_settings import AppSettings, TutorSettings
from catenary.chain.declared import declared
from catenary.chain.spec import Chain, read_declared
from catenary.errors import InvalidInput
from catenary.store import Store

Beside = Rubric | Topics | None
"""What an application declares in a file of its own."""


def read_files(chain: Chain, settings: AppSettings) -> Beside:
    """The file that an application names beside the chain file. Raises NotFound and InvalidInput."""
    if not isinstance(settings, TutorSettings):
        return None
    folder = chain.path.parent
    if settings.topics is not None:
        return read_declared(folder / settings.topics, Topics)
    if settings.rubric is None:
        return None
    rubric = read_declared(folder / settings.rubric, Rubric)
    if rubric.judged and settings.model is None:
        raise InvalidInput(
            "The rubric has criteria that a model judges, and the application has none.",
            where=settings.rubric,
            got="judge: model",
            expected="`model:` with an endpoint beside `rubric:`, or rules instead of `judge: model`",
        )
    if settings.model is not None and not rubric.judged:
        raise InvalidInput(
            "The application has a model, and no criterion of the rubric is judged by one.",
            where=settings.rubric,
            got=f"model: {settings.model}",
            expected="`judge: model` at a criterion, or no `model:`",
        )
    return rubric


def all_declared(settings: AppSettings, beside: Beside) -> dict[str, Any]:
    """All that an application's settings and its file say."""
    declared = settings.model_dump(mode="json")
    return declared if beside is None else declared | {"file": beside.model_dump(mode="json")}


def app_artifact(store: Store, name: str, settings: AppSettings, beside: Beside) -> str:
    """The id of the artifact that says what an application without model and index is: receipts lead to it."""
    recipe = {"name": name, **all_declared(settings, beside)}
    return declared(store, "application", recipe, f"{name}: {settings.kind}\n", {"kind": settings.kind})
