"""Every precision of a model in the formats of its release, each run by its own runtime beside the trained model.

    made = Exports(trained_folder, dataset_folder, writes=False, folder=work.state / "exports")
    made.table(["onnx"])            # rows: bytes, agreement, accuracy, difference, seconds, memory
    made.write("int8", ["onnx"], work.out)

A classifier is judged by its accuracy on held-out documents; a decoder by how often its likeliest token
is the true next
one, at places of held-out texts.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from catenary.data.texts import texts_of
from catenary.errors import InvalidInput
from catenary.progress import SILENT, Progress
from catenary.stages.dialogues import preferences_of, talks_of
from catenary.stages.labelled import labelled_of
from catenary.stages.release_settings import CLASSIFIER, DECODER, ENCODER_DECODER, Format, Precision

if TYPE_CHECKING:
    from catenary.compress.compare import Asked, Row

ROWS = 1000  # held-out documents that exports are asked
CALIBRATED = ("int8-static", "int4")
CALIBRATION = 64  # training documents
PLACES = 4  # of each held-out text, where a decoder's next token is asked for
WRITER_ROWS = 200
WRITER_TOKENS = 256

NOTHING_HELD_OUT = InvalidInput(
    "There are no held-out documents to compare the exported model on.",
    expected="a dataset whose `split:` gives `test` or `valid` a share",
)
_WEIGHTS = {
    "safetensors": ("*.safetensors",),
    "onnx": ("model.onnx",),
    "exported": ("model.pt2",),
    "openvino": ("openvino_*.xml", "openvino_*.bin"),
    "gguf": ("model.gguf",),
}


def precisions_tried(
    formats: Sequence[Format], holds: Mapping[Format, frozenset[Precision]]
) -> list[Precision]:
    """The precisions that all of these formats hold, the plainest first."""
    return [one for one in get_args(Precision) if all(one in holds.get(fmt, ()) for fmt in formats)]


def weights_bytes(folder: Path, fmt: str) -> int:
    """The size of one format's weights."""
    return sum(path.stat().st_size for pattern in _WEIGHTS[fmt] for path in folder.glob(pattern))


@dataclass(frozen=True)
class Exports:
    """`trained`: a whole model (no adapter) with its tokenizer; `dataset`: what it was tuned on;
    `folder`: to work in."""

    trained: Path
    dataset: Path | None
    folder: Path
    writes: bool = False
    decoder: bool = False
    preferences: bool = False

    @property
    def holds(self) -> Mapping[Format, frozenset[Precision]]:
        """The precisions that each format of this model holds."""
        return DECODER if self.decoder else ENCODER_DECODER if self.writes else CLASSIFIER

    @property
    def _data(self) -> Path:
        if self.dataset is None:
            raise NOTHING_HELD_OUT
        return self.dataset

    def write(self, precision: Precision, formats: Sequence[Format], out: Path) -> None:
        """Write the model in `precision`. Raises InvalidInput where a format does not hold it."""
        if self.writes:
            from catenary.compress.writer import export_writer

            export_writer(self.trained, out, precision, formats)
            return
        from catenary.compress import FORMATS, export

        export(
            self.trained,
            out,
            quantise=None if precision == "none" else precision,
            formats=[fmt for fmt in FORMATS if fmt in formats],
            texts=list(islice(texts_of(self._data, "train"), CALIBRATION)) if precision in CALIBRATED else (),
        )

    def table(
        self, formats: Sequence[Format], precisions: Sequence[Precision], progress: Progress = SILENT
    ) -> list[Row]:
        """One row a precision and format; the exports stay in `folder` by their precision."""
        from catenary.compress.compare import compare
        from catenary.compress.probe import probe

        gold, asked = self.asked()
        made: dict[tuple[str, str], tuple[Path, int]] = {}
        for precision in precisions:
            out = self.folder / precision
            shutil.rmtree(out, ignore_errors=True)
            some = [fmt for fmt in formats if precision in self.holds[fmt]]
            self.write(precision, some, out)
            made |= {(precision, fmt): (out, weights_bytes(out, fmt)) for fmt in some}
        trained = probe(self.trained, "torch", asked.rows)
        assert len(gold) == len(trained.answers)
        return compare(made, asked, trained.answers, progress)

    def agreement(self, fmt: Format, folder: Path) -> Mapping[str, Any]:
        """The share of rows that the export in `folder` answers as the trained model does."""
        from catenary.compress.probe import probe
        from catenary.compress.runtimes import runtime_of

        _, asked = self.asked()
        trained = probe(self.trained, "torch", asked.rows).answers
        export = probe(folder, runtime_of(fmt, "none"), asked.rows).answers
        same = sum(a == b for a, b in zip(trained, export, strict=True))
        return {"agreement": same / len(trained), "n": len(trained), "format": fmt}

    def asked(self) -> tuple[list[int], Asked]:
        """The right answers, and what exports are asked. Raises InvalidInput where nothing is held out."""
        from catenary.compress.compare import Asked
        from catenary.evaluate import compare as paired
        from catenary.evaluate import wilson

        rows, gold = self._places() if self.writes else self._documents()
        if not rows:
            raise NOTHING_HELD_OUT
        texts = list(map(str, gold))
        return gold, Asked(
            rows,
            lambda answers: wilson(sum(a == b for a, b in zip(answers, gold, strict=True)), len(gold)),
            lambda a, b: (
                paired(
                    texts, {"export": list(map(str, a)), "trained": list(map(str, b))}, "accuracy"
                ).difference
            ),
        )

    def _documents(self) -> tuple[list[list[int]], list[int]]:
        from catenary.inference.folder import open_text_model

        opened = open_text_model(self.trained)
        numbers = {label: number for number, label in enumerate(opened.labels)}
        rows: list[list[int]] = []
        gold: list[int] = []
        for split in ("test", "valid"):
            held_out = labelled_of(self._data, split, "one")
            for text, label in zip(held_out.texts, held_out.labels, strict=True):
                if isinstance(text, str) and label in numbers and len(rows) < ROWS:
                    rows.append(list(opened.tokenizer.encode(text).ids[: opened.max_tokens]))
                    gold.append(numbers[str(label)])
        return rows, gold

    def _places(self) -> tuple[list[list[int]], list[int]]:
        from catenary.inference.generator_folder import open_generator

        opened = open_generator(self.trained)
        rows: list[list[int]] = []
        gold: list[int] = []
        for split in ("test", "valid"):
            for text in self._written(split, opened):
                ids = list(opened.tokenizer.encode(text, add_special_tokens=False).ids)[:WRITER_TOKENS]
                for place in range(1, PLACES + 1):
                    end = len(ids) * place // (PLACES + 1)
                    if end >= 1 and len(rows) < WRITER_ROWS:
                        rows.append(ids[:end])
                        gold.append(ids[end])
        return rows, gold

    def _written(self, split: str, opened: Any) -> list[str]:
        talks = [
            [*prompt, {"role": "assistant", "content": reply}]
            for prompt, reply, _ in (preferences_of(self._data, split) if self.preferences else ())
        ]
        talks += [] if self.preferences else talks_of(self._data, split)
        return [opened.template.render(talk) for talk in talks]
