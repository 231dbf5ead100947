"""Metrics in TensorBoard and MLflow, read back with their own readers."""

from __future__ import annotations

from pathlib import Path

import pytest

from catenary.chain.plan import plan
from catenary.chain.report_to import Reported, sinks
from catenary.chain.run import run
from catenary.chain.spec import load
from catenary.config import Home
from catenary.errors import InvalidInput
from catenary.stages import STAGES
from catenary.store import Store
from tests.chain.craft import Quiet


def reported(home: Path) -> Reported:
    return Reported("reviews", "models.base", 7, "ab" * 32, {"steps": 3, "from": ["a"]}, home)


def losses(folder: Path) -> list[tuple[int, float]]:
    module = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    accumulator = module.EventAccumulator(str(folder))
    accumulator.Reload()
    return [(one.step, one.value) for one in accumulator.Scalars("train_loss")]


def test_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    [sink] = sinks(reported(tmp_path), {"CATENARY_REPORT_TO": "tensorboard"})
    for step in (1, 2, 3):
        sink.metric("train_loss", 1.0 / step, step)
    sink.close("done")
    found = losses(tmp_path / "tensorboard/models.base/000007")
    assert found == [(1, 1.0), (2, 0.5), (3, pytest.approx(1 / 3))]


def test_mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tmp_path.as_uri())
    for _ in range(2):  # the experiment is there the second time
        [sink] = sinks(reported(tmp_path), {"CATENARY_REPORT_TO": "mlflow"})
        for step in range(1, 1200):
            sink.metric("train_loss", 1.0 / step, step)
        sink.close("interrupted")
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("reviews")
    made = client.search_runs([experiment.experiment_id])
    assert len(made) == 2
    assert made[0].data.params["steps"] == "3"
    assert made[0].data.tags["catenary.link"] == "models.base"
    assert made[0].info.status == "KILLED"
    assert len(client.get_metric_history(made[0].info.run_id, "train_loss")) == 1199


def test_nothing_is_reported_unless_asked_for_and_unknown_names_are_refused(tmp_path: Path) -> None:
    assert sinks(reported(tmp_path), {}) == []
    with pytest.raises(InvalidInput, match="cannot be reported") as caught:
        sinks(reported(tmp_path), {"CATENARY_REPORT_TO": "tensorboard, wandb"})
    assert "mlflow" in str(caught.value)


def test_a_run_reports_its_curves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorboard")
    monkeypatch.setenv("CATENARY_REPORT_TO", "tensorboard")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a.txt").write_text("".join(f"第{n}行春夏秋冬\n" for n in range(60)), "utf-8")
    (tmp_path / "catenary.yaml").write_text(
        """\
schema: 1
project: {name: lines, languages: [zh]}
sources:
  lines: {path: data, files: ["*.txt"], format: lines, licence: MIT}
datasets:
  lines: {from: [lines], steps: [normalise]}
tokenizers:
  zh: {from: lines, kind: char, vocab_size: 50}
models:
  writer:
    {family: llama, from: lines, tokenizer: zh, hidden_size: 16, num_hidden_layers: 1,
     num_attention_heads: 2, intermediate_size: 32, steps: 4, batch_tokens: 64}
""",
        "utf-8",
    )
    with Store.open(Home.of(tmp_path, {})) as store:
        run(plan(load(tmp_path / "catenary.yaml", STAGES), store), store, Quiet())
    [folder] = (tmp_path / ".catenary/tensorboard/models.writer").iterdir()
    assert [step for step, _ in losses(folder)] == [1, 2, 3, 4]
