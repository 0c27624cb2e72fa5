"""What is rebuilt does not depend on workers, so these tests build inside the command's process: twice as fast."""

from __future__ import annotations

import os

import pytest


@pytest.fixture
def project(project):
    project.jobs = None if os.environ.get("ASSETBUILD_TESTS_COLD") else "0"
    return project
