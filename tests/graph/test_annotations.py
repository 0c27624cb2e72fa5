"""What annotations ask for, where an input may be many."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pytest

from assetbuild.graph.annotations import keeps_promise, read_annotation

NAMES = {"pa": pa, "typing": typing, "Mapping": Mapping, "Path": Path}


@pytest.mark.parametrize(
    ("annotation", "element"),
    [
        ("dict[str, pa.Table]", "arrow.Table"),
        ("Mapping[str, pa.Table]", "arrow.Table"),
        ("typing.Dict[str, int]", "value"),
        ("dict[str, pa.Table | None]", "arrow.Table"),
        ("dict[str, Path]", "path"),
        ("dict[str, typing.Any]", None),
        ("dict[str, pl.LazyFrame]", "polars.LazyFrame"),
        ("Mapping[str, str] | None", "str"),
    ],
)
def test_a_mapping_from_text_may_be_by_partition(annotation, element):
    read = read_annotation(annotation, NAMES)
    assert (read.problem, read.as_mapping, read.element) == ("", True, element)
    assert read.load == "value", "it may be one value that is a dict as well"


def test_names_that_exist_only_while_type_checking_are_read_too():
    read = read_annotation("Mapping[str, pl.DataFrame]", {})
    assert (read.as_mapping, read.element) == (True, "polars.DataFrame")
    assert keeps_promise({}, read.type)
    assert not keeps_promise([], read.type)


@pytest.mark.parametrize("annotation", ["dict", "dict[int, str]", "list[str]", "pa.Table", "tuple[str, int]"])
def test_others_are_no_mapping(annotation):
    read = read_annotation(annotation, NAMES)
    assert (read.as_mapping, read.element) == (False, None)


def test_none_may_be_allowed():
    read = read_annotation("pa.Table | None", NAMES)
    assert (read.load, read.allows_none) == ("arrow.Table", True)
