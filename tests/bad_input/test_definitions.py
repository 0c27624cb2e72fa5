"""Bad definitions: all of them in one report, each with its place."""

from __future__ import annotations

import pytest

PLACE = "assets.py"


def test_an_asset_declared_twice_names_both_places(project):
    project.assets("""
        @asset
        def a() -> int:
            return 1

        @asset(key="a")
        def again() -> int:
            return 2
    """)
    text = project.refuse("status")
    assert "'a' is declared 2 times" in text
    assert "assets.py:5" in text
    assert "assets.py:9" in text


def test_two_assets_on_one_path(project):
    project.assets("""
        @asset
        def sales() -> int:
            return 1

        @asset
        def Sales() -> int:
            return 2
    """)
    text = project.refuse("materialize")
    assert "'sales'" in text
    assert "'Sales'" in text


def test_two_assets_on_one_duckdb_table(project):
    project.assets("""
        @asset(key="main/t", io_manager="duckdb")
        def first() -> "pa.Table":
            return 1

        @asset(key="t", io_manager="duckdb")
        def second() -> "pa.Table":
            return 2

        import pyarrow as pa
    """)
    text = project.refuse("status")
    assert "'main/t'" in text
    assert "'t'" in text


def test_a_cycle_is_shown_whole(project):
    project.assets("""
        @asset
        def a(c: int) -> int:
            return 1

        @asset
        def b(a: int) -> int:
            return 1

        @asset
        def c(b: int) -> int:
            return 1
    """)
    text = project.refuse("materialize")
    assert "a -> b -> c -> a" in text
    for line in ("assets.py:5", "assets.py:9", "assets.py:13"):
        assert line in text
    assert not project.path(".assetbuild").exists() or not list(project.path(".assetbuild").glob("*.db"))


def test_an_asset_that_reads_itself(project):
    project.assets("@asset\ndef a(a: int) -> int:\n    return 1\n")
    assert "a -> a" in project.refuse("status")


def test_an_unknown_upstream_names_the_closest(project):
    project.assets("""
        @asset
        def orders() -> int:
            return 1

        @asset
        def report(ordres: int) -> int:
            return 1

        @asset(deps=["order"])
        def other() -> int:
            return 1
    """)
    text = project.refuse("status")
    assert "'report' reads 'ordres'" in text
    assert "'other' reads 'order'" in text
    assert text.count("orders") >= 2
    assert "assets.py:9" in text


def test_every_problem_is_reported_at_once(project):
    project.assets("""
        @asset
        def a(nowhere: int) -> int:
            return 1

        @asset(io_manager="parkett")
        def b() -> int:
            return 1

        @asset(key="../x")
        def c() -> int:
            return 1

        @asset
        def d(e: int) -> int:
            return 1

        @asset
        def e(d: int) -> int:
            return 1

        @asset(pool="nowhere_pool", retries=-1)
        def f() -> int:
            return 1
    """)
    document = project.run("status", "--json", exit_code=2).json
    messages = "\n".join(error["message"] for error in document["errors"])
    for part in ("nowhere", "parkett", "parquet", "..", "d -> e -> d", "nowhere_pool", "retries"):
        assert part in messages, part
    assert {error["file"] for error in document["errors"]} == {PLACE}
    assert all(isinstance(error["line"], int) for error in document["errors"])


@pytest.mark.parametrize(
    "key", ["..", "../secret", "a/../b", "/a", "a//b", "", "a/", ".", "a\\nb", " a", "x" * 300, "a/" + "y" * 300]
)
def test_bad_keys(project, key):
    project.assets(f'@asset(key="{key}")\ndef a() -> int:\n    return 1\n')
    text = project.refuse("materialize")
    assert "assets.py:" in text
    assert not project.path("warehouse").exists()


@pytest.mark.parametrize("key", ["größe", "two words", "日本", "a.b", "con", "a/b c/ü", "100%", "-n", "a:b", "a+b"])
def test_unusual_keys_work(project, key):
    project.assets(f'@asset(key="{key}")\ndef a() -> int:\n    executed("{key.replace(" ", "_")}")\n    return 1\n')
    ran = project.run("materialize", "--json")
    assert [entry["asset"] for entry in ran.json["assets"]] == [key]
    assert project.status() == {key: "fresh"}
    assert len(project.values()) == 1


@pytest.mark.parametrize(
    ("head", "named"),
    [
        ("@asset\ndef a(x: 'Nothing') -> int:", "Nothing"),
        ("@asset\ndef a(x: Annotated[int, Input(columns='n')]) -> int:", "columns"),
        ("@asset\ndef a(x: Annotated[int, Input('no/such')]) -> int:", "no/such"),
        ("@asset(deps='x')\ndef a() -> int:", "deps"),
        ("@asset(env='MODE')\ndef a() -> int:", "env"),
        ("@asset(timeout=-1)\ndef a() -> int:", "timeout"),
        ("@asset(kye='b')\ndef a() -> int:", "kye"),
    ],
)
def test_bad_annotations_and_arguments(project, head, named):
    project.assets(
        f"""
from typing import Annotated

from assetbuild import Input

@asset
def x() -> int:
    return 1

{head}
    return 1
"""
    )
    text = project.refuse("status")
    assert named in text
    assert "assets.py:" in text


def test_a_function_that_is_not_one(project):
    project.assets("a = asset(3)\n")
    assert "assets.py:4" in project.refuse("status")


def test_a_class_is_no_function(project):
    project.assets("@asset\nclass Sales:\n    pass\n")
    assert "an asset is a function that returns the value, not a class" in project.refuse("list")


def test_definitions_without_any_asset(project):
    project.write("assets.py", "x = 1\n")
    ran = project.run("materialize", exit_code=None)
    assert ran.exit_code in {0, 2}
    assert "no asset" in ran.text.lower()


@pytest.mark.parametrize("memory", ["'2 XB'", "-5", "'lots'", "True"])
def test_memory_that_is_no_size_is_named(project, memory):
    project.assets(f"@asset(memory={memory})\ndef a() -> int:\n    return 1")
    text = project.refuse("status")
    assert "is no size: write bytes, or text such as '500 MB' or '2 GiB'" in text
    assert PLACE in text


@pytest.mark.parametrize("memory", ["1000", "'1KB'", "'1 kb'", "'1.5 GiB'", "'2G'"])
def test_memory_may_be_written_as_people_do(project, memory):
    project.assets(f"@asset(memory={memory})\ndef a() -> int:\n    return 1")
    assert project.status() == {"a": "missing"}


def test_a_context_that_is_not_annotated_is_told_how(project):
    project.assets("@asset\ndef a(context) -> int:\n    return 1")
    assert "annotate it: 'context: Context'" in project.refuse("status")
