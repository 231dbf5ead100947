"""Items and histories as a chain declares them, asked as a user does; an item whose file went is told no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from catenary.digest import file_sha256
from tests.serve.chains import store_of
from tests.stages.mail import catenary

CHAIN = """\
schema: 1
project: {name: shop, languages: [zh, en]}
sources:
  items: {path: items, licence: CC0-1.0}
  baskets: {path: baskets, licence: CC0-1.0}
datasets:
  items: {from: [items]}
  baskets: {from: [baskets], steps: [normalise]}
indexes:
  items: {kind: passages, from: items}
apps:
  shop: {kind: recommend, index: items, histories: baskets, items: 2}
"""
ITEMS = {
    "tea.md": "# 绿茶\n\n浙江绿茶，清香。\n",
    "pot.md": "# 茶壶\n\n宜兴紫砂壶。\n",
    "bread.md": "# 面包\n\n用全麦面粉烤成。\n",
}


@pytest.mark.slow
def test_an_item_goes_with_the_history_until_its_file_goes(tmp_path: Path) -> None:
    for name in ("items", "baskets"):
        (tmp_path / name).mkdir()
    for name, text in ITEMS.items():
        (tmp_path / "items" / name).write_text(text, "utf-8")
    for number, basket in enumerate(("绿茶\n茶壶\n", "绿茶\n茶壶\n")):
        (tmp_path / "baskets" / f"{number}.txt").write_text(basket, "utf-8")
    (tmp_path / "catenary.yaml").write_text(CHAIN, "utf-8")
    catenary(tmp_path, "run").check_returncode()
    told = catenary(tmp_path, "ask", "shop", "绿茶", "--unreleased")
    assert "1. 茶壶 – 2 份历史中它与绿茶同在" in told.stdout, told.stderr
    with store_of(tmp_path) as store:
        made = store.receipts(limit=1)[0].body["made"]
        baskets = store.get(made["histories"])
    assert made["histories_files"] == {
        path: file_sha256(baskets.path / path) for path in made["histories_files"]
    }
    assert any(path.startswith("train") for path in made["histories_files"])
    (tmp_path / "items/pot.md").unlink()
    catenary(tmp_path, "run").check_returncode()
    assert "茶壶" not in catenary(tmp_path, "ask", "shop", "绿茶", "--unreleased").stdout


@pytest.mark.slow
def test_histories_that_somebody_changed_are_not_read(tmp_path: Path) -> None:
    for name, texts in (("items", ITEMS), ("baskets", {"1.txt": "绿茶\n茶壶\n"})):
        (tmp_path / name).mkdir()
        for file, text in texts.items():
            (tmp_path / name / file).write_text(text, "utf-8")
    (tmp_path / "catenary.yaml").write_text(CHAIN, "utf-8")
    catenary(tmp_path, "run").check_returncode()
    with store_of(tmp_path) as store:
        folder = store.get(store.links("shop")["datasets.baskets"].artifact_id).path
    shard = next(path for path in sorted(folder.rglob("*.parquet")) if "train" in path.name)
    shard.chmod(0o600)
    shard.write_bytes(shard.read_bytes() + b" ")
    told = catenary(tmp_path, "ask", "shop", "绿茶", "--unreleased")
    assert told.returncode != 0
    assert shard.name in told.stdout + told.stderr
