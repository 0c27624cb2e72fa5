"""What is kept for the workers of later commands makes them faster, and never makes them run anything else."""

from __future__ import annotations

import pytest

from assetbuild.load.guess import guessed_libraries
from assetbuild.load.outlook import libraries_of
from assetbuild.load.sealed import read_sealed, write_sealed
from assetbuild.load.settings import read_settings
from tests.budgets.counting import counted

BASE = """
import iniconfig
from assetbuild import asset
import helpers

@asset
def where() -> str:
    return helpers.name(iniconfig)
"""


@pytest.fixture
def shop(project):
    project.write("assets.py", BASE)
    project.write("helpers.py", "def name(module):\n    return module.__name__ + ' ' + getattr(module, 'OWN', '')\n")
    project.run("materialize")
    return project


def libraries(project):
    return libraries_of(project.path(".assetbuild"))


def test_libraries_are_known_by_what_the_modules_import(shop):
    assert libraries(shop) == ["iniconfig"]


@pytest.mark.parametrize(
    "line",
    [
        "import os; os.environ['INICONFIG_MODE'] = 'fast'",
        "import sys; sys.path.insert(0, '/nowhere')",
    ],
    ids=["a variable", "a folder to import from"],
)
def test_no_library_is_imported_early_when_something_may_be_set_for_it(shop, line):
    shop.edit("import iniconfig", f"{line}\nimport iniconfig")
    shop.run("materialize")
    assert libraries(shop) == []


def test_a_module_of_the_project_hides_a_library_that_a_worker_imported_early(shop):
    shop.edit("helpers.name(iniconfig)", "helpers.name(iniconfig) + '!'")
    shop.write("iniconfig.py", "OWN = 'of the project'\n")
    shop.run("materialize")
    assert shop.values() == {"where": "iniconfig of the project!"}
    assert libraries(shop) == []


def test_a_library_that_has_gone_is_not_missed(shop):
    outlook = shop.path(".assetbuild/outlook")
    header = outlook.read_bytes().partition(b"\n")[0] + b"\n"
    names, modules = read_sealed(outlook, header)
    assert names == ["iniconfig"]
    write_sealed(outlook, header, (["no_such_library"], modules))
    shop.edit("helpers.name(iniconfig)", "helpers.name(iniconfig) + '!'")
    shop.run("materialize")
    assert shop.values() == {"where": "iniconfig !"}


@pytest.mark.parametrize("name", ["compiled", "outlook"])
@pytest.mark.parametrize("content", [b"", b"garbage", b"[1]", None])
def test_what_is_damaged_is_passed_over(shop, name, content):
    path = shop.path(f".assetbuild/{name}")
    if content is None:
        content = path.read_bytes()[:-10] + b"0123456789"
    path.write_bytes(content)
    shop.edit("helpers.name(iniconfig)", "helpers.name(iniconfig) + '!'")
    shop.run("materialize")
    assert shop.values() == {"where": "iniconfig !"}


def test_code_counts_only_for_the_bytes_that_it_was_compiled_from(shop):
    shop.write("helpers.py", "def name(module):\n    return 'another'\n")
    shop.run("materialize")
    assert shop.values() == {"where": "another"}
    shop.write("helpers.py", "def name(module):\n    return 'a third'\n")
    shop.run("materialize")
    assert shop.values() == {"where": "a third"}


def test_a_build_after_an_edit_starts_one_worker_and_needs_no_other(shop, tmp_path):
    shop.edit("helpers.name(iniconfig)", "helpers.name(iniconfig) + '!'")
    count = counted(shop.root, ["materialize", "-j", "1"], tmp_path / "count.json")
    assert count.code == 0
    assert len([name for name in count.started if "Popen" in name]) == 1, count.started
    assert shop.values() == {"where": "iniconfig !"}


@pytest.mark.parametrize(
    ("text", "guessed"),
    [
        ("import iniconfig\nimport json\nfrom pluggy._hooks import x\n", ["iniconfig", "pluggy._hooks"]),
        ("from assetbuild import Config, asset\n", ["assetbuild.declare.config"]),
        ("import helpers, iniconfig\n", []),
        ("def late():\n    import iniconfig\n", []),
        ("import os\nos.environ['MODE'] = 'fast'\nimport iniconfig\n", []),
        ("this is not Python", []),
    ],
)
def test_before_the_first_load_libraries_are_guessed_from_the_text(tmp_path, text, guessed):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/assets.py").write_text(text)
    (tmp_path / "helpers.py").touch()
    (tmp_path / "assetbuild.toml").write_text('definitions = ["shop"]\n')
    assert guessed_libraries(read_settings(tmp_path)) == guessed
