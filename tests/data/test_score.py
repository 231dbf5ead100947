from __future__ import annotations

import numpy as np
import pytest

from catenary.data import curate
from catenary.data.linear_scores import features_of, learn
from catenary.errors import InvalidInput
from tests.data.reviews import reviews

GOOD = [
    f"第{n}章介绍了系统的安装与配置方法，读者可以按照步骤逐一完成，最后检查结果是否正确。" for n in range(40)
]
BAD = [f"点击领取红包{n}元！！！加微信立即返利，名额有限，先到先得，快快快！" for n in range(40)]
NEW_GOOD = "本节说明软件的配置方法，请按照步骤检查系统是否正确安装。"
NEW_BAD = "加微信领取返利红包，名额有限，先到先得！！！"


def test_texts_are_kept_that_are_like_the_good_examples() -> None:
    done = curate([NEW_GOOD, NEW_BAD], [{"score": 0.5}], {"examples": lambda: (GOOD, BAD)})
    assert [one.dropped for one in done.documents] == [None, "score:low"]
    [step] = done.report.steps[1:]
    assert step.notes == {"held_out": 8, "held_out_right": 8}
    bars = done.report.histograms["score"]
    assert sum(bars["before"].values()) == 2
    assert sum(bars["after"].values()) == 1
    assert min(bars["after"]) >= 0.5 > min(bars["before"])


def test_what_is_learnt_tells_real_reviews_apart() -> None:
    texts, labels = reviews(400)
    features = features_of(texts)
    codes = np.array([label == "pos" for label in labels], np.int64)
    train = np.arange(len(codes)) % 5 != 0
    model = learn(features.at(np.flatnonzero(train)), codes[train], 2)
    told = model.probabilities(features.at(np.flatnonzero(~train)))
    assert np.allclose(told.sum(axis=1), 1, atol=1e-5)
    assert (told.argmax(axis=1) == codes[~train]).mean() > 0.75
    again = learn(features.at(np.flatnonzero(train)), codes[train], 2)
    assert np.array_equal(again.weights, model.weights)


def test_without_examples_or_with_too_few() -> None:
    with pytest.raises(InvalidInput, match="examples"):
        curate(["甲"], ["score"])
    with pytest.raises(InvalidInput, match="too few"):
        curate(["甲"], ["score"], {"examples": lambda: (GOOD, BAD[:3])})
