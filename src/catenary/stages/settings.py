"""Taking a craft's settings out of a stage's, which hold them beside the links it stands on."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel

M = TypeVar("M", bound=BaseModel)


def part_of(settings: BaseModel, craft: type[M]) -> M:
    """The fields of `settings` that are `craft`'s, as a value of `craft`."""
    return craft.model_validate({name: getattr(settings, name) for name in craft.model_fields})
