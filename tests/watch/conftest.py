"""Fixtures of the tests of watch mode."""

from __future__ import annotations

import pytest

SHOP = """
import json
from helper import factor

numbers = source("numbers", "data/numbers.json")

@asset
def scaled(numbers: str) -> list:
    executed("scaled")
    return [one * factor() for one in json.loads(numbers)]

@asset
def total(scaled: list) -> int:
    executed("total")
    return sum(scaled)

@asset
def alone() -> int:
    executed("alone")
    return 7
"""


@pytest.fixture
def shop(project):
    """A project with a source, code in a module of its own, and an asset that depends on neither."""
    project.assets(SHOP)
    project.write("helper.py", "def factor():\n    return 2\n")
    project.write("data/numbers.json", "[1, 2, 3]")
    return project


@pytest.fixture
def values_equal_clean_build(shop):
    """After the test, every value is that of a clean build."""
    yield
    shop.check_equals_clean_build()
