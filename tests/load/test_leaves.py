"""Edits of asset functions are taken into the manifest without a load, and exactly when that gives the same."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assetbuild.errors import DefinitionError
from assetbuild.load.importer import Importer
from assetbuild.load.stage import Stage, load_stage
from tests.fingerprint.corpus_cases import Case, read_corpus

MODULE = '''"""Assets."""
import os
import math
from math import floor
import helpers
from helpers import clean, RATES
from assetbuild import asset, source

LIMIT = 3

orders = source("orders", "orders.txt", optional=True)


@asset
def first():
    """The first."""
    rows = [1, 2]
    return [clean(row) for row in rows if row < LIMIT]


@asset(group="g")
def second(first):
    # a comment
    total = math.floor(sum(first)) + floor(2.5)
    return total * RATES["a"] + helpers.plus(1)


@asset
def third(second):
    return second + int(os.environ.get("SHOP_N", "1"))


@asset
def fourth(third):
    return third + helpers.plus(2) + LIMIT
'''
HELPERS = "RATES = {'a': 2}\n\ndef clean(x):\n    return x\n\ndef plus(x):\n    return x + 1\n"


class Shop:
    def __init__(self, root: Path) -> None:
        self.root = root
        (root / ".assetbuild").mkdir()
        (root / "assets.py").write_text(MODULE)
        (root / "helpers.py").write_text(HELPERS)
        load_stage(root, None, (), functions=True)

    def edit(self, before: str, after: str, file: str = "assets.py") -> None:
        text = (self.root / file).read_text()
        assert before in text
        (self.root / file).write_text(text.replace(before, after))

    def is_taken_in(self) -> bool:
        """Load as a command does; whether that was done without importing, the outcome must be that of a load."""
        stage = load_stage(self.root, None, ())
        again = load_stage(self.root, None, ())
        assert seen(again) == seen(stage)
        assert not again.has_functions
        assert seen(stage) == seen(load_stage(self.root, None, (), functions=True))
        return not stage.has_functions


def seen(stage: Stage) -> dict[str, Any]:
    found: dict[str, Any] = {"files": dict(stage.files), "bundle": stage.bundle()}
    for key, asset in stage.graph.assets.items():
        found[key] = (stage.recipes.recipe(key), asset.origin, asset.inputs, asset.out, stage.recipes.widened(key))
    for key, source in stage.graph.sources.items():
        found[key] = source.origin
    return found


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    yield Shop(tmp_path)
    forget(tmp_path)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("rows = [1, 2]", "rows = [1, 2, 3]"),
        ("rows = [1, 2]", "rows = [1, 2]\n    rows.append(3)"),
        ("rows = [1, 2]", "rows = [max(1, 0), 2]"),
        ("math.floor(sum(first))", "math.ceil(sum(first))"),
        ("# a comment", "# another"),
        ("\n\n@asset\ndef fourth", "\n\n# a comment\n\n\n@asset\ndef fourth"),
        ("helpers.plus(1)", "helpers.plus(7)"),
        ("clean(row) for row", "clean(row * 2) for row"),
    ],
)
def test_the_body_of_a_leaf_is_taken_in(shop: Shop, before: str, after: str) -> None:
    shop.edit(before, after)
    assert shop.is_taken_in()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("LIMIT = 3", "LIMIT = 4"),
        ('"""The first."""', '"""The very first."""'),
        ("def second(first):", "def second(first, deps=3):"),
        ('@asset(group="g")', '@asset(group="h")'),
        ("rows = [1, 2]", "rows = [LIMIT, 2]; import json; json"),
        ("third + helpers.plus(2)", "third + helpers.clean(2)"),
        ('"SHOP_N"', '"SHOP_M"'),
        ("total = math", "total = os.getpid() + math"),
        ("rows = [1, 2]", "rows = [1, 2"),
        ("rows = [1, 2]", "nonlocal rows"),
        ("rows = [1, 2]", "rows = eval('[1, 2]')"),
        ("rows = [1, 2]", "rows = [1, 2]\n    yield rows"),
        ("rows = [1, 2]", "rows = [first, 2]"),
        ("return third +", "return third.__doc__ or third +"),
        ("@asset\ndef fourth", "@asset\ndef extra():\n    return 1\n\n\n@asset\ndef fourth"),
    ],
)
def test_everything_else_is_loaded(shop: Shop, before: str, after: str) -> None:
    shop.edit(before, after)
    if after in {"rows = [1, 2", "nonlocal rows"}:
        with pytest.raises(DefinitionError, match="not valid Python"):
            load_stage(shop.root, None, ())
    else:
        assert not shop.is_taken_in()


def test_an_asset_that_other_code_names_is_loaded(shop: Shop) -> None:
    shop.edit("return third +", "return (first if third else 0) or third +")
    assert not shop.is_taken_in()
    shop.edit("rows = [1, 2]", "rows = [1, 2, 3]")
    assert not shop.is_taken_in()


def test_a_change_of_another_file_is_loaded(shop: Shop) -> None:
    shop.edit("return x + 1", "return x + 2", "helpers.py")
    assert not shop.is_taken_in()


@pytest.mark.parametrize("damage", [b"", b"garbage", None])
def test_without_its_leaves_a_manifest_is_loaded_again(shop: Shop, damage: bytes | None) -> None:
    path = shop.root / ".assetbuild/leaves"
    path.write_bytes(path.read_bytes()[:-5] if damage is None else damage)
    shop.edit("rows = [1, 2]", "rows = [1, 2, 3]")
    assert not shop.is_taken_in()


@pytest.mark.parametrize("seed", range(5))
def test_edits_in_a_row_give_what_a_load_gives(shop: Shop, seed: int) -> None:
    chance = random.Random(seed)
    pieces = ["rows = [1, 2]", "# a comment", "math.floor", "helpers.plus(2)", "return second", "LIMIT\n", '"a"']
    for _ in range(8):
        piece = chance.choice(pieces)
        text = (shop.root / "assets.py").read_text()
        if piece in text:
            more = (
                chance.choice(["{} # x", "{}\n\n    # y", "{}"]).format(piece) if piece[-1] != "\n" else f"{piece}# z\n"
            )
            (shop.root / "assets.py").write_text(text.replace(piece, more.replace("2", chance.choice("2345")), 1))
            try:
                compile((shop.root / "assets.py").read_text(), "x", "exec")
            except SyntaxError:
                (shop.root / "assets.py").write_text(text)
        shop.is_taken_in()


@pytest.mark.parametrize("case", read_corpus()[::9], ids=lambda case: f"{case.group}: {case.title}")
def test_the_edits_of_the_corpus_give_what_a_load_gives(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in case.env.items():
        monkeypatch.setenv(name, value)
    (tmp_path / ".assetbuild").mkdir()
    try:
        for files in (case.before, case.after):
            for name, text in files.items():
                path = tmp_path / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(_with_assets(text, case) if name == "assets.py" else text)
            stage = load_stage(tmp_path, None, ())
            assert seen(stage) == seen(load_stage(tmp_path, None, (), functions=True))
    except DefinitionError:  # parameters that are no assets, say
        return
    finally:
        forget(tmp_path)


def _with_assets(text: str, case: Case) -> str:
    names = "|".join(map(re.escape, case.labels))
    text = re.sub(rf"^((?:async )?def (?:{names})\()", r"@asset\n\1", text, flags=re.MULTILINE)
    future = [line for line in text.split("\n") if line.startswith("from __future__")]
    rest = [line for line in text.split("\n") if not line.startswith("from __future__")]
    return "\n".join([*future, "from assetbuild import asset", *rest])


def forget(root: Path) -> None:
    importer = Importer(root)
    importer.install()
    importer.purge()
    importer.uninstall()
