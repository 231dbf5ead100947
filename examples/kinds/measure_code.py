"""Programs completed (do their tests pass?), reviewed (is the planted slip named?) and documented, beside controls.

python measure_code.py

What a model wrote runs in a process of its own: without this environment, without a network where `unshare` gives
none, in an empty folder, for a few seconds and megabytes, and it cannot write a file.
"""

from __future__ import annotations

import ast
import itertools
import json
import re
import resource
import shutil
import subprocess
import sys
import tempfile

from told import Row, head, line, mean, share, table

SECONDS = 5
BYTES = 512 << 20
FENCED = re.compile(r"```(?:\w+)?\n(.*?)(?:```|\Z)", re.DOTALL)
NAMED = re.compile(r"\blines?\s+(\d+)|^\W*(\d+):", re.IGNORECASE | re.MULTILINE)
RULES = "E,F,B,PLE,PLR0124,PLW,RUF,SIM"


def main() -> None:
    complete()
    review()
    document()


def complete() -> None:
    rows = table("out/complete.csv")
    head("completed by", "programs", "run", "pass their tests")
    for name, programs in (
        ("the first argument, given back (control)", [returned(row["text"]) for row in rows]),
        ("135M", [completed(row["text"], row["answer"]) for row in rows]),
    ):
        loads = [passes(one, "") for one in programs]
        right = [passes(one, row["tests"]) for one, row in zip(programs, rows, strict=True)]
        line(name, len(rows), share(loads), share(right))


def returned(start: str) -> str:
    [function] = ast.parse(start).body
    assert isinstance(function, ast.FunctionDef)
    return f"{start}    return {function.args.args[0].arg}\n"


def completed(start: str, said: str) -> str:
    """A program of what a model went on with: all of it where it begins anew, else behind the start."""
    name = start.split("(")[0]
    text = fenced(said, name)
    if name in text:
        begin, *rest = text[text.index(name) :].split("\n")
        return begin + "\n" + body(rest)
    first = next((one for one in text.split("\n") if one.strip()), "")
    if not first.startswith((" ", "\t")):
        text = "\n".join(f"    {one}" for one in text.split("\n"))
    return start + body(text.split("\n"))


def fenced(said: str, name: str) -> str:
    """The program text in an answer: what stands before a fence where it begins so, else what stands between two."""
    before = said.split("```")[0]
    found = FENCED.search(said)
    begins = name in before or before[:1] in (" ", "\t")
    return before if begins or found is None else found[1]


def body(lines: list[str]) -> str:
    """The lines of a function: up to the first that is not indented. What calls it below is an example."""
    inside = itertools.takewhile(lambda one: not one.strip() or one[0] in " \t)", lines)
    return "".join(f"{one}\n" for one in inside)


def passes(program: str, tests: str) -> bool:
    """Whether a program runs to its end with these tests behind it."""
    away = ["unshare", "-rn"] if shutil.which("unshare") and unshared() else []
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(
                [*away, sys.executable, "-I", "-S", "-c", f"{program}\n{tests}"],
                cwd=folder,
                env={},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=4 * SECONDS,
                preexec_fn=bounded,
                check=False,
            )
        except (subprocess.TimeoutExpired, ValueError):  # ValueError: a null character in the program
            return False
    return done.returncode == 0


def unshared() -> bool:
    return subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode == 0


def bounded() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def review() -> None:
    """A slip is found where its line is named, by number or whole; an alarm is any line named in a right program."""
    rows = table("out/review.csv")
    head(
        "reviewed by",
        "programs with a slip",
        "its line named",
        "right programs",
        "alarms in them",
        "lines named",
    )
    for name, find in (
        ("ruff (control)", lambda row: linted(row["program"])),
        ("135M", lambda row: named(row)),
    ):
        told = [(int(row["line"]), find(row)) for row in rows]
        slipped = [(at, lines) for at, lines in told if at]
        right = [lines for at, lines in told if not at]
        line(
            name,
            len(slipped),
            share([at in lines for at, lines in slipped]),
            len(right),
            share([bool(lines) for lines in right]),
            mean([len(lines) for _, lines in told]),
        )


def linted(program: str) -> set[int]:
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--preview", "--select", RULES, "-"]
    done = subprocess.run(
        [*command, "--output-format", "json"], input=program, capture_output=True, text=True, check=False
    )
    return {one["location"]["row"] for one in json.loads(done.stdout)}


def named(row: Row) -> set[int]:
    """The lines that a review names, by number or whole."""
    said = row["answer"]
    found = {int(one[1] or one[2]) for one in NAMED.finditer(said)}
    lines = [one.strip() for one in row["program"].split("\n")]
    return found | {at for at, one in enumerate(lines, 1) if len(one) > 12 and one in said}


def document() -> None:
    rows = table("out/document.csv")
    head(
        "documented by",
        "programs",
        "is the program",
        "has a docstring",
        "it names all parameters",
        "all three",
    )
    for name, write in (
        ("the parameters in a frame (control)", lambda row: framed(row["text"])),
        ("135M", lambda row: row["answer"]),
    ):
        held = [documented(row["text"], write(row)) for row in rows]
        line(
            name,
            len(rows),
            *(share([one[at] for one in held]) for at in range(3)),
            share([all(one) for one in held]),
        )


def framed(program: str) -> str:
    [function] = ast.parse(program).body
    assert isinstance(function, ast.FunctionDef)
    names = ", ".join(one.arg for one in function.args.args)
    function.body.insert(0, ast.Expr(ast.Constant(f"Takes {names}.")))
    return ast.unparse(function)


def documented(program: str, said: str) -> tuple[bool, bool, bool]:
    """Is it the same program but for docstrings; has its function one; does it name each parameter."""
    try:
        tree = ast.parse(fenced(said, program.split("(")[0]))
    except (SyntaxError, ValueError):
        return False, False, False
    [wanted] = ast.parse(program).body
    assert isinstance(wanted, ast.FunctionDef)
    function = next(
        (one for one in tree.body if isinstance(one, ast.FunctionDef) and one.name == wanted.name), None
    )
    if function is None:
        return False, False, False
    text = ast.get_docstring(function)
    names = [one.arg for one in wanted.args.args]
    whole = all(re.search(rf"\b{one}\b", text or "") for one in names)
    if text is not None:
        del function.body[0]
    return ast.unparse(function) == ast.unparse(wanted), bool(text), bool(text) and whole


if __name__ == "__main__":
    main()
