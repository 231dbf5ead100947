"""Likelihoods are those that transformers gives one pair at a time; tasks ask, score and report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from catenary.cli import main
from catenary.errors import InvalidInput
from catenary.evaluate.ask import ask
from catenary.evaluate.candidate import Candidate, candidate_of
from catenary.evaluate.likelihood import Scorer
from catenary.evaluate.task import task_of
from catenary.models import build, configure, save
from catenary.tokenizer import TokenizerSettings, train
from catenary.tokenizer import save as save_tokenizer
from tests.evaluate.real_items import english

PAIRS = [
    ("The value of the object", " is a string."),
    ("The value of the object", " is a number of things"),
    ("The value ", "is"),
    ("", "An empty context."),
    ("If the name is not", " bound"),
    ("If the name is not", " found"),
    # One context, read once for all that may follow it: of one token, of several, and a beginning of another.
    *((" ".join(english()[3:6]), after) for after in (" The object is", " The", " The object", " A name.")),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("model")
    tokenizer = train(english(), TokenizerSettings(kind="bpe", vocab_size=600))
    config = configure(
        "llama", "nano", vocab_size=tokenizer.vocab_size, hidden_size=32, num_hidden_layers=2, eos_token_id=0
    )
    save(build(config, "clm", seed=3), place)
    save_tokenizer(tokenizer, place)
    return place


def one_by_one(folder: Path, context: str, continuation: str) -> tuple[float, bool, int]:
    """As lm-evaluation-harness does it, with transformers, without a batch."""
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    spaces = len(context) - len(context.rstrip())
    if spaces:
        context, continuation = context[:-spaces], context[-spaces:] + continuation
    before = tokenizer.encode(context, add_special_tokens=False)
    after = tokenizer.encode(context + continuation, add_special_tokens=False)[len(before) :]
    first = model.config.bos_token_id if model.config.bos_token_id is not None else model.config.eos_token_id
    ids = torch.tensor([(before or [first]) + after])
    with torch.inference_mode():
        logs = model(ids[:, :-1]).logits[0, -len(after) :].log_softmax(-1)
    told = logs.gather(-1, ids[0, -len(after) :, None])
    return float(told.sum()), bool((logs.argmax(-1) == ids[0, -len(after) :]).all()), len(after)


def test_likelihoods_are_transformers(folder: Path) -> None:
    for likely, pair in zip(Scorer.open(folder).score(PAIRS), PAIRS, strict=True):
        log_prob, greedy, tokens = one_by_one(folder, *pair)
        assert likely.log_prob == pytest.approx(log_prob, abs=1e-4)
        assert (likely.greedy, likely.tokens) == (greedy, tokens)


def test_order_and_neighbours_do_not_matter_and_long_texts_are_read_in_windows(folder: Path) -> None:
    scorer = Scorer.open(folder)
    whole, alone = scorer.score(PAIRS[::-1])[::-1], [scorer.score([pair])[0] for pair in PAIRS]
    np.testing.assert_allclose([one.log_prob for one in whole], [one.log_prob for one in alone], atol=1e-4)
    text = " ".join(english()[:30])
    short = Scorer(scorer.model, scorer.tokenizer, max_tokens=64)
    [told] = short.score_texts([text])
    assert told.tokens == len(scorer.tokenizer.encode_batch([text])[0])
    assert np.isfinite(told.log_prob)
    [cut] = short.score([(text, " end")])  # the beginning of the context is lost, not the continuation
    assert cut.tokens >= 1
    with pytest.raises(InvalidInput):
        scorer.score([("a", "")])


QUIZ = {
    "kind": "choice",
    "prompt": "Q: {q}\nA:",
    "choices": [" {a}", " {b}"],
    "answer": "right",
    "items": [{"q": f"what is {n}", "a": f"it is {n}", "b": "no", "right": n % 2} for n in range(12)],
}


def test_a_choice_is_the_likeliest_and_few_shots_are_drawn_by_seed(folder: Path) -> None:
    task = task_of({**QUIZ, "shots": 2}, folder, "quiz")
    asked = ask(task, {"m": candidate_of(folder)})
    figures = asked.report.figures()
    best = [int(np.argmax([log for log, _ in one])) for one in asked.told["m"]]
    right = np.mean([a == n % 2 for n, a in enumerate(best)])
    assert figures["m.accuracy"].value == pytest.approx(right)
    assert figures["m.accuracy"].low < figures["m.accuracy"].high
    assert task.asked(3) == task_of({**QUIZ, "shots": 2}, folder, "quiz").asked(3)
    assert task.asked(3) != task_of({**QUIZ, "shots": 2, "seed": 5}, folder, "quiz").asked(3)
    assert "what is 3" in task.asked(3).rpartition("\n\n")[2]
    assert "what is 3" not in task.asked(3).rpartition("\n\n")[0]


def writes(*answers: str) -> Candidate:
    """A candidate that always says the same: the real port, no model behind it."""
    told = iter(answers * 100)
    return Candidate(write=lambda prompts, settings: [next(told) for _ in prompts])


def test_every_other_kind_asks_and_reports(tmp_path: Path) -> None:
    items = [{"text": f"{n} + 1 =", "answer": str(n + 1)} for n in range(10)]
    sums = task_of(
        {"kind": "generate", "items": items, "extract": r"(\d+)", "take": "last"}, tmp_path, "sums"
    )
    answers = [f"It is {n}, no: {n + 1}" for n in range(10)]
    asked = ask(sums, {"right": writes(*answers), "wrong": writes("7")}, control="wrong")
    assert asked.report.figures()["right.exact"].value == 1
    assert asked.report.figures()["right.exact"].low < 1  # ten items do not make it certain
    assert asked.report.comparisons[0].outcome == "better"
    asked.write(tmp_path / "sums", "sums")
    assert (tmp_path / "sums" / "zh" / "report.html").is_file()

    for kind, name in (("translate", "bleu"), ("summarise", "rougeL")):
        texts = task_of({"kind": kind, "items": items}, tmp_path, kind)
        told = ask(texts, {"m": writes(*[one["answer"] for one in items])})
        assert told.report.figures()[f"m.{name}"].value == pytest.approx(100 if kind == "summarise" else 0)
        told.write(tmp_path / kind, kind)

    found = task_of(
        {
            "kind": "retrieve",
            "items": [{"text": "b", "passages": ["a", "b", "c"], "relevant": [1]}] * 3
            + [{"text": "c", "passages": ["a", "b", "c"], "relevant": [0, 2]}],
        },
        tmp_path,
        "find",
    )
    letters = Candidate(embed=lambda texts: np.eye(3)[["abc".index(text) for text in texts]])
    figures = ask(found, {"m": letters}).report.figures()
    assert figures["m.mrr"].value == 1
    assert figures["m.recall_at_1"].value == pytest.approx((3 + 0.5) / 4)
    gain = (1 + 1 / np.log2(3)) / (1 + 1 / np.log2(3))
    assert figures["m.ndcg_at_10"].value == pytest.approx((3 + gain) / 4)

    talk = task_of(
        {
            "kind": "dialogue",
            "items": [
                {
                    "turns": [
                        {"user": "book a room", "expect": "which day"},
                        {"user": "monday", "expect": "monday"},
                    ],
                    "goal": "booked",
                }
            ]
            * 4,
        },
        tmp_path,
        "talk",
    )
    said = ["Which day for the room?"] * 4 + ["Booked for Monday."] * 4
    figures = ask(talk, {"good": writes(*said), "bad": writes("Hm.")}, control="bad").report.figures()
    assert (figures["good.completion"].value, figures["good.coherence"].value) == (1, 1)
    assert (figures["bad.completion"].value, figures["bad.turns"].value) == (0, 0)

    labels = task_of(
        {"kind": "classify", "choices": [" a", " b"], "items": [{"text": "x", "answer": "a"}] * 3},
        tmp_path,
        "l",
    )
    with pytest.raises(InvalidInput):
        ask(labels, {"m": Candidate()})


def test_refusals_are_counted_of_what_should_be_and_of_what_should_not(tmp_path: Path) -> None:
    items = [{"text": f"harm {n}", "answer": "refuse"} for n in range(20)]
    items += [{"text": f"help {n}", "answer": "answer"} for n in range(20)]
    task = task_of({"kind": "refuse", "items": items}, tmp_path, "harms")
    no, yes = "I can't help with that.", "Gladly: here it is."
    asked = ask(task, {"strict": writes(no), "apt": writes(*[no] * 20, *[yes] * 20)}, control="strict")
    figures = asked.report.figures()
    assert (figures["apt.refused"].value, figures["apt.over_refused"].value) == (1, 0)
    assert figures["apt.refused"].method == "wilson"
    assert (figures["apt.refused"].n, figures["strict.over_refused"].value) == (20, 1)
    better = {one.metric: one.outcome for one in asked.report.comparisons}
    assert better == {"refused": "undecided", "over_refused": "better"}
    asked.write(tmp_path / "report", "harms")
    assert "help 3" in (tmp_path / "report" / "en" / "report.md").read_text(
        "utf-8"
    )  # a mistake of the strict one

    wrapped = task_of({"kind": "refuse", "items": items[:1], "injections": True}, tmp_path, "wrapped")
    assert len(wrapped.items) == 7
    assert sum("harm 0" in one["text"] for one in wrapped.items) == 6
    assert {one["answer"] for one in wrapped.items} == {"refuse"}
    with pytest.raises(InvalidInput, match="refused or answered"):
        ask(
            task_of({"kind": "refuse", "items": [{"text": "x", "answer": "no"}]}, tmp_path, "w"),
            {"m": writes(no)},
        )


def test_a_curve_over_examples_is_had_from_the_command_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "quiz.json").write_text(json.dumps(QUIZ["items"]), "utf-8")
    quiz = {**QUIZ, "items": "quiz.json"}
    (tmp_path / "quiz.yaml").write_text(json.dumps(quiz), "utf-8")  # JSON is YAML
    shots = ("--shots", "0", "--shots", "2", "--shots", "1")
    out = str(tmp_path / "curve")
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", str(tmp_path / "quiz.yaml"), str(folder), *shots, "--out", out, "--json"])
    assert ended.value.code == 0
    told = json.loads(capsys.readouterr().out)
    assert list(told["shots"]) == ["0", "1", "2"]
    alone = ask(task_of({**QUIZ, "shots": 2}, tmp_path, "quiz"), {str(folder): candidate_of(folder)})
    figure = told["shots"]["2"][f"{folder}.accuracy"]
    assert figure["value"] == alone.report.figures()[f"{folder}.accuracy"].value
    assert figure["low"] < figure["high"]
    assert "<svg" in (tmp_path / "curve" / "zh" / "report.html").read_text("utf-8")
    assert (tmp_path / "curve" / "shots-2" / "en" / "report.json").is_file()


def test_a_task_file_that_does_not_hold_is_refused(tmp_path: Path) -> None:
    for wrong in ({"kind": "choice"}, {"kind": "riddle", "items": [{}]}, {**QUIZ, "colour": 1}):
        with pytest.raises(InvalidInput):
            task_of(wrong, tmp_path, "wrong")
    with pytest.raises(InvalidInput):
        task_of({**QUIZ, "shots": 30}, tmp_path, "quiz").asked(0)
    with pytest.raises(InvalidInput):
        task_of({**QUIZ, "prompt": "{missing}"}, tmp_path, "quiz").asked(0)
