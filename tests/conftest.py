"""Fixtures of all tests: ``project``, an empty throw-away project."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
if str(ROOT) not in sys.path:  # Plain 'pytest' in importlib mode does not add it; 'python -m pytest' does.
    sys.path.insert(0, str(ROOT))

from tests.harness.commands import stop_warm_server  # noqa: E402  # needs the path above
from tests.harness.project_folder import ProjectFolder  # noqa: E402


@pytest.fixture
def project(tmp_path: Path) -> Iterator[ProjectFolder]:
    """An empty project. If the test leaves it built and unchanged, its values must equal those of a clean build."""
    folder = ProjectFolder(tmp_path / "shop")
    yield folder
    if folder.settled and folder.deterministic:
        folder.check_equals_clean_build()


def pytest_sessionfinish() -> None:
    stop_warm_server()
