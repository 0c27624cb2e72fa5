"""Loading again in one process: only what an edit affects is executed, and the outcome is that of a fresh load."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from assetbuild.errors import DefinitionError
from assetbuild.load.definitions import load_definitions
from assetbuild.load.importer import Importer
from assetbuild.load.stage import Stage, load_stage

SHOP = {
    "assetbuild.toml": 'definitions = ["shop.raw", "shop.report", "extra"]\n',
    "shop/__init__.py": "",
    "shop/text.py": "NAMES = ['a', 'b']\n\ndef clean(text):\n    return text.strip()\n",
    "shop/raw.py": """
from assetbuild import asset, source
from shop.text import clean

prices = source("prices", "prices.csv", optional=True)

@asset
def orders() -> str:
    return clean(" orders ")
""",
    "shop/report.py": """
from assetbuild import Config, asset

class Limits(Config):
    high: int = 3

@asset
def report(orders: str, config: Limits) -> str:
    return orders * config.high
""",
    "extra.py": """
from assetbuild import asset

@asset
def extra() -> int:
    return 1
""",
}


class Shop:
    """A project folder that is loaded again and again in this process."""

    def __init__(self, root: Path, files: Mapping[str, str]) -> None:
        self.root = root
        for name, text in files.items():
            self.write(name, text)
        self.stage = load_stage(root, None, (), functions=True)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def edit(self, name: str, before: str, after: str) -> None:
        text = (self.root / name).read_text(encoding="utf-8")
        assert before in text
        self.write(name, text.replace(before, after))

    def reload(self) -> set[str]:
        """Load again, and return the modules that were executed."""
        self.stage = load_stage(self.root, None, (), previous=self.stage)
        assert self.stage.loaded is not None
        return set(self.stage.loaded.definitions.importer.journal.entries) - self.stage.kept_modules

    def call(self, key: str, *arguments: object) -> object:
        return self.stage.graph.assets[key].definition.function(*arguments)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    yield Shop(tmp_path, SHOP)
    forget(tmp_path)


def forget(root: Path) -> None:
    importer = Importer(root)
    importer.install()
    importer.purge()
    importer.uninstall()


def test_nothing_changed_executes_nothing(shop: Shop) -> None:
    assert shop.reload() == set()


def test_a_leaf_is_executed_alone(shop: Shop) -> None:
    kept = shop.stage.graph.assets["orders"].definition
    shop.edit("extra.py", "return 1", "return 2")
    assert shop.reload() == {"extra"}
    assert shop.call("extra") == 2
    assert shop.stage.graph.assets["orders"].definition is kept


def test_importers_are_executed_with_what_they_import(shop: Shop) -> None:
    shop.edit("shop/text.py", "text.strip()", "text.strip().upper()")
    assert shop.reload() == {"shop.text", "shop.raw"}
    assert shop.call("orders") == "ORDERS"


def test_a_package_takes_its_modules_with_it(shop: Shop) -> None:
    shop.write("shop/__init__.py", "RATE = 2\n")
    assert shop.reload() == {"shop", "shop.text", "shop.raw", "shop.report"}


def test_a_module_of_definitions_that_is_gone_is_an_error_and_the_old_ones_stay(shop: Shop) -> None:
    (shop.root / "extra.py").unlink()
    with pytest.raises(DefinitionError):
        shop.reload()
    assert shop.call("orders") == "orders"


def test_an_error_leaves_the_last_modules_in_place_and_is_mended(shop: Shop) -> None:
    modules = {name: sys.modules[name] for name in ("shop", "shop.text", "shop.raw", "extra")}
    shop.edit("shop/text.py", "def clean(text):", "def clean(text:")
    with pytest.raises(DefinitionError, match="not valid Python"):
        shop.reload()
    assert {name: sys.modules[name] for name in modules} == modules
    assert sys.modules["shop"].text is modules["shop.text"]
    shop.edit("shop/text.py", "def clean(text:", "def clean(text):")
    shop.edit("shop/text.py", "text.strip()", "text.strip() + '!'")
    shop.reload()
    assert shop.call("orders") == "orders!"


def test_a_registry_that_the_edited_module_fills_is_executed_too(tmp_path: Path) -> None:
    shop = Shop(
        tmp_path,
        {
            "assetbuild.toml": 'definitions = ["plugin", "assets"]\n',
            "registry.py": "FOUND = {}\n\ndef register(f):\n    FOUND[f.__name__] = f\n    return f\n",
            "plugin.py": "from registry import register\n\n@register\ndef one():\n    return 1\n",
            "assets.py": """
from assetbuild import asset
from registry import FOUND

@asset
def total() -> int:
    return sum(f() for f in FOUND.values())
""",
        },
    )
    try:
        shop.edit("plugin.py", "def one():\n    return 1", "def two():\n    return 2")
        assert shop.reload() == {"registry", "plugin", "assets"}
        assert shop.call("total") == 2
    finally:
        forget(tmp_path)


def test_a_changed_data_file_executes_everything(tmp_path: Path) -> None:
    shop = Shop(
        tmp_path,
        {
            "assets.py": """
import pathlib
from assetbuild import asset
import helper

TITLE = pathlib.Path(__file__).with_name("title.txt").read_text()

@asset
def title() -> str:
    return TITLE
""",
            "helper.py": "",
            "title.txt": "one",
        },
    )
    try:
        shop.write("title.txt", "two")
        assert shop.reload() == {"assets", "helper"}
        assert shop.call("title") == "two"
    finally:
        forget(tmp_path)


def test_a_module_that_is_no_longer_imported_is_forgotten(shop: Shop) -> None:
    shop.edit("shop/raw.py", "from shop.text import clean\n", "clean = str.strip\n")
    assert shop.reload() == {"shop.raw"}
    assert "shop.text" not in sys.modules
    assert not hasattr(sys.modules["shop"], "text")


@pytest.mark.parametrize("seed", range(8))
def test_after_random_edits_a_reload_equals_a_fresh_load(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    shop = Shop(tmp_path, _random_project(chance))
    executed = []
    try:
        for _ in range(6):
            _random_edit(shop, chance)
            modules = set(shop.stage.loaded.definitions.importer.journal.entries)  # type: ignore[union-attr]
            executed.append(len(shop.reload()) / len(modules))
            seen = _outcome(shop.stage)
            loaded = _loaded_modules()
            fresh = load_stage(tmp_path, None, (), functions=True)
            assert seen == _outcome(fresh)
            assert loaded == _loaded_modules()
            shop.stage = fresh
        assert min(executed) < 1
    finally:
        forget(tmp_path)


def _outcome(stage: Stage) -> dict[str, Any]:
    """Return what can be seen of a stage: its graph, its recipes, and what its functions give."""
    found: dict[str, Any] = {"order": list(stage.graph.assets)}
    for key, asset in stage.graph.assets.items():
        found[key] = (stage.recipes.recipe(key), asset.inputs, asset.origin, _given(asset.definition.function))
    return found


def _loaded_modules() -> set[str]:
    return {name for name in sys.modules if name.startswith("p.") or (name[:1] == "m" and name[1:].isdigit())}


def _given(function: Any) -> object:
    try:
        return function()
    except Exception as error:  # noqa: BLE001  # what it raises is an outcome too
        return repr(error)


def _random_project(chance: random.Random) -> dict[str, str]:
    """Return modules in layers, which import, decorate, derive, register and read from those below."""
    files = {
        "assetbuild.toml": 'definitions = ["m8", "m9", "p.m7"]\n',
        "p/__init__.py": "",
    }
    for number in range(10):
        files[_file(number)] = _module(number, chance)
    return files


def _file(number: int) -> str:
    return f"p/m{number}.py" if number % 3 == 1 else f"m{number}.py"


def _name(number: int) -> str:
    return f"p.m{number}" if number % 3 == 1 else f"m{number}"


def _module(number: int, chance: random.Random) -> str:
    below = chance.sample(range(number), min(number, chance.randint(1, 3)))
    lines = ["import functools", "from assetbuild import asset", ""]
    used = []
    for other in below:
        style = chance.randint(0, 3)
        if style == 0:
            lines.append(f"from {_name(other)} import f{other}, LIST{other}, deco{other}, Base{other}")
        elif style == 1:
            lines.append(f"import {_name(other)} as n{other}")
            names = ", ".join(f"{part}{other}" for part in ("f", "LIST", "deco", "Base"))
            lines.append(
                f"{names} = n{other}.f{other}, n{other}.LIST{other}, n{other}.deco{other}, n{other}.Base{other}"
            )
        elif style == 2:
            lines.append(f"from {_name(other)} import *")
        else:
            lines.append(f"def lazy{other}():\n    from {_name(other)} import f{other}\n    return f{other}()")
            continue
        used.append(other)
    lines += [
        f"LIST{number} = [{chance.randint(0, 9)}]",
        f"SEEN{number} = {{}}",
        f"def f{number}():",
        f"    return {chance.randint(0, 99)}" + "".join(f" + f{other}()" for other in used),
        f"def deco{number}(f):",
        f"    SEEN{number}[f.__name__] = f" if chance.random() < 0.3 else "    pass",
        "    return f",
        f"class Base{number}:",
        f"    size = {chance.randint(0, 9)}",
    ]
    for other in used:
        style = chance.randint(0, 6)
        if style == 0:
            lines.append(f"LIST{other}.append({number})")
        elif style == 1:
            lines.append(f"@deco{other}\ndef d{number}():\n    return {chance.randint(0, 9)}")
        elif style == 2:
            lines.append(f"class Derived{number}(Base{other}):\n    extra = {chance.randint(0, 9)}")
        elif style == 3:
            lines.append(f"VALUE{number} = f{other}() + sum(LIST{other})")
        elif style == 4:
            lines.append(f"Base{other}.size = {chance.randint(0, 9)}")
    lazy = [other for other in below if other not in used]
    values = [f"f{number}()", f"sum(LIST{number})", f"sorted(SEEN{number})", f"Base{number}.size"]
    values += [f"lazy{other}()" for other in lazy]
    lines += ["@asset", f"def a{number}():", f"    return [{', '.join(values)}]", ""]
    return "\n".join(lines)


def _random_edit(shop: Shop, chance: random.Random) -> None:
    number = chance.randint(0, 9)
    kind = chance.random()
    if kind < 0.6:
        shop.write(_file(number), _module(number, chance))
    elif kind < 0.9:
        text = (shop.root / _file(number)).read_text()
        shop.write(_file(number), text.replace("size = ", "size = 1") + f"# {chance.random()}\n")
    else:
        roots = chance.sample([_name(other) for other in range(10)], 3)
        shop.write("assetbuild.toml", "definitions = [" + ", ".join(f'"{root}"' for root in roots) + "]\n")


def test_a_worker_executes_what_differs_in_its_bundle(shop: Shop) -> None:
    settings, managers = shop.stage.settings, shop.stage.io_managers
    bundle = dict(shop.stage.bundle() or {})
    first = load_definitions(settings, managers, bundle=bundle)
    path = str(shop.root / "extra.py")
    second = load_definitions(
        settings, managers, bundle={**bundle, path: SHOP["extra.py"].replace("1", "7").encode()}, previous=first
    )
    assert second.kept == {"shop", "shop.text", "shop.raw", "shop.report"}
    assert second.graph.assets["extra"].definition.function() == 7
    assert second.graph.assets["orders"].definition is first.graph.assets["orders"].definition
    with pytest.raises(DefinitionError):
        load_definitions(settings, managers, bundle={**bundle, path: b"raise ValueError"}, previous=second)
    assert sys.modules["extra"].extra.function() == 7
