"""Build keys are functions of sources, config and inputs alone: nothing runs in any other surroundings."""

from __future__ import annotations

import pytest

PROJECT = """
import helpers
import pyarrow as pa

from assetbuild import Config

LETTERS = {"a", "b", "c", "delta", "epsilon"}
TABLE = {"x": {1, 2, 3}, "y": frozenset({"p", "q", "r"})}

class Limits(Config):
    top: int = 3
    names: frozenset[str] = frozenset({"u", "v", "w"})

source("numbers", "data/*.csv")

@asset
def a(numbers: pa.Table, config: Limits) -> list:
    executed("a")
    return sorted(LETTERS | {"z", "y", "x"} | config.names)[: config.top]

@asset(unordered=True)
def b(a: list) -> pa.Table:
    executed("b")
    return pa.table({"n": [helpers.clean(letter) for letter in a]})

@asset
def c(b: pa.Table) -> int:
    executed("c")
    return b.num_rows + len(TABLE)
"""


@pytest.fixture
def built(project):
    project.write(
        "helpers.py", "SEEN = {'p', 'q', 'r', 's'}\n\ndef clean(x):\n    return x if x in SEEN else x.upper()\n"
    )
    project.write("data/one.csv", "n\n1\n2\n")
    project.write("data/two.csv", "n\n3\n")
    project.assets(PROJECT)
    project.build(cold=True, PYTHONHASHSEED="7")
    return project


@pytest.mark.parametrize(
    "surroundings",
    [
        {"PYTHONHASHSEED": "0"},
        {"PYTHONHASHSEED": "1"},
        {"PYTHONHASHSEED": "2"},
        {"TZ": "Asia/Tokyo", "LANG": "de_DE.UTF-8", "LC_ALL": "C", "USER": "ann", "HOME": "/nowhere", "COLUMNS": "40"},
        {"PYTHONOPTIMIZE": "2"},
    ],
    ids=lambda surroundings: next(iter(surroundings.values())),
)
def test_nothing_runs_in_other_surroundings(built, surroundings):
    assert built.build("-j", "1", cold=True, **surroundings) == {}
    assert set(built.outcomes.values()) == {"fresh"}


def test_nothing_runs_in_another_folder(built):
    twin = built.copy("another folder/with a longer name")
    assert twin.build(cold=True, PYTHONHASHSEED="3") == {}
    assert set(twin.outcomes.values()) == {"fresh"}
    assert twin.log() == []
    twin.delete("warehouse")
    assert twin.build() == {}


def test_nothing_runs_after_the_order_of_imports_and_modules_changes(built):
    built.write("extra.py", "import helpers\nimport assets\n")
    built.write("assetbuild.toml", 'definitions = ["extra", "helpers", "assets"]\n')
    assert built.build("-j", "4") == {}


def test_data_versions_are_equal_on_two_machines(built):
    twin = built.copy("elsewhere", state=False)
    twin.build("-j", "1", cold=True, PYTHONHASHSEED="9")
    assert [entry["data_version"] for entry in twin.report["assets"]] == [
        entry["data_version"] for entry in built.report["assets"]
    ]
