"""The canonical encoding is a file format: these bytes and digests must never change."""

from __future__ import annotations

import math
import os
import struct
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assetbuild.fingerprint.encoding import SCHEME, digest, encode, hash_bytes

GOLDEN: dict[str, tuple[Any, str]] = {
    "none": (None, "4e0000000000000000"),
    "true": (True, "42000000000000000101"),
    "one": (1, "49000000000000000131"),
    "minus": (-12, "4900000000000000032d3132"),
    "float": (1.0, "4600000000000000083ff0000000000000"),
    "minus zero": (-0.0, "4600000000000000088000000000000000"),
    "nan": (math.nan, "4600000000000000087ff8000000000000"),
    "text": ("é", "530000000000000002c3a9"),
    "bytes": (b"\x00", "59000000000000000100"),
    "list": ([1, None], "4c0000000000000013490000000000000001314e0000000000000000"),
    "dict": ({"a": 1}, "4d000000000000001453000000000000000161490000000000000001" + "31"),
    "set": ({2, 1}, "55000000000000001449000000000000000131490000000000000001" + "32"),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_each_kind_of_value_has_its_bytes(name):
    value, expected = GOLDEN[name]
    assert encode(value).hex() == expected


def test_digests_are_golden():
    assert SCHEME == "assetbuild-1"
    assert digest("test", None) == "129bfeee80af44cfc892cae031429109"
    assert digest("test", {"b": [1, 2.5, "x", b"y", True, {3}]}) == "78fb45f5dd4248336147101f96878cff"
    assert digest("other", None) != digest("test", None)


def test_values_that_are_equal_in_python_but_not_the_same_differ():
    assert len({encode(value) for value in (1, True, 1.0, "1", b"1")}) == 5
    empty: list[Any] = [[], {}, set(), "", b"", None, False, 0]
    assert len({encode(value) for value in empty}) == 8
    assert encode(0.0) != encode(-0.0)


def test_a_tuple_is_a_list_and_a_frozenset_a_set():
    assert encode((1, 2)) == encode([1, 2])
    assert encode(frozenset({1, 2})) == encode({2, 1})


def test_the_order_of_a_dict_counts_and_that_of_a_set_does_not():
    assert encode({"a": 1, "b": 2}) != encode({"b": 2, "a": 1})
    assert encode({"a", "b", "c"}) == encode({"c", "b", "a"})


def test_every_nan_is_the_same():
    other = struct.unpack(">d", bytes.fromhex("fff8000000000001"))[0]
    assert encode(other) == encode(math.nan)


def test_huge_integers_have_an_encoding():
    assert encode(1 << 20_000) != encode(1 << 20_001)
    assert encode(-(1 << 20_000)) != encode(1 << 20_000)
    assert encode((1 << 64) - 1) != encode(1 << 64)


def test_lone_surrogates_have_an_encoding():
    assert encode("\ud800") != encode("\ud801")


@pytest.mark.parametrize("value", [object(), 1j, bytearray(b"x"), range(3), type])
def test_any_other_type_is_refused(value):
    with pytest.raises(TypeError, match="has no canonical encoding"):
        encode(value)


def test_bytes_hash_the_same_in_any_chunks():
    assert hash_bytes([b"abc", b"", memoryview(b"def")]) == hash_bytes([b"abcdef"])


def test_the_hash_seed_does_not_matter():
    script = "from assetbuild.fingerprint.encoding import digest; print(digest('t', {'a', 'b', 'c', 'd', ('e', 1)}))"
    printed = {
        subprocess.run(
            [sys.executable, "-c", script], check=True, capture_output=True, env={**os.environ, "PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(printed) == 1


plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
values = st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12)


@given(values, values)
def test_only_values_of_one_shape_share_an_encoding(one, other):
    assert (encode(one) == encode(other)) == (shape(one) == shape(other))


def shape(value):
    if isinstance(value, dict):
        return "dict", [(key, shape(item)) for key, item in value.items()]
    if isinstance(value, list):
        return "list", [shape(item) for item in value]
    return type(value), repr(value)
