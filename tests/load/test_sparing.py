"""A sparing load lets go of what it has used, and tells the very recipes and leaves that any other load tells."""

from __future__ import annotations

import marshal
import shutil
from pathlib import Path
from typing import Any

import pytest

from assetbuild.fingerprint.code import index as index_module
from assetbuild.fingerprint.code import modules as modules_module
from assetbuild.load.leaves import unpacked
from assetbuild.load.stage import load_stage

ASSETS = '''
import math
import os

from assetbuild import Config, asset, multi_asset
import helpers

class Limits(Config):
    limit: int = 3

@asset
def raw(config: Limits) -> int:
    """The first."""
    return helpers.twice(config.limit)

@asset
def again(raw: int) -> int:
    if raw:
        return again.function(0)
    return math.floor(1.5)

@asset
def used(raw: int) -> int:
    return int(os.environ.get("SHOP_MODE", "1"))

@asset
def user(used: int) -> int:
    return helpers.call(plain) + math.ceil(1.5)

def plain() -> int:
    return 1

@multi_asset(outs=["left", "right"])
def both(user: int):
    return user, os.environ.get("SHOP_" + str(user))

@asset(code_version="1")
def told(raw: int) -> int:
    return raw
'''
HELPERS = """
K = 2
def twice(x):
    return x * K
def call(f):
    return f()
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "assets.py").write_text(ASSETS)
    (tmp_path / "helpers.py").write_text(HELPERS)
    (tmp_path / "assetbuild.toml").write_text("[config.raw]\nlimit = 4\n")
    return tmp_path


def kept(root: Path, *, sparing: bool) -> tuple[Any, ...]:
    """Load the project; return its recipes, and the leaves as they were written."""
    state = root / ".assetbuild"
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir()
    stage = load_stage(root, None, (), sparing=sparing)
    assert stage.has_functions
    assert not stage.unkept
    loaded = stage.recipes
    recipes = {
        key: (loaded.recipe(key), loaded.stem(key), loaded.plain(key), loaded.widened(key))
        for key in stage.graph.assets
    }
    written = unpacked((state / "leaves").read_bytes(), ((state / "manifest").read_bytes(),))
    leaves = {}
    for path, data in written.items():
        *outline, functions = marshal.loads(data)
        leaves[path] = (
            outline,
            {name: (own, marshal.loads(leaf), *rest) for name, (own, flags, leaf, *rest) in functions.items()},
        )
    return recipes, leaves


@pytest.mark.parametrize("whole", [0, 250_000], ids=["trees put away", "trees held"])
@pytest.mark.parametrize("is_dynamic", [False, True])
def test_a_sparing_load_keeps_the_same(
    root: Path, whole: int, is_dynamic: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(modules_module, "_WHOLE", whole)
    monkeypatch.setattr(index_module, "_BLOCK", 1)
    if is_dynamic:  # whole modules count then
        (root / "helpers.py").write_text(HELPERS.replace("f()", "eval('f()')"))
    recipes, leaves = kept(root, sparing=True)
    assert (recipes, leaves) == kept(root, sparing=False)
    assert any(widened for *_, widened in recipes.values())
    found = set(leaves[str(root / "assets.py")][1]) if leaves else set()
    assert found == (set() if is_dynamic else {"raw", "user"})
