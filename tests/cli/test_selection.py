"""The selection grammar, seen through what a build of exactly the selection lists."""

from __future__ import annotations

import pytest

PROJECT = """
source("feed", "data/feed.csv")

@asset(key="raw/a", group="raw", tags={"tier": "gold"}, deps=["feed"])
def raw_a() -> int:
    return 1

@asset(key="raw/b", group="raw", owners=["ann"])
def raw_b() -> int:
    return 2

@asset(deps=["raw/a"], tags={"tier": "silver"})
def mid() -> int:
    return 3

@asset(deps=["mid", "raw/b"], group="reports")
def top() -> int:
    return 4

@asset(deps=["top"])
def last() -> int:
    return 5
"""

SELECTIONS = {
    ("mid",): ["mid"],
    ("mid", "raw/b"): ["raw/b", "mid"],
    ("+mid",): ["raw/a", "mid"],
    ("mid+",): ["mid", "top", "last"],
    ("1+top",): ["raw/b", "mid", "top"],
    ("2+top",): ["raw/a", "raw/b", "mid", "top"],
    ("mid+1",): ["mid", "top"],
    ("+mid+1",): ["raw/a", "mid", "top"],
    ("feed+1",): ["raw/a"],
    ("group:raw",): ["raw/a", "raw/b"],
    ("tag:tier=gold",): ["raw/a"],
    ("tag:tier",): ["raw/a", "mid"],
    ("owner:ann",): ["raw/b"],
    ('key:"raw/*"',): ["raw/a", "raw/b"],
    ("key:raw/b",): ["raw/b"],
    ("group:raw and tag:tier=gold",): ["raw/a"],
    ("group:raw or group:reports",): ["raw/a", "raw/b", "top"],
    ("not group:raw",): ["mid", "top", "last"],
    ("+top and not (group:raw or mid)",): ["top"],
    ("*",): ["raw/a", "raw/b", "mid", "top", "last"],
    ("status:fresh and group:raw",): ["raw/a", "raw/b"],
    ("status:stale",): [],
}


@pytest.fixture
def built(project):
    project.write("data/feed.csv", "n\n1\n")
    project.assets(PROJECT)
    project.run("materialize")
    return project


def test_selections(built):
    for selection, expected in SELECTIONS.items():
        document = built.run("materialize", "-n", "--only", "--json", *selection).json
        listed = sorted(entry["asset"] for entry in document["assets"])
        assert listed == sorted(expected), selection


def test_status_selects_what_is_stale(built):
    built.edit("return 3", "return 33")
    document = built.run("materialize", "-n", "--only", "--json", "status:stale").json
    assert [entry["asset"] for entry in document["assets"]] == ["mid"]
    built.run("materialize", "status:stale")
    assert built.value("mid") == 33


def test_changed_selects_by_the_kind_of_cause(built):
    built.edit("return 3", "return 33")
    listed = built.run("materialize", "-n", "--only", "--json", "changed:code").json["assets"]
    assert [entry["asset"] for entry in listed] == ["mid"]


@pytest.mark.parametrize("selection", ["mdi", "group:rwa", "mid and", "(mid", "tag:", "mid mid2", "color:red", ""])
def test_a_selection_that_means_nothing_is_refused(built, selection):
    for command in ("materialize", "status"):
        built.refuse(command, selection)
    assert "'mid'" in built.refuse("materialize", "mdi")
