"""Source code: a file is a document; its language, and the licence that its head states, are in `meta`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from catenary.data.formats.opened import Input
from catenary.data.formats.reading import Reading
from catenary.data.formats.records import Records, one
from catenary.data.formats.text import encoding_meta, whole_text

LANGUAGES = {
    ".asm": "assembly", ".s": "assembly", ".awk": "awk", ".bat": "batch", ".c": "c", ".h": "c", ".cc": "c++",
    ".cpp": "c++", ".cxx": "c++", ".hh": "c++", ".hpp": "c++", ".cs": "c#", ".clj": "clojure", ".cmake": "cmake",
    ".css": "css", ".scss": "css", ".cu": "cuda", ".dart": "dart", ".ex": "elixir", ".exs": "elixir",
    ".erl": "erlang", ".f": "fortran", ".f90": "fortran", ".fs": "f#", ".go": "go", ".groovy": "groovy",
    ".hs": "haskell", ".java": "java", ".js": "javascript", ".jsx": "javascript", ".mjs": "javascript",
    ".jl": "julia", ".kt": "kotlin", ".kts": "kotlin", ".lisp": "lisp", ".el": "lisp", ".lua": "lua", ".m": "matlab",
    ".ml": "ocaml", ".mli": "ocaml", ".pas": "pascal", ".pl": "perl", ".pm": "perl", ".php": "php",
    ".ps1": "powershell", ".proto": "protobuf", ".py": "python", ".pyi": "python", ".pyx": "python", ".r": "r",
    ".rb": "ruby", ".rs": "rust", ".scala": "scala", ".sh": "shell", ".bash": "shell", ".zsh": "shell", ".sql": "sql",
    ".swift": "swift", ".tcl": "tcl", ".tex": "tex", ".ts": "typescript", ".tsx": "typescript", ".v": "verilog",
    ".sv": "verilog", ".vhd": "vhdl", ".vim": "vim", ".vue": "vue", ".zig": "zig", ".toml": "toml", ".yaml": "yaml",
    ".yml": "yaml", ".ini": "ini",
}  # fmt: skip
HEAD = 8192  # characters in which a licence stands
SPDX = re.compile(r"SPDX-License-Identifier:\s*([\w.+() -]+?)\s*(?:\*/|-->|$)", re.MULTILINE)
PHRASES = (
    (re.compile(r"Licensed under the Apache License, Version 2\.0"), "Apache-2.0"),
    (re.compile(r"Permission is hereby granted, free of charge, to any person obtaining a copy"), "MIT"),
    (re.compile(r"GNU Affero General Public License"), "AGPL"),
    (re.compile(r"GNU (?:Lesser|Library) General Public License"), "LGPL"),
    (re.compile(r"GNU General Public License"), "GPL"),
    (re.compile(r"Mozilla Public\s+License,? (?:v\. |version )2\.0", re.IGNORECASE), "MPL-2.0"),
    (re.compile(r"Redistribution and use in source and binary forms"), "BSD"),
)


def read(given: Input, reading: Reading) -> Iterator[Records]:
    """The file as it is. Each licence stated in a file's head is counted in the collection's report."""
    told = whole_text(given, reading)
    meta = encoding_meta(told)
    language = LANGUAGES.get(given.name[given.name.rfind(".") :].lower())
    if language:
        meta["programming_language"] = language
    if licence := stated_licence(told.text):
        meta["licence_in_file"] = licence
        reading.notes[f"licence_in_file.{licence}"] += 1
    yield one(told.text, meta)


def stated_licence(text: str) -> str | None:
    """The licence that a file's head states: its SPDX expression, or the family that its words are of."""
    head = text[:HEAD]
    if found := SPDX.search(head):
        return found[1]
    plain = re.sub(r"[\s*#/;%-]+", " ", head)
    return next((name for pattern, name in PHRASES if pattern.search(plain)), None)
