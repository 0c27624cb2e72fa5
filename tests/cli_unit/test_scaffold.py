from __future__ import annotations

import pytest
from click.testing import CliRunner

from assetbuild.cli.entry import commands
from assetbuild.cli.scaffold import init_command
from assetbuild.cli.terminal import Terminal
from assetbuild.errors import UsageError
from assetbuild.project import Project
from tests.cli_unit.conftest import Screen, written

FILES = {"pyproject.toml", "assets.py", "data/orders.csv", "data/products.csv", "README.md", ".gitignore"}


@pytest.fixture
def init(tmp_path, monkeypatch):
    """Run 'init' in an empty folder; return what it said."""
    monkeypatch.chdir(tmp_path)

    def init(*arguments):
        terminal = Terminal(Screen(), Screen(), environment={})
        commands.main(["init", *arguments], standalone_mode=False, obj=terminal)
        return written(terminal)

    return init


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_new_project_works_at_once(init, tmp_path):
    said = init("shop")
    assert files(tmp_path / "shop") == FILES
    assert said.endswith("next:\n  cd shop\n  assetbuild materialize\n  assetbuild status\n")
    report = Project.open(tmp_path / "shop").materialize(jobs=0)
    assert {outcome.asset: outcome.outcome for outcome in report.assets} == {
        "sales": "built",
        "daily_sales": "built",
        "top_products": "built",
        "report": "built",
    }


def test_the_project_option_names_the_folder_too(tmp_path):
    terminal = Terminal(Screen(), Screen(), environment={})
    commands.main(["--project", str(tmp_path / "there"), "init"], standalone_mode=False, obj=terminal)
    assert files(tmp_path / "there") == FILES


def test_the_current_folder_needs_no_cd(init, tmp_path):
    assert "cd " not in init()
    assert files(tmp_path) == FILES


def test_the_name_is_the_folders_or_given(init, tmp_path):
    init("My Shop (new)")
    assert 'name = "My-Shop-new"' in (tmp_path / "My Shop (new)" / "pyproject.toml").read_text()
    init("other", "--name", "well.named")
    assert 'name = "well.named"' in (tmp_path / "other" / "pyproject.toml").read_text()
    with pytest.raises(UsageError, match="cannot be a project's name"):
        init("third", "--name", 'a" b')
    assert not (tmp_path / "third").exists()


@pytest.mark.parametrize("path", ["pyproject.toml", "assets.py", "assetbuild.toml", "data/orders.csv"])
def test_nothing_is_overwritten(init, tmp_path, path):
    existing = tmp_path / path
    existing.parent.mkdir(exist_ok=True)
    existing.write_text("mine")
    with pytest.raises(UsageError, match="would overwrite"):
        init()
    assert files(tmp_path) == {path}
    assert existing.read_text() == "mine"


def test_a_readme_is_left_alone_and_a_gitignore_extended(init, tmp_path):
    (tmp_path / "README.md").write_text("mine")
    (tmp_path / ".gitignore").write_text("*.log\n.venv/")
    init()
    assert (tmp_path / "README.md").read_text() == "mine"
    assert (tmp_path / ".gitignore").read_text() == "*.log\n.venv/\nwarehouse/\n__pycache__/\n"


def test_a_folder_that_cannot_be_made(init, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write"):
        init("file/below")


def test_help_needs_no_terminal():
    assert CliRunner().invoke(init_command, ["--help"]).exit_code == 0
