"""The data version of any Python value."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter, OrderedDict, defaultdict, namedtuple
from dataclasses import dataclass
from datetime import date, datetime, timezone
from decimal import Decimal
from enum import Enum
from pathlib import PurePosixPath

import numpy as np
import pandas as pd
import polars as pl
import pytest

from assetbuild.fingerprint.data import value_version

Pair = namedtuple("Pair", "a b")  # noqa: PYI024  # the untyped kind is the one to test


class Colour(Enum):
    RED = 1
    BLUE = 2


@dataclass
class Model:
    weights: dict[str, object]
    seen: set[object]


class Slotted:
    __slots__ = ("a",)

    def __init__(self, a):
        self.a = a


VALUES = [
    {1, 2},
    frozenset({1, 2}),
    [1, 2],
    (1, 2),
    {"a": 1, "b": 2},
    OrderedDict(a=1, b=2),
    defaultdict(list, a=[1]),
    Counter("aab"),
    Pair(1, 2),
    Colour.RED,
    Colour.BLUE,
    Model({"w": 1.0}, {"x", "y"}),
    Model({"w": 2.0}, {"x", "y"}),
    Slotted(1),
    Slotted(2),
    date(2020, 1, 1),
    datetime(2020, 1, 1, tzinfo=timezone.utc),  # noqa: UP017  # the object, whatever it is called
    Decimal("1.0"),
    Decimal("1.00"),
    PurePosixPath("a/b"),
    1,
    True,
    1.0,
    1j,
    "1",
    b"1",
    bytearray(b"1"),
    None,
    np.float64(1.0),
    np.array([1, 2]),
    np.array([1.0, 2.0]),
    np.array([[1, 2]]),
    len,
    Model,
    {"frame": pd.DataFrame({"a": [1]})},
    {"frame": pd.DataFrame({"a": [2]})},
    {"frame": pl.DataFrame({"a": [1]})},
    pd.Series([1, 2]),
    range(3),
]


def test_different_values_have_different_versions():
    assert len({value_version(value) for value in VALUES}) == len(VALUES)


def test_equal_values_made_anew_have_equal_versions():
    def made():
        return Model({"w": [1.0, (2, None)]}, {"x", "y", ("z", 1)})

    assert value_version(made()) == value_version(made())
    assert value_version(pd.DataFrame({"a": ["x", None]})) == value_version(pd.DataFrame({"a": ["x", None]}))


def test_the_order_in_which_attributes_were_set_does_not_count():
    one, other = Model({}, set()), Model({}, set())
    other.__dict__ = {"seen": set(), "weights": {}}
    assert value_version(one) == value_version(other)


def test_shared_parts_count_like_equal_parts():
    part = [1, 2]
    assert value_version([part, part]) == value_version([[1, 2], [1, 2]])


def test_a_value_that_holds_itself_has_a_version():
    def ring(value):
        made = [value]
        made.append(made)
        return made

    assert value_version(ring(1)) == value_version(ring(1))
    assert value_version(ring(1)) != value_version(ring(2))


def test_a_very_deep_value_falls_back_to_its_pickle_or_is_refused():
    deep: list[object] = []
    for _ in range(300):
        deep = [deep]
    assert value_version(deep) == value_version(deep)


def test_what_cannot_be_pickled_is_refused():
    with pytest.raises((TypeError, AttributeError, Exception), match="pickle"):
        value_version(lambda: 1)


def test_the_hash_seed_does_not_matter():
    script = """
from assetbuild.fingerprint.data import value_version
class Model: pass
m = Model(); m.words = {"a", "b", "c", ("d", frozenset({"e", "f", "g"}))}
m.by = {x: {x} for x in "xyz"}
print(value_version([m, {"p", "q", "r"}]))
"""
    printed = {
        subprocess.run(
            [sys.executable, "-c", script], check=True, capture_output=True, env={**os.environ, "PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(printed) == 1
