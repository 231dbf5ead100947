"""Reading `catenary.yaml`: plain values, and where in the file each one stands.

YAML 1.2's core scalars (so `on:` and `no` are text), no tags, no code, no repeated keys; `${vars.x}` is the only
interpolation. Every value remembers its line and column, so that an error can name them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from catenary.errors import InvalidInput, NotFound

try:
    from yaml import CSafeLoader as _Loader
except ImportError:  # a PyYAML without libyaml
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]

FILE_NAME = "catenary.yaml"
MAX_NODES = 100_000  # aliases of aliases grow a small file without bound ("billion laughs")
MAX_BYTES = 4 << 20

Path_ = tuple[str | int, ...]


@dataclass(frozen=True)
class ChainFile:
    """The file's values (`raw`) and the place of each, by its path of keys."""

    path: Path
    raw: Mapping[str, Any]
    marks: Mapping[Path_, str]

    def where(self, path: Sequence[str | int]) -> str:
        """`file:line:column` of `path`, or of the nearest of its parents that stands in the file."""
        place = tuple(path)
        while place and place not in self.marks:
            place = place[:-1]
        return self.marks.get(place, str(self.path.name))


def find(start: Path | None = None) -> Path:
    """The chain file: `start` itself, or `catenary.yaml` in it or in one of its parents."""
    start = (start or Path.cwd()).absolute()
    if start.is_file():
        return start
    for folder in (start, *start.parents):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    raise NotFound(
        "There is no chain file here.",
        got=str(start),
        expected="a `catenary.yaml` in this folder or one above it",
        next="catenary init",
    )


def read(path: Path, overrides: Sequence[str] = ()) -> ChainFile:
    """Read a chain file and apply `--set key=value` overrides."""
    marks: dict[Path_, str] = {}
    raw = _parse(_text(path), path.name, marks)
    if not isinstance(raw, dict):
        raise InvalidInput(
            "A chain file is a mapping of sections.",
            where=path.name,
            got=type(raw).__name__,
            next="catenary init",
        )
    for override in overrides:
        _override(raw, marks, override)
    variables = raw.get("vars", {})
    if not isinstance(variables, dict):
        raise InvalidInput("`vars` is a mapping of names to values.", where=marks[("vars",)])
    file = ChainFile(path, raw, marks)
    return ChainFile(path, {key: _fill(value, variables, file, (key,)) for key, value in raw.items()}, marks)


def read_beside(path: Path) -> ChainFile:
    """Another file that is declared in YAML, read as a chain file is; without variables and overrides."""
    marks: dict[Path_, str] = {}
    raw = _parse(_text(path), path.name, marks)
    if not isinstance(raw, dict):
        raise InvalidInput("This file does not hold a mapping.", where=path.name, got=type(raw).__name__)
    return ChainFile(path, raw, marks)


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise NotFound("This file cannot be read.", got=f"{path}: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise InvalidInput("This file is too large.", got=len(data), expected="at most 4 MiB")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput("This file is not UTF-8 text.", where=path.name, got=str(error)) from error


def _parse(text: str, name: str, marks: dict[Path_, str]) -> Any:
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise InvalidInput(
            "This file is not valid YAML.",
            where=f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name,
            got=error.problem or str(error),
        ) from error
    except yaml.YAMLError as error:
        raise InvalidInput("This file is not valid YAML.", where=name, got=str(error)) from error
    if node is None:
        return {}
    return _Builder(name, marks).build(node, ())


class _Builder:
    """Turns YAML nodes into values, noting each one's place."""

    def __init__(self, name: str, marks: dict[Path_, str]) -> None:
        self.name = name
        self.marks = marks
        self.nodes = 0

    def build(self, node: yaml.Node, path: Path_) -> Any:
        self.nodes += 1
        where = f"{self.name}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"
        if self.nodes > MAX_NODES:
            raise InvalidInput("This file holds too many values.", where=where, expected="at most 100,000")
        if len(path) > 32:
            raise InvalidInput("This file is nested too deeply.", where=where, expected="at most 32 levels")
        self.marks[path] = where
        if isinstance(node, yaml.MappingNode):
            return dict(self._items(node, path))
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        return node.value if node.style else scalar(node.value)

    def _items(self, node: yaml.MappingNode, path: Path_) -> Iterator[tuple[str, Any]]:
        seen: set[str] = set()
        for key_node, value_node in node.value:
            where = f"{self.name}:{key_node.start_mark.line + 1}:{key_node.start_mark.column + 1}"
            if not isinstance(key_node, yaml.ScalarNode):
                raise InvalidInput("A key is a plain word.", where=where)
            key = key_node.value
            if key in seen:
                raise InvalidInput("The key `{key}` stands here twice.", where=where, key=key)
            seen.add(key)
            value = self.build(value_node, (*path, key))
            self.marks[(*path, key)] = where
            yield key, value


_INTEGER = re.compile(r"[-+]?[0-9][0-9_]*\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")


def scalar(text: str) -> bool | int | float | str | None:
    """A plain YAML 1.2 scalar's value (core schema): null, true/false, numbers; all else is text."""
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE"):
        return True
    if text in ("false", "False", "FALSE"):
        return False
    if _INTEGER.match(text):
        return int(text)
    if _FLOAT.match(text):
        return float(text)
    return text


def _override(raw: dict[str, Any], marks: dict[Path_, str], override: str) -> None:
    key, equals, text = override.partition("=")
    keys = key.strip().split(".")
    if not equals or not all(keys):
        raise InvalidInput(
            "`--set` takes key=value.", got=override, expected="for example `--set models.base.steps=200`"
        )
    value = _parse(text, f"--set {override}", {})
    place: Any = raw
    for depth, part in enumerate(keys[:-1]):
        below = place.get(part) if isinstance(place, dict) else None
        if below is None and depth == 0 and part == "vars":
            below = place["vars"] = {}
        if not isinstance(below, dict):
            raise InvalidInput(
                "`--set` names something that the chain file does not have.",
                got=key,
                expected="one of: {names}",
                names=", ".join(".".join([*keys[:depth], str(name)]) for name in place)
                if isinstance(place, dict)
                else ".".join(keys[:depth]),
            )
        place = below
    place[keys[-1]] = None if text == "" else value
    marks[tuple(keys)] = f"--set {override}"


_VARIABLE = re.compile(r"\$\{([^}]*)\}")


def _fill(value: Any, variables: Mapping[str, Any], file: ChainFile, path: Path_) -> Any:
    if isinstance(value, dict):
        return {key: _fill(item, variables, file, (*path, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_fill(item, variables, file, (*path, index)) for index, item in enumerate(value)]
    if not isinstance(value, str) or "${" not in value:
        return value

    def look_up(match: re.Match[str]) -> Any:
        name = match[1].strip()
        if not name.startswith("vars.") or name[5:] not in variables:
            raise InvalidInput(
                "`{reference}` names nothing.",
                where=file.where(path),
                reference=match[0],
                got=name,
                expected="one of: {names}",
                names=", ".join(f"${{vars.{known}}}" for known in variables) or "`vars:` is empty",
            )
        return variables[name[5:]]

    whole = _VARIABLE.fullmatch(value)
    return look_up(whole) if whole else _VARIABLE.sub(lambda match: str(look_up(match)), value)
