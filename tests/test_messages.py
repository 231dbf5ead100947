"""One catalogue: every text that is said has its Chinese, with the same places, and none is left over."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest

from catenary.access import ROLES
from catenary.chain.spec import SECTIONS
from catenary.cli import COMMANDS
from catenary.cli.init import TEMPLATES
from catenary.console.links import TONES
from catenary.console.neighbourhood import KINDS, RELATED
from catenary.console.pages.runs import OUTCOMES
from catenary.messages import catalogue, language_of_locale, say
from catenary.rules import RULES

SOURCE = Path(__file__).parent.parent / "src" / "catenary"
# Arguments of these calls that are messages: by position and by keyword.
ERRORS = {
    "CatenaryError",
    "InvalidInput",
    "NotFound",
    "Refused",
    "Damaged",
    "Interrupted",
    "Diverged",
    "ApiError",
}

SAID = re.compile(r"""\bsay\((?:"([^"]+)"|'([^']+)')[,)]""")
LISTED = re.compile(r"""^ *\("/[^"]*", "([^"]+)"\),$""", re.MULTILINE)  # the pages of the console


def spoken() -> dict[str, str]:
    """message → where it is said"""
    found: dict[str, str] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            texts: list[ast.expr] = []
            if name == "say":
                texts = node.args[:1]
            elif name in ERRORS:
                texts = node.args[:1] + [word.value for word in node.keywords if word.arg == "expected"]
            elif name == "require_no_run":
                texts = node.args[1:2]
            elif name == "Finding":
                texts = node.args[:1]
            elif name == "begin" and len(node.args) == 3:
                texts = [node.args[0], node.args[2]]
            for text in texts:
                for constant in _constants(text):
                    found.setdefault(constant, f"{path.relative_to(SOURCE)}:{node.lineno}")
    for path in sorted(SOURCE.rglob("*.html")):
        page = path.read_text("utf-8")
        for text in [*(one or other for one, other in SAID.findall(page)), *LISTED.findall(page)]:
            found.setdefault(text, f"{path.relative_to(SOURCE)}")
    return found


def _constants(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.IfExp):
        return _constants(node.body) + _constants(node.orelse)
    return []


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def listed() -> dict[str, str]:
    """Messages that stand in tables and are said from there."""
    return {
        **{about: "cli" for _, about in COMMANDS.values()},
        **dict.fromkeys(TEMPLATES.values(), "cli.init"),
        **dict.fromkeys(RULES.values(), "rules"),
        **dict.fromkeys([*TONES, *OUTCOMES, *SECTIONS, *RELATED.values(), *KINDS.values()], "console"),
        **{text: "access.roles" for role in ROLES.values() for text in (role.title, role.attests)},
    }


def test_every_message_has_its_chinese() -> None:
    missing = {text: where for text, where in (spoken() | listed()).items() if text not in catalogue()}
    assert not missing


@pytest.mark.parametrize(("english", "chinese"), catalogue().items())
def test_translations_keep_the_places(english: str, chinese: str) -> None:
    assert places(english) == places(chinese)
    assert chinese.strip()


def test_the_locale_chooses_the_language() -> None:
    assert language_of_locale({"LANG": "zh_CN.UTF-8"}) == "zh"
    assert language_of_locale({"LANG": "de_DE.UTF-8"}) == "en"
    assert language_of_locale({"CATENARY_LANG": "en", "LANG": "zh_CN.UTF-8"}) == "en"
    assert language_of_locale({}) == "en"


def test_values_fill_their_places_in_both_languages() -> None:
    assert say("{n} repairs.", n=3, lang="en") == "3 repairs."
    assert "3" in say("{n} repairs.", n=3, lang="zh")
