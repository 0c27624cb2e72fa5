"""Where modules only define, a worker loads the module of the asset alone; else it loads all of them, as ever."""

from __future__ import annotations

import ast
import textwrap

import pytest

from assetbuild.fingerprint.code.quiet import is_quiet

SETTINGS = 'definitions = ["one", "two"]\n'
ONE = """
import logging
from assetbuild import asset
LOG = logging.getLogger(__name__)

@asset
def a() -> int:
    return 1
"""
TWO = """
import logging
import sys
from assetbuild import asset

@asset
def b(a: int) -> str:
    loaded = (sys.path, logging.root.manager.loggerDict)[1]
    return f"{a} {'one' in loaded}"
"""


@pytest.fixture
def shop(project):
    project.write("assetbuild.toml", SETTINGS)
    project.write("one.py", ONE)
    project.write("two.py", TWO)
    return project


def edited(shop, old, new):
    """Return the value of ``b`` after an edit of its body."""
    text = shop.path("two.py").read_text()
    assert old in text
    shop.write("two.py", text.replace(old, new))
    shop.run("materialize", cold=True)
    return shop.values()["b"]


def test_a_worker_loads_the_module_of_the_asset_alone(shop):
    shop.run("materialize", cold=True)
    assert shop.values()["b"] == "1 True"
    assert edited(shop, '"{a} ', '"now {a} ') == "now 1 False"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("one.py", "import warnings\nwarnings.simplefilter('ignore')\n" + ONE),
        ("one.py", "import helper\nhelper.KNOWN.append(1)\n" + ONE),
        ("helper.py", "KNOWN = []\nKNOWN.append(1)\n"),
    ],
    ids=["a setting of a library", "a list of another module", "a call for effect"],
)
def test_a_module_that_does_something_makes_all_be_loaded(shop, name, text):
    shop.write("helper.py", "KNOWN = []\n")
    shop.write("two.py", "import helper\n" + TWO)
    shop.write(name, text)
    shop.run("materialize", cold=True)
    assert edited(shop, '"{a} ', '"now {a} ') == "now 1 True"


def test_an_edit_that_looks_at_all_modules_makes_all_be_loaded(shop):
    shop.run("materialize", cold=True)
    assert edited(shop, "logging.root.manager.loggerDict)[1]", "sys.modules)[1]") == "1 True"


def test_a_module_that_cannot_be_imported_first_is_loaded_with_the_others(shop):
    shop.write("one.py", "from assetbuild import asset\nSIZE = 4\nimport two\n" + ONE)
    shop.write("two.py", "from one import SIZE\n" + TWO.replace("{a} ", "{a} {SIZE} "))
    shop.run("materialize", cold=True)
    assert edited(shop, '"{a} ', '"now {a} ') == "now 1 4 True"


def test_what_other_modules_import_is_there(shop):
    shop.write("one.py", "from xml.dom import minidom\nimport concurrent.futures\n" + ONE)
    shop.write("two.py", "import concurrent\nimport xml\n" + TWO)
    shop.run("materialize", cold=True)
    there = edited(shop, "{'one' in loaded}", "{xml.dom.minidom.Node.TEXT_NODE} {concurrent.futures.ALL_COMPLETED}")
    assert there == "1 3 ALL_COMPLETED"


def test_settings_and_several_modules_in_one_worker(shop):
    shop.write(
        "one.py",
        ONE.replace("import asset", "import Config, asset")
        .replace("def a()", "def a(config: Limits)")
        .replace("return 1", "return config.limit")
        .replace("@asset", "class Limits(Config):\n    limit: int = 7\n\n@asset"),
    )
    shop.run("materialize", cold=True)
    text = shop.path("one.py").read_text()
    shop.write("one.py", text.replace("return config.limit", "return config.limit + 1"))
    assert edited(shop, '"{a} ', '"now {a} ') == "now 8 True"


@pytest.mark.parametrize(
    "text",
    [
        "'''What it is.'''\nfrom __future__ import annotations\nimport pyarrow as pa\nfrom helper import base\n",
        "from assetbuild import Config, asset\nclass L(Config):\n    x: int = 0\n@asset(deps=['x'])\ndef a(): f()",
        "import assetbuild as ab\n@ab.asset\ndef a(x: 'int' = 3): return open('f')",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pandas\n",
        "try:\n    import fast\nexcept ImportError:\n    fast = None\n",
        "import logging, re\nLOG = logging.getLogger(__name__)\nP = re.compile('x')",
        "from pathlib import Path\nF = Path(__file__).parent / 'x'",
        "from dataclasses import dataclass, field\n@dataclass(frozen=True)\nclass P:\n    y: list = field()",
        "from enum import Enum\nclass C(Enum):\n    A = 1\n",
        "import functools\n@functools.cache\ndef f(): pass",
        "A, B = 1, [int('3'), *range(4)]\nC = ','.join(['a'])\nf = lambda x: x",
        "import os\nHOME = os.environ.get('HOME', '')",
        "if __name__ == '__main__':\n    main()\n",
        "class E(Exception):\n    pass",
    ],
)
def test_quiet(text):
    assert is_quiet(ast.parse(textwrap.dedent(text)))


@pytest.mark.parametrize(
    "text",
    [
        "print('x')",
        "import numpy as np\nnp.random.seed(0)",
        "import pandas as pd\npd.options.mode.copy_on_write = True",
        "import pandas as pd\n@pd.api.extensions.register_dataframe_accessor('x')\nclass X: pass",
        "import pyarrow as pa\nS = pa.schema([])",
        "from helper import make\nX = make()",
        "from helper import registry\n@registry.add\ndef f(): pass",
        "from helper import Base\nclass X(Base): pass",
        "class X(metaclass=type): pass",
        "from helper import *",
        "import os\nos.environ['A'] = 'b'",
        "import sys\nsys.setrecursionlimit(9)",
        "x = {}\nx['a'] = 1",
        "def f(): pass\nX = f()",
        "def f(): pass\nX = [f() for _ in range(3)]",
        "def g(x=register()): pass",
        "def g(x: register(1)): pass",
        "for i in range(3): pass",
        "with open('f') as f: pass",
        "def int(x): pass\nX = int('3')",
        "try:\n    import fast\nexcept ImportError:\n    install()\n",
        "if (x := make()): pass",
        "class X:\n    y = make()",
        "exec('1')",
        "X = open('f').read()",
        "import functools\nfrom helper import f\nX = functools.reduce(f, [1, 2])",
        "del x.y",
        "if __name__ != '__main__':\n    install()",
        "if __name__ == '__main__':\n    main()\nelse:\n    install()",
        "from helper import KNOWN\nKNOWN += [1]",
        "import functools\nfrom helper import add\nX = functools.partial(add, 1)()",
        "import re\nX = re.compile('x')()",
        "assert check()",
    ],
)
def test_not_quiet(text):
    assert not is_quiet(ast.parse(textwrap.dedent(text)))
