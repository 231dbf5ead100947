"""What the command line says of itself."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from catenary import __version__
from catenary.chain.spec import SECTIONS
from catenary.cli import COMMANDS
from tests.cli.conftest import Catenary
from tests.stages.mail import CHAIN
from tests.stages.mail import catenary as in_a_process

EXAMPLE = Path(__file__).parents[2] / "examples" / "reviews" / "catenary.yaml"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(catenary: Catenary, tmp_path: Path, command: str) -> None:
    said = catenary(tmp_path, command, "--help")
    assert said.code == 0
    assert "Example" in said.out
    assert f"catenary {command}" in said.out.split("Example")[1]


def test_the_root_lists_every_command(catenary: Catenary, tmp_path: Path) -> None:
    said = catenary(tmp_path, "--help")
    for command in COMMANDS:
        assert re.search(rf"^ +{command} ", said.out, re.MULTILINE), command
    assert catenary(tmp_path, "--version").out.strip().endswith(__version__)


def test_the_help_in_chinese(tmp_path: Path) -> None:
    for arguments in (("--help",), ("run", "--help")):
        said = in_a_process(tmp_path, "--lang", "zh", *arguments)
        assert said.returncode == 0
        assert re.search("[一-鿿]{4}", said.stdout.replace("悬链", ""))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_valid(catenary: Catenary, tmp_path: Path, shell: str) -> None:
    said = catenary(tmp_path, "completion", shell)
    assert said.code == 0, said.err
    assert "_CATENARY_COMPLETE" in said.out
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=said.out, text=True, check=True)


def test_the_schema_accepts_the_chains_and_names_every_section(catenary: Catenary, tmp_path: Path) -> None:
    schema = catenary(tmp_path, "schema").json
    assert set(SECTIONS) | {"schema", "project", "vars", "serve", "apps"} == set(schema["properties"])
    for reference in re.findall(r'"\$ref": "([^"]+)"', json.dumps(schema)):
        assert reference.startswith("#/$defs/")
        assert reference.removeprefix("#/$defs/") in schema["$defs"]
    check_with_jsonschema(schema)


def check_with_jsonschema(schema: dict[str, Any]) -> None:
    validator = jsonschema.Draft202012Validator
    validator.check_schema(schema)
    for text in (EXAMPLE.read_text("utf-8"), CHAIN.replace('"${vars.seed}"', "17")):
        assert list(validator(schema).iter_errors(yaml.safe_load(text.replace("on: ", '"on": ')))) == []
    wrong = yaml.safe_load(CHAIN.replace("vocab_size", "vocab_sise"))
    assert list(validator(schema).iter_errors(wrong))


def test_the_package_is_a_command_too() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "catenary", "--version"], capture_output=True, text=True, check=False
    )
    assert ended.stdout.strip().endswith(__version__), ended.stderr
