import pytest
from pydantic import ValidationError

from catenary.errors import InvalidInput
from catenary.train.settings import TrainSettings


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"steps": 1},
        {"batch_size": 1},
        {"steps": 1, "epochs": 1, "batch_size": 1},
        {"steps": 1, "batch_size": 1, "batch_tokens": 1},
        {"steps": 1, "batch_size": 1, "patience": 2},
        {"steps": 1, "least_steps": 1, "batch_size": 1},
    ],
)
def test_settings_that_contradict_or_leave_open_are_refused(values):
    with pytest.raises(InvalidInput):
        TrainSettings(**values)


@pytest.mark.parametrize("values", [{"steps": "1"}, {"steps": 0}, {"learning_rate": 0}, {"dropuot": 0.1}])
def test_settings_of_another_type_or_name_are_refused(values):
    with pytest.raises(ValidationError):
        TrainSettings(**{"steps": 1, "batch_size": 1, **values})


def test_settings_load_without_torch():
    import subprocess
    import sys

    code = "import sys, catenary.train.settings; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
