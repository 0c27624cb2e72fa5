"""What a code version tells beyond fresh and stale: parts, packages, environment, what was widened, and errors."""

from __future__ import annotations

import gc
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from assetbuild.errors import DefinitionError
from assetbuild.fingerprint.code.closure import CodeFingerprinter
from assetbuild.fingerprint.code.model import CodeVersion
from assetbuild.load.importer import Importer


class Loaded:
    """A project written and loaded for one test."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.importer: Importer | None = None

    def version(self, *, policy: str = "exact", name: str = "a", **files: str) -> CodeVersion:
        for module, text in files.items():
            (self.root / f"{module}.py").write_text(textwrap.dedent(text))
        self.close()
        self.importer = Importer(self.root)
        with self.importer as importer:
            value = getattr(importer.load("assets"), name)
            fingerprinter = CodeFingerprinter(
                self.root, importer.files, package_policy=policy, import_module=importer.load
            )
            return fingerprinter.code_version(getattr(value, "function", value))

    def close(self) -> None:
        if self.importer is not None:
            self.importer.purge()
            self.importer.uninstall()


@pytest.fixture
def loaded(tmp_path) -> Iterator[Loaded]:
    found = Loaded(tmp_path)
    yield found
    found.close()


def test_parts_say_what_they_are_where_they_stand_and_what_they_say(loaded):
    found = loaded.version(
        assets="from helpers import clean\nLIMIT = 10\n\ndef a():\n    return clean(LIMIT)\n",
        helpers="\n\ndef clean(x):\n    # a comment\n    return x\n",
    )
    assert [(part.subject, part.kind, part.file, part.line, part.text) for part in found.parts.values()] == [
        ("a", "function", "assets.py", 4, "def a():\n    return clean(LIMIT)"),
        ("helpers.clean", "function", "helpers.py", 3, "def clean(x):\n    # a comment\n    return x"),
        ("LIMIT", "value", "assets.py", 2, "10"),
    ]


def test_only_the_part_that_changed_moves(loaded):
    assets = "from helpers import clean\ndef a():\n    return clean(1)\n"
    before = loaded.version(assets=assets, helpers="def clean(x):\n    return x\n")
    after = loaded.version(assets=assets, helpers="def clean(x):\n    return x + 1\n")
    moved = [name for name, part in before.parts.items() if part.version != after.parts[name].version]
    assert moved == ["helpers.clean"]


@pytest.mark.parametrize(
    "text",
    [
        "import os\ndef a():\n    return os.environ['MODE']\n",
        "import os\ndef a():\n    return os.environ.get('MODE', 'x')\n",
        "import os\ndef a():\n    return os.getenv('MODE')\n",
        "from os import environ as e\ndef a():\n    return e['MODE']\n",
        "from os import getenv as g\ndef a():\n    return g('MODE')\n",
        "def a():\n    import os\n    return os.environ['MODE']\n",
        "import os\ndef a():\n    e = os.environ\n    return e['MODE']\n",
        "import os\nNAME = 'MODE'\ndef a():\n    return os.environ[NAME]\n",
        "import os\ndef a():\n    return 'MODE' in os.environ\n",
        "import os\nMODE = os.environ.get('MODE')\ndef a():\n    return MODE\n",
        "import os\nMODE = os.environ.get('MODE')\nFAST = MODE == 'fast'\ndef a():\n    return FAST\n",
        "import os\ndef mode():\n    return os.environ.get('MODE')\nFAST = mode()\ndef a():\n    return FAST\n",
        "import os\nENV = os.environ\ndef a():\n    return ENV['MODE']\n",
        "import os\nclass K:\n    mode = os.environ.get('MODE')\ndef a():\n    return K.mode\n",
        "import os\ndef a(mode=os.environ.get('MODE')):\n    return mode\n",
        "import os\ndef a():\n    return os.path.expandvars('/data/$MODE/x')\n",
        "from os.path import expandvars\ndef a():\n    return expandvars('${MODE}.csv')\n",
        "import os\nPATH = os.path.expandvars('$MODE')\ndef a():\n    return PATH\n",
    ],
)
def test_an_environment_variable_is_found_and_its_value_is_not_code(loaded, monkeypatch, text):
    monkeypatch.setenv("MODE", "fast-and-secret")
    before = loaded.version(assets=text)
    assert before.env == {"MODE"}
    monkeypatch.setenv("MODE", "slow-and-secret")
    assert loaded.version(assets=text).version == before.version
    assert not any("secret" in part.text for part in before.parts.values())


def test_an_environment_variable_of_another_function_is_not_mine(loaded):
    found = loaded.version(assets="import os\ndef b():\n    return os.environ['MODE']\ndef a():\n    return 1\n")
    assert found.env == frozenset()


def test_only_packages_that_the_closure_reaches_count(loaded):
    found = loaded.version(
        assets="import numpy as np\nimport pandas as pd\ndef b():\n    return pd.NA\ndef a():\n    return np.pi\n"
    )
    assert list(found.packages) == ["numpy"]


def test_a_package_imported_in_the_body_counts_without_being_imported(loaded):
    found = loaded.version(assets="def a():\n    import duckdb\n    return duckdb.connect()\n")
    assert list(found.packages) == ["duckdb"]


def test_a_distribution_is_found_under_another_name_than_its_module(loaded):
    found = loaded.version(assets="def a():\n    import dateutil.parser\n    return dateutil.parser.parse('1')\n")
    assert list(found.packages) == ["python-dateutil"]


def test_the_package_policy_decides_how_much_of_a_version_counts(loaded):
    text = "import numpy as np\ndef a():\n    return np.pi\n"
    exact, minor, off = (loaded.version(policy=policy, assets=text) for policy in ("exact", "minor", "off"))
    assert exact.packages["numpy"].startswith(minor.packages["numpy"] + ".")
    assert off.packages == {"numpy": ""}
    assert len({exact.version, minor.version, off.version}) == 3


def test_a_third_party_module_without_a_distribution_counts_by_its_file(loaded, tmp_path_factory, monkeypatch):
    library = tmp_path_factory.mktemp("library")
    monkeypatch.syspath_prepend(str(library))
    (library / "homemade_tool.py").write_text("def f():\n    return 1\n")
    text = "import homemade_tool\ndef a():\n    return homemade_tool.f()\n"
    before = loaded.version(assets=text)
    (library / "homemade_tool.py").write_text("def f():\n    return 2\n")
    assert loaded.version(assets=text).version != before.version
    sys.modules.pop("homemade_tool")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("def a():\n    return eval('1')\n", "calls eval()"),
        ("def a():\n    exec('1')\n", "calls exec()"),
        ("def a(x=1, n='real'):\n    return getattr(x, n)\n", "calls getattr() with a computed name"),
        (
            "import importlib\ndef a(n='json'):\n    return importlib.import_module(n)\n",
            "calls import_module() with a computed name",
        ),
        ("from helpers import *\ndef a():\n    return clean\n", "'clean' comes from a star import"),
        ("import helpers\ndef a():\n    return vars(helpers)\n", "uses the module helpers as a value"),
        (
            "import os\ndef a(n='X'):\n    return os.environ[n]\n",
            "reads an environment variable by a computed name; declare it with env=[...]",
        ),
    ],
)
def test_what_is_widened_is_listed_with_its_reason(loaded, text, reason):
    found = loaded.version(assets=text, helpers="clean = 1\n")
    assert [(said.subject, said.reason, said.file) for said in found.widened] == [("a", reason, "assets.py")]


@pytest.mark.parametrize(
    ("text", "variable", "kind"),
    [
        ("F = open(__file__)\ndef a():\n    return F.read()\n", "F", "_io.TextIOWrapper"),
        ("import socket\nS = socket.socket()\ndef a():\n    return S\n", "S", "socket.socket"),
        ("G = (x for x in [1])\ndef a():\n    return next(G)\n", "G", "generator"),
        ("I = iter([1])\ndef a():\n    return next(I)\n", "I", "list_iterator"),
        ("import ctypes\nP = ctypes.pointer(ctypes.c_int(1))\ndef a():\n    return P\n", "P", "assets.LP_c_int"),
        (
            "class K: pass\nK.f = K()\nK.f.g = open(__file__)\nV = K.f\ndef a():\n    return V\n",
            "V.g",
            "_io.TextIOWrapper",
        ),
        (
            "def make(f):\n    def a():\n        return f.read()\n    return a\na = make(open(__file__))\n",
            "f",
            "_io.TextIOWrapper",
        ),
        ("def a(f=open(__file__)):\n    return f.read()\n", "f", "_io.TextIOWrapper"),
    ],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_cannot_be_fingerprinted_is_an_error_that_names_the_variable(loaded, text, variable, kind):
    with pytest.raises(DefinitionError) as caught:
        loaded.version(assets=text)
    [problem] = caught.value.problems
    facts = dict(problem.facts)
    assert facts["variable"] == variable
    assert kind.rpartition(".")[2] in facts["type"]
    assert problem.file == "assets.py"
    assert problem.line is not None
    assert "code_version=" in problem.advice
    del caught
    loaded.close()
    gc.collect()  # what the module left open is closed here, where its warnings are expected


def test_a_captured_object_without_a_value_widens_and_says_so(loaded):
    found = loaded.version(
        assets="""
        import sqlite3
        def make(con):
            def a():
                return con.execute("select 1").fetchall()
            return a
        a = make(sqlite3.connect(":memory:"))
        """
    )
    assert [said.reason for said in found.widened] == [
        "captured variable 'con' is a sqlite3.Connection, which has no value to compare"
    ]


def test_a_config_default_from_the_clock_or_chance_is_named(loaded):
    found = loaded.version(
        assets="""
        import time, uuid
        from datetime import date
        from pydantic import Field
        from assetbuild import Config
        STARTED = time.time()
        class Settings(Config):
            day: date = date.today()
            since: float = STARTED
            token: str = Field(default_factory=lambda: str(uuid.uuid4()))
            at: float = Field(default_factory=time.time)
            years: list[int] = Field(default_factory=lambda: [date(2024, 1, 1).year])
            minutes: int = 5
        def a(config: Settings):
            return config.minutes
        """
    )
    assert [said.subject for said in found.widened] == ["config day", "config since", "config token", "config at"]
    assert [said.line for said in found.widened] == [8, 9, 10, 11]


CONFIG = """
from assetbuild import Config, asset
from pydantic import field_validator
class Delays(Config):
    minutes: int = {minutes}
    @field_validator("minutes")
    @classmethod
    def check(cls, value):
        return value + {plus}
    def hours(self):
        return self.minutes / {per}
@asset
def a(config: {annotation}):
    return config.hours()
"""


def config(minutes: int = 15, plus: int = 0, per: int = 60, annotation: str = "Delays") -> str:
    return CONFIG.format(minutes=minutes, plus=plus, per=per, annotation=annotation)


def test_the_defaults_of_a_config_are_config_and_its_methods_are_code(loaded):
    base = loaded.version(assets=config()).version
    assert loaded.version(assets=config(minutes=30)).version == base
    assert loaded.version(assets=config(per=3600)).version != base
    assert loaded.version(assets=config(plus=1)).version != base
    assert loaded.version(assets=config(annotation="'Delays'")).version == base


def test_a_first_party_class_of_an_input_is_code(loaded):
    text = "class Model:\n    def predict(self):\n        return {}\ndef a(model: Model):\n    return model.predict()\n"
    assert loaded.version(assets=text.format(1)).version != loaded.version(assets=text.format(2)).version


def test_a_class_has_a_version_of_its_own(loaded):
    files = {"assets": "class Store:\n    def read(self):\n        return 1\ndef a(): ...\n"}
    loaded.version(**files)
    assert loaded.importer is not None
    fingerprinter = CodeFingerprinter(loaded.root, loaded.importer.files)
    found = fingerprinter.class_version(loaded.importer.load("assets").Store)
    assert list(found.parts) == ["Store", "Store.read"]


def test_a_secret_in_a_constant_is_hashed_and_not_shown(loaded):
    found = loaded.version(assets="API_TOKEN = 'abcdefgh'\ndef a():\n    return API_TOKEN\n")
    assert found.parts["API_TOKEN"].text == ""


def test_a_long_chain_of_helpers_is_no_problem(loaded):
    chain = "".join(f"def f{n}():\n    return f{n + 1}()\n" for n in range(3000))
    found = loaded.version(assets=chain + "def f3000():\n    return 1\ndef a():\n    return f0()\n")
    assert len(found.parts) == 3002


def test_a_deep_expression_is_no_problem(loaded):
    terms = " + ".join(f"x{n % 7}" for n in range(1500))
    branches = "".join(f"    elif x == {n}:\n        return {n}\n" for n in range(400))
    loaded.version(assets=f"def a(x=1):\n    if x == -1:\n        return {terms}\n{branches}")


GOLDEN = Path(__file__).parent / "golden_versions.txt"


def test_the_encoding_has_not_changed(loaded):
    found = loaded.version(
        assets='''
        """A bit of everything."""
        import math
        from dataclasses import dataclass
        from enum import Enum
        LIMIT = 10
        NAMES = {"x": [1, 1.5, True, None, b"y"], "s": {"b", "a"}}
        class Color(Enum):
            RED = 1
        @dataclass(frozen=True)
        class Point:
            x: int = 1
            def norm(self) -> float:
                return abs(self.x) * -1
        def times(n):
            def keep(f):
                return lambda *args: f(*args) * n
            return keep
        def even(n):
            return n == 0 or odd(n - 1)
        def odd(n):
            return n != 0 and even(n - 1)
        @times(3)
        def a(k=LIMIT, *, color=Color.RED):
            """Docs."""
            match k:
                case {"x": [1, *rest], **more} if (n := len(rest)) > 1:
                    return f"{n!r:>{k}}" "tail"
                case Point(x=0) | None:
                    return [math.floor(x) for x in NAMES["x"] if even(x)]
            async def inner(): yield await inner()
            return lambda y=60 * 60: (y, color, Point(), inner)
        '''
    )
    assert found.widened == ()
    said = "".join(f"{part.version} {name}\n" for name, part in found.parts.items()) + f"{found.version}\n"
    assert said == GOLDEN.read_text(), "The encoding changed: raise CODE_SCHEME, and write the new golden file."
