"""What a user's YAML becomes, and how its mistakes are told."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catenary.chain.file import find, read, scalar
from catenary.errors import CatenaryError, InvalidInput, NotFound


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "catenary.yaml"
    path.write_text(text, "utf-8")
    return path


def test_words_that_yaml_1_1_takes_for_booleans_are_text(tmp_path: Path) -> None:
    raw = read(written(tmp_path, "on: reviews.test\nlanguages: [no, en]\nflag: true")).raw
    assert raw == {"on": "reviews.test", "languages": ["no", "en"], "flag": True}


def test_quoted_numbers_stay_text(tmp_path: Path) -> None:
    assert read(written(tmp_path, "a: '1'\nb: 1\nc: 1e-3\nd: 1_000")).raw == {
        "a": "1",
        "b": 1,
        "c": 1e-3,
        "d": 1000,
    }


def test_a_variable_keeps_its_type_when_it_stands_alone(tmp_path: Path) -> None:
    raw = read(written(tmp_path, "vars: {n: 8000}\na: ${vars.n}\nb: size-${vars.n}")).raw
    assert (raw["a"], raw["b"]) == (8000, "size-8000")


@pytest.mark.parametrize("reference", ["${vars.m}", "${env.HOME}", "${n}"])
def test_a_variable_that_is_not_there_is_told_with_its_line(tmp_path: Path, reference: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read(written(tmp_path, f"vars: {{n: 1}}\na:\n  b: {reference}"))
    assert caught.value.where == "catenary.yaml:3:3"
    assert "${vars.n}" in str(caught.value)


def test_set_overrides_one_value_and_variables_see_it(tmp_path: Path) -> None:
    file = read(written(tmp_path, "vars: {n: 1}\nmodels: {a: {steps: '${vars.n}', rate: 0.1}}"), ["vars.n=7"])
    assert file.raw["models"] == {"a": {"steps": 7, "rate": 0.1}}
    file = read(
        written(tmp_path, "models: {a: {steps: 1}}"), ["models.a.gates=[{parity: 0.9}]", "models.a.new=x"]
    )
    assert file.raw["models"]["a"] == {"steps": 1, "gates": [{"parity": 0.9}], "new": "x"}


@pytest.mark.parametrize("override", ["models.a.steps", "=3", "models..steps=1", "models.b.steps=1"])
def test_a_wrong_override_is_refused(tmp_path: Path, override: str) -> None:
    with pytest.raises(InvalidInput):
        read(written(tmp_path, "models: {a: {steps: 1}}"), [override])


def test_a_repeated_key_is_refused_where_it_stands(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="twice") as caught:
        read(written(tmp_path, "a: 1\nb: 2\na: 3\n"))
    assert caught.value.where == "catenary.yaml:3:1"


def test_aliases_of_aliases_do_not_fill_the_memory(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    with pytest.raises(InvalidInput, match="too many"):
        read(written(tmp_path, "\n".join(lines)))


@pytest.mark.parametrize(
    "text", ["a: [", "- 1", "a: !!python/object:os.system x\nb: {", "? [1, 2]\n: 3", "\ttab: 1"]
)
def test_broken_files_are_told_not_raised(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidInput):
        read(written(tmp_path, text))


def test_tags_construct_nothing(tmp_path: Path) -> None:
    assert read(written(tmp_path, "a: !!python/object/apply:os.getcwd []")).raw == {"a": []}


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "catenary.yaml"
    path.write_bytes("名: 值".encode("gb18030"))
    with pytest.raises(InvalidInput, match="UTF-8"):
        read(path)


def test_the_file_is_found_from_below(tmp_path: Path) -> None:
    path = written(tmp_path, "schema: 1")
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert find(below) == path
    with pytest.raises(NotFound):
        find(Path("/"))


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_with_a_clear_error(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.mktemp("chain") / "catenary.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        assert isinstance(read(path).raw, dict)
    except CatenaryError as error:
        assert str(error)


@given(st.integers() | st.booleans() | st.none() | st.floats(allow_nan=False, allow_infinity=False))
def test_scalars_come_back(value: object) -> None:
    text = (
        {True: "true", False: "false"}[value]
        if isinstance(value, bool)
        else "null"
        if value is None
        else repr(value)
    )
    assert scalar(text) == value
