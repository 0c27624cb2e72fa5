"""Two projects in one process, whose modules have the same names."""

from __future__ import annotations

from assetbuild import Project

MODULE = """
from assetbuild import asset
from parts.number import NUMBER

@asset
def answer() -> int:
    return NUMBER
"""


def test_each_project_gets_its_own_modules(tmp_path):
    for number in (1, 2):
        folder = tmp_path / str(number)
        (folder / "parts").mkdir(parents=True)
        (folder / "assets.py").write_text(MODULE)
        (folder / "parts" / "number.py").write_text(f"NUMBER = {number}\n")
    for number in (1, 2, 1):
        project = Project.open(tmp_path / str(number))
        assert project.materialize(jobs=0).status == "success"
        assert project.load("answer") == number
