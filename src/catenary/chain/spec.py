"""From a chain file to a chain: its links in order, each with its stage, settings and what it stands on.

Every mistake in the file is found here, before anything runs, and is told with its line, its key, the nearest
name that would have been right, and what was expected.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, Field, ValidationError

from catenary.chain import file as chain_file
from catenary.chain.app_settings import KINDS, AppSettings, named_by
from catenary.chain.file import ChainFile
from catenary.chain.serve_settings import GuardRule, ServeSettings
from catenary.chain.stage import Settings, Stage
from catenary.errors import InvalidInput, NotFound
from catenary.rules import names_of, rule_of

SCHEMA = 1
M = TypeVar("M", bound=BaseModel)
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}\Z")
SECTIONS = ("sources", "datasets", "tokenizers", "indexes", "models", "evaluations", "releases")


class Project(Settings):
    """`project:` the chain's name and the languages of its text, the first being the main one."""

    name: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")
    languages: list[Literal["zh", "en"]] = Field(default=["zh", "en"], min_length=1)
    description: str = ""


@dataclass(frozen=True)
class Link:
    """One named step of a chain."""

    section: str
    name: str
    stage: Stage[Any]
    settings: Settings
    inputs: Mapping[str, str]  # role → the full name of the link it stands on
    where: str = ""  # its place in the chain file, for errors that show only outside the file

    @property
    def full_name(self) -> str:
        return f"{self.section}.{self.name}"


@dataclass(frozen=True)
class Chain:
    """What one `catenary.yaml` declares."""

    path: Path
    project: Project
    links: tuple[Link, ...]  # every link stands after those it needs, else in the order of the file
    serve: ServeSettings
    apps: Mapping[str, AppSettings] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.path.parent

    def link(self, name: str) -> Link:
        """The link of this full name (`models.base`), or of this short one where only one has it."""
        found = [link for link in self.links if name in (link.full_name, link.name)]
        exact = [link for link in found if link.full_name == name]
        if len(exact or found) == 1:
            return (exact or found)[0]
        names = [link.full_name for link in found] or [link.full_name for link in self.links]
        raise NotFound(
            "Several links have this name." if found else "This chain has no link of this name.",
            got=name,
            expected="one of: {names}",
            names=", ".join((found and names) or _nearest(name, names) or names),
            next="catenary status",
        )

    def needed_for(self, names: Iterable[str]) -> tuple[Link, ...]:
        """The links of these names and all that they stand on, in order."""
        by_name = {link.full_name: link for link in self.links}
        wanted: set[str] = set()
        pending = [self.link(name).full_name for name in names]
        while pending:
            name = pending.pop()
            if name not in wanted:
                wanted.add(name)
                pending += by_name[name].inputs.values()
        return tuple(link for link in self.links if link.full_name in wanted)


def load(path: Path, stages: Sequence[Stage[Any]], overrides: Sequence[str] = ()) -> Chain:
    """Read and check a chain file.

    Raises InvalidInput naming file, line, key, nearest name and what was expected.
    """
    return check(chain_file.read(path, overrides), stages)


def check(file: ChainFile, stages: Sequence[Stage[Any]]) -> Chain:
    """The chain that an already read file declares."""
    known = ("schema", "project", "vars", *SECTIONS, "serve", "apps")
    for key in file.raw:
        if key not in known:
            raise _unknown(file, (key,), known)
    if file.raw.get("schema") != SCHEMA:
        raise InvalidInput(
            "This chain file's schema is not one that this version reads.",
            where=file.where(("schema",)),
            got=file.raw.get("schema", "-"),
            expected="`schema: 1` as the first line",
        )
    project = _validate(Project, file, ("project",), file.raw.get("project") or {})
    links = _links(file, stages)
    serve = _validate(ServeSettings, file, ("serve",), file.raw.get("serve") or {})
    for endpoint, settings in serve.endpoints.items():
        for key, section in (("release", "releases"), ("model", "models")):
            wanted = getattr(settings, key)
            names = [link.name for link in links if link.section == section]
            if wanted is not None and wanted not in names:
                raise _no_such(file, ("serve", "endpoints", endpoint, key), wanted, names, section)
    for side in ("input", "passages", "output"):
        rules: list[GuardRule] = getattr(serve.guard, side)
        for number, rule in enumerate(rules):
            wanted = None if rule.classifier is None else rule.classifier.endpoint
            if wanted is not None and wanted not in serve.endpoints:
                place = ("serve", "guard", side, number, "classifier", "endpoint")
                raise _no_such(file, place, wanted, list(serve.endpoints), "serve.endpoints")
    return Chain(file.path, project, tuple(links), serve, _apps(file, links, serve))


def _apps(file: ChainFile, links: Sequence[Link], serve: ServeSettings) -> dict[str, AppSettings]:
    """The applications, each with all that it names."""
    apps = {}
    for name, raw in _entries(file, "apps"):
        kind = raw.get("kind") if isinstance(raw, dict) else None
        if kind not in KINDS:
            near = _nearest(str(kind), KINDS)
            raise InvalidInput(
                "`{kind}` is no kind of application; did you mean `{near}`?"
                if near
                else "`{kind}` is no kind of application.",
                where=file.where(("apps", name)),
                kind=kind,
                near=near[0] if near else "",
                got=repr(kind),
                expected="`kind:` with one of: {names}",
                names=", ".join(KINDS),
            )
        apps[name] = _validate(KINDS[kind], file, ("apps", name), raw)
        for key, section, wanted in named_by(apps[name]):
            names = (
                list(serve.endpoints)
                if section == "endpoints"
                else [link.name for link in links if link.section == section]
            )
            if wanted not in names:
                shown = "serve.endpoints" if section == "endpoints" else section
                raise _no_such(file, ("apps", name, key), wanted, names, shown)
    return apps


def read_declared(path: Path, model: type[M]) -> M:
    """What a YAML file beside the chain declares. Raises NotFound, and InvalidInput naming line and key."""
    file = chain_file.read_beside(path)
    return _validate(model, file, (), file.raw)


class _AheadError(Exception):
    """A link stands on links that are declared, and not read yet."""


def _links(file: ChainFile, stages: Sequence[Stage[Any]]) -> list[Link]:
    """All links, each behind those it stands on: in the order of the file, but for what waits for a later section."""
    links: list[Link] = []
    todo = [(section, name, raw) for section in SECTIONS for name, raw in _entries(file, section)]
    waiting: dict[str, str] = {}  # full name → what it waits for
    while todo:
        later = []
        for section, name, raw in todo:
            try:
                links.append(_link(file, section, name, raw, stages, links, waiting))
                waiting.pop(f"{section}.{name}", None)
            except _AheadError as error:
                waiting[f"{section}.{name}"] = str(error)
                later.append((section, name, raw))
        if len(later) == len(todo):
            section, name, _ = todo[0]
            raise InvalidInput(
                "`{name}` stands on `{other}`, which stands on it in turn.",
                where=file.where((section, name)),
                name=f"{section}.{name}",
                other=waiting[f"{section}.{name}"],
                expected="a dataset, and a model made from it or from none, before this one",
            )
        todo = later
    return links


def _entries(file: ChainFile, section: str) -> list[tuple[str, Any]]:
    entries = file.raw.get(section)
    if entries is None:
        return []
    if not isinstance(entries, dict):
        raise InvalidInput(
            "A section is a mapping of names to settings.",
            where=file.where((section,)),
            got=repr(entries),
            expected="`name: {{…}}` below `{section}:`",
            section=section,
        )
    for name in entries:
        if not NAME.match(name):
            raise InvalidInput(
                "This cannot be the name of a link.",
                where=file.where((section, name)),
                got=name,
                expected="letters, digits, _ and -, beginning with a letter",
            )
    return list(entries.items())


def _link(
    file: ChainFile,
    section: str,
    name: str,
    raw: Any,
    stages: Sequence[Stage[Any]],
    earlier: Sequence[Link],
    waiting: Mapping[str, str],
) -> Link:
    place = (section, name)
    if not isinstance(raw, dict):
        raise InvalidInput(
            "The settings of a link are a mapping.",
            where=file.where(place),
            got=repr(raw),
            expected="`{name}: {{key: value, …}}`",
            name=name,
        )
    of_section = [stage for stage in stages if stage.section == section]
    _check_family(file, (*place, "family"), raw, of_section)
    stage = next((stage for stage in of_section if stage.takes(raw)), None)
    if stage is None:
        families = sorted({stage.name for stage in of_section})
        raise InvalidInput(
            "No stage makes a link with these settings.",
            where=file.where(place),
            got=", ".join(raw),
            expected="settings of one of: {names}",
            names=", ".join(families),
        )
    _check_task(file, (*place, "task"), raw, of_section)
    settings = _validate(stage.settings, file, place, raw)
    inputs = stage.inputs_of(settings)
    known = {link.full_name: link.settings for link in earlier}
    for role, target in inputs.items():
        if target not in known:
            target_section, target_name = target.split(".", 1)
            declared = target_name in (file.raw.get(target_section) or {})
            if target in waiting or (declared and target in stage.ahead_of(settings)):
                raise _AheadError(target)
            names = [link.name for link in earlier if link.section == target_section]
            key = role.split(".")[0]
            raise _no_such(
                file, (*place, key, *_find(raw.get(key), target_name)), target_name, names, target_section
            )
    if stage.check:
        try:
            stage.check(settings, {role: known[target] for role, target in inputs.items()})
        except InvalidInput as refusal:
            refusal.where = file.where((*place, *_find(raw, refusal.got)))
            raise
    return Link(section, name, stage, settings, inputs, file.where(place))


def _check_family(
    file: ChainFile, place: tuple[str, ...], raw: Mapping[str, Any], stages: Sequence[Stage[Any]]
) -> None:
    """Refuse a family that no stage of the section takes, naming all that there are."""
    families = sorted({family for stage in stages for family in stage.families})
    if not families or "family" not in raw or raw["family"] in families:
        return
    near = _nearest(str(raw["family"]), families)
    raise InvalidInput(
        "`{family}` is no family here; did you mean `{near}`?" if near else "`{family}` is no family here.",
        where=file.where(place),
        family=raw["family"],
        near=near[0] if near else "",
        got=repr(raw["family"]),
        expected="one of: {names}",
        names=", ".join(families),
    )


def _check_task(
    file: ChainFile, place: tuple[str, ...], raw: Mapping[str, Any], stages: Sequence[Stage[Any]]
) -> None:
    """Refuse a task that no stage of the section takes, naming all that there are. A task's file has any name."""
    fields = [field for stage in stages if (field := stage.settings.model_fields.get("task"))]
    if any(get_origin(field.annotation) is not Literal for field in fields):
        return
    tasks = sorted({task for field in fields for task in get_args(field.annotation)})
    if not tasks or "task" not in raw or raw["task"] in tasks:
        return
    near = _nearest(str(raw["task"]), tasks)
    raise InvalidInput(
        "`{key}` cannot be this; did you mean `{near}`?" if near else "`{key}` cannot be this.",
        where=file.where(place),
        key=".".join(place),
        near=near[0] if near else "",
        got=repr(raw["task"]),
        expected="one of: {names}",
        names=", ".join(tasks),
    )


def _no_such(
    file: ChainFile, place: tuple[str | int, ...], name: str, names: Sequence[str], section: str
) -> InvalidInput:
    defined_later = name in (file.raw.get(section) or {})
    return InvalidInput(
        "`{name}` is declared further down: a link stands only on links before it."
        if defined_later
        else "There is no `{name}` in `{section}`.",
        where=file.where(place),
        name=name,
        section=section,
        got=name,
        expected="one of: {names}" if names else "a name under `{section}:`, which has none before this line",
        names=", ".join(_nearest(name, names) or names),
    )


def _nearest(name: str, names: Iterable[str]) -> list[str]:
    return difflib.get_close_matches(name, list(names), n=3, cutoff=0.6)


def _unknown(file: ChainFile, place: tuple[str | int, ...], known: Iterable[str]) -> InvalidInput:
    known = list(known)
    key = str(place[-1])
    near = _nearest(key, known)
    return InvalidInput(
        "`{key}` is not known here; did you mean `{near}`?" if near else "`{key}` is not known here.",
        where=file.where(place),
        got=".".join(map(str, place)),
        expected="one of: {names}",
        key=key,
        near=near[0] if near else "",
        names=", ".join(known),
        next="catenary schema",
    )


def _validate(model: type[M], file: ChainFile, place: tuple[str, ...], raw: Any) -> M:
    try:
        return model.model_validate(raw)
    except ValidationError as failure:
        error = failure.errors()[0]
    except InvalidInput as refusal:
        refusal.where = file.where((*place, *_find(raw, refusal.got)))
        raise
    path = (*place, *_file_path(raw, error["loc"]))
    if error["type"] == "extra_forbidden":
        raise _unknown(file, path, _keys_at(model, raw, error["loc"]))
    if error["type"] == "missing":
        raise InvalidInput(
            "`{key}` is missing.",
            where=file.where(path),
            key=".".join(map(str, path)),
            expected="one of: {names}",
            names=", ".join(_keys_at(model, raw, error["loc"])),
        )
    reason = error.get("ctx", {}).get("error")
    if isinstance(reason, InvalidInput):
        reason.where = reason.where or file.where(path)
        raise reason
    near = _nearest(str(error["input"]), names_of(error))
    expected, values = rule_of(error)
    raise InvalidInput(
        "`{key}` cannot be this; did you mean `{near}`?" if near else "`{key}` cannot be this.",
        where=file.where(path),
        key=".".join(map(str, path)),
        near=near[0] if near else "",
        got=repr(error["input"]),
        expected=expected,
        **values,
    )


def _find(raw: Any, wanted: object) -> tuple[str | int, ...]:
    """The path in `raw` to the key or the value that an error names; empty where there is none."""
    if isinstance(raw, dict):
        for key, value in raw.items():
            found = _find(value, wanted)
            if found or key == wanted or wanted in (value, repr(value)):
                return (key, *found)
    elif isinstance(raw, list):
        for index, value in enumerate(raw):
            found = _find(value, wanted)
            if found or wanted in (value, repr(value)):
                return (index, *found)
    return ()


def _file_path(raw: Any, location: Sequence[str | int]) -> tuple[str | int, ...]:
    """`location` without the steps that pydantic adds for the arms of a union: those that the file does not have."""
    path: list[str | int] = []
    value = raw
    for index, step in enumerate(location):
        if isinstance(value, dict):
            # A gate is called by one of its own keys: {metric: …, at_leest: 1} is wrong at (metric, at_leest).
            later = index < len(location) - 1
            if later and location[-1] in value and not isinstance(value.get(step), dict | list):
                continue
            if step in value:
                value = value[step]
                path.append(step)
            elif index == len(location) - 1:
                path.append(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
            path.append(step)
    return tuple(path)


def _keys_at(model: type[BaseModel], raw: Any, location: Sequence[str | int]) -> list[str]:
    """The keys that `model` knows where `location` points into."""
    current: type[BaseModel] = model
    for step in location[:-1]:
        for candidate in _models_in(current, step):
            current = candidate
            break
    return [info.alias or name for name, info in current.model_fields.items()]


def _models_in(model: type[BaseModel], step: str | int) -> list[type[BaseModel]]:
    if isinstance(step, str):
        for name, info in model.model_fields.items():
            if step in (name, info.alias):
                return _models_of(info.annotation)
        return [found for found in _all_models(model) if found.__name__ == step]
    return []


def _models_of(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for arm in getattr(annotation, "__args__", ()) for found in _models_of(arm)]


def _all_models(model: type[BaseModel]) -> list[type[BaseModel]]:
    return [found for info in model.model_fields.values() for found in _models_of(info.annotation)]
