"""The data version of bytes, text, JSON, files and folders."""

from __future__ import annotations

import math

import pytest

from assetbuild.fingerprint.data import (
    bytes_version,
    canonical_json,
    file_version,
    json_version,
    text_version,
    tree_version,
)


def test_versions_are_golden():
    assert bytes_version(b"x") == "3ff7e53794b602c8a0ebc50ebdd12894"
    assert text_version("x") == "1cde5392ad648e2f02a702bbb68276b2"
    assert json_version({"a": [1, 2.5, None]}) == "0bd00c8f7a6039a0457041c5fa8b320c"


def test_kinds_do_not_mix(tmp_path):
    (tmp_path / "f").write_bytes(b"1\n")
    assert len({bytes_version(b"1\n"), text_version("1\n"), json_version(1), file_version(tmp_path / "f")}) == 4


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20])
def test_a_file_counts_by_its_bytes_alone(tmp_path, size):
    one, other = tmp_path / "one.csv", tmp_path / "other.txt"
    one.write_bytes(bytes(size))
    other.write_bytes(bytes(size))
    other.chmod(0o600)
    assert file_version(one) == file_version(other)
    other.write_bytes(bytes(size) + b"x")
    assert file_version(one) != file_version(other)


def test_a_folder_counts_by_names_and_bytes(tmp_path):
    def tree(name, **files):
        for path, text in files.items():
            place = tmp_path / name / path.replace("__", "/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        return tree_version(tmp_path / name)

    first = tree("1", a="x", b__c="y")
    assert tree("2", b__c="y", a="x") == first
    assert tree("3", a="x", b__d="y") != first
    assert tree("4", a="x", b__c="z") != first
    assert tree("5", a="x", b__c="y", e="") != first
    (tmp_path / "2" / "empty").mkdir()
    assert tree_version(tmp_path / "2") != first


def test_json_is_readable_and_keeps_the_order_of_keys():
    assert canonical_json({"b": 1, "a": ["é", None]}) == '{\n  "b": 1,\n  "a": [\n    "é",\n    null\n  ]\n}\n'.encode()
    assert json_version({"b": 1, "a": 2}) != json_version({"a": 2, "b": 1})
    assert json_version(1) != json_version(1.0)
    assert canonical_json("\ud800") == b'"\\ud800"\n'


@pytest.mark.parametrize("value", [math.nan, math.inf, {"a": [math.nan]}, {1: 2}, [{None: 1}], {"a": {1}}, object()])
def test_what_json_cannot_hold_is_refused(value):
    with pytest.raises((TypeError, ValueError)):
        canonical_json(value)
