"""Strict settings: an unknown key is refused, naming the nearest one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, ClassVar, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from catenary.errors import CatenaryError, InvalidInput
from catenary.rules import rule_of


class Settings(BaseModel):
    """The base of what a user may write about a source, a step or a split."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    # Settings that came later: left out of recipes while they say what was done before, so that no id moves.
    later: ClassVar[frozenset[str]] = frozenset()

    def canonical(self) -> dict[str, Any]:
        """As recipes hold it: every setting, defaults included."""
        defaults = {name: self.__class__.model_fields[name].default for name in self.later}
        skipped = {name for name, value in defaults.items() if getattr(self, name) == value}
        return self.model_dump(mode="json", exclude=skipped)


S = TypeVar("S", bound=BaseModel)


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The one of `names` most like `name`, None when none is."""
    found = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)
    return found[0] if found else None


def unknown(what: str, name: object, names: Iterable[str], where: str | None) -> InvalidInput:
    """The error for a name that is not one of `names`; `what` is a message about it."""
    listed = sorted(names)
    close = nearest(str(name), listed)
    if close is None:
        return InvalidInput(what, got=name, expected="one of: {names}", where=where, names=", ".join(listed))
    return InvalidInput(
        what,
        got=name,
        expected="one of: {names} (did you mean `{nearest}`?)",
        where=where,
        names=", ".join(listed),
        nearest=close,
    )


def parse(model: type[S], raw: object, where: str | None = None) -> S:
    """`raw` (from YAML or Python) as `model`. Raises InvalidInput with the key that is wrong."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise _told(model, error, where) from None
    except CatenaryError as error:  # a validator's own words
        error.where = error.where or where
        raise


def _told(model: type[BaseModel], error: ValidationError, where: str | None) -> InvalidInput:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    place = ".".join(part for part in (where, key) if part) or None
    if first["type"] == "extra_forbidden":
        parts = [where, *map(str, first["loc"][:-1])]
        names = _within(model, first["loc"][:-1]).model_fields
        return unknown(
            "There is no such setting.", first["loc"][-1], names, ".".join(filter(None, parts)) or None
        )
    if first["type"] == "missing":
        return InvalidInput(
            "A setting is missing.", got="-", expected="`{key}:` with a value", key=key, where=where
        )
    expected, values = rule_of(first)
    return InvalidInput(
        "A setting has a value that cannot be used.",
        got=repr(first["input"]),
        expected=expected,
        where=place,
        **values,
    )


def _within(model: type[BaseModel], keys: Iterable[int | str]) -> type[BaseModel]:
    """The settings that stand in `model` under these keys."""
    for key in keys:
        field = model.model_fields.get(str(key))
        for one in (field.annotation, *get_args(field.annotation)) if field else ():
            if isinstance(one, type) and issubclass(one, BaseModel):
                model = one
    return model
