"""Assets and dependencies that come, go and change their names."""

from __future__ import annotations

from tests.harness.project_folder import HEADER

PAIR = """
@asset
def a() -> int:
    executed("a")
    return 1

@asset
def x() -> int:
    executed("x")
    return 5

@asset(deps=["a"])
def b() -> int:
    executed("b")
    return 2
"""


def test_a_dependency_that_is_added_and_dropped_again(project):
    project.assets(PAIR)
    project.build()
    project.edit('deps=["a"]', 'deps=["a", "x"]')
    (cause,) = project.causes("b")
    assert (cause["kind"], cause["subject"]) == ("dependencies", "x")
    assert project.build() == {"b": ["dependencies"]}
    project.edit("return 5", "return 6")
    assert project.build() == {"x": ["code"], "b": ["data"]}
    project.edit('deps=["a", "x"]', 'deps=["a"]')
    assert project.build() == {}, "the value of before is restored"
    project.edit("return 6", "return 7")
    assert project.build() == {"x": ["code"]}


def test_a_parameter_that_is_added_is_named_as_the_dependency(project):
    project.assets(PAIR)
    project.build()
    project.edit("def b() -> int:", "def b(x: int) -> int:")
    assert "x" in {cause["subject"] for cause in project.causes("b") if cause["kind"] == "dependencies"}
    assert list(project.build()) == ["b"]
    assert project.build() == {}


def test_order_of_deps_and_a_dependency_said_twice_do_not_count(project):
    project.assets(PAIR.replace('deps=["a"]', 'deps=["a", "x"]'))
    project.build()
    project.edit('deps=["a", "x"]', 'deps=["x", "a", "x"]')
    assert project.build() == {}


def test_a_renamed_asset_is_new_and_the_old_value_is_kept_until_gc(project):
    project.assets("@asset\ndef a() -> int:\n    executed('a')\n    return 1\n")
    project.build()
    project.write("assets.py", HEADER + "\n@asset\ndef a2() -> int:\n    executed('a2')\n    return 1\n")
    assert project.status() == {"a2": "missing"}
    assert project.build() == {"a2": ["missing"]}
    assert project.values() == {"a": 1, "a2": 1}
    assert "'a'" in project.run("gc", "-n", "--keep-days", "0").text or "a.json" in project.run("gc", "-n").text
    assert project.values() == {"a": 1, "a2": 1}
    project.run("gc", "--keep-days", "0", "--keep-last", "0")
    assert project.values() == {"a2": 1}
    assert project.build() == {}


def test_a_renamed_asset_that_gets_its_name_back_is_fresh(project):
    project.assets(PAIR)
    project.build()
    project.edit('def x() -> int:\n    executed("x")', 'def y() -> int:\n    executed("y")')
    assert list(project.build()) == ["y"]
    project.edit('def y() -> int:\n    executed("y")', 'def x() -> int:\n    executed("x")')
    assert project.build() == {}


def test_gc_keeps_everything_that_is_current(project):
    project.assets(PAIR)
    project.build()
    objects = project.stamps(".assetbuild/objects")
    project.edit("return 5", "return 6")
    project.build()
    listed = project.run("gc", "-n", "--keep-days", "0", "--keep-last", "0").text
    assert set(objects) <= set(project.stamps(".assetbuild/objects")), listed
    project.run("gc", "--keep-days", "0", "--keep-last", "0")
    assert len(project.stamps(".assetbuild/objects")) == 3
    for name in ("a.json", "b.json", "x.json"):
        project.delete(f"warehouse/{name}")
    assert project.build() == {}, "every current object is still there to be restored"


def test_a_value_that_was_collected_is_built_again(project):
    project.assets(PAIR)
    project.build()
    project.edit("return 5", "return 6")
    project.build()
    project.run("gc", "--keep-days", "0", "--keep-last", "0")
    project.edit("return 6", "return 5")
    assert list(project.build()) == ["x"]
    assert project.value("x") == 5


def test_an_asset_that_is_removed_though_something_needs_it_is_refused(project):
    project.assets("""
        @asset
        def orders() -> int:
            executed("orders")
            return 1

        @asset
        def report(orders: int) -> int:
            executed("report")
            return orders
    """)
    project.build()
    project.edit("def orders()", "def order()")
    text = project.refuse("materialize")
    assert "'report'" in text
    assert "'orders'" in text
    assert "order" in text


def test_a_new_asset_runs_alone(project):
    project.assets(PAIR)
    project.build()
    project.assets(PAIR + '\n@asset\ndef d(b: int) -> int:\n    executed("d")\n    return b\n')
    assert project.build() == {"d": ["missing"]}


def test_a_refactoring_is_proved_by_the_exit_code_of_status(project):
    project.assets(PAIR)
    project.build()
    project.edit("return 5", "# Five.\n    return (5)")
    assert project.run("status", "--exit-code").exit_code == 0
    project.edit("return (5)", "return 4 + 1.0")
    assert "x" in project.run("status", "--exit-code", exit_code=3).stdout
    assert project.run("status").exit_code == 0


def test_the_order_is_kahn_with_the_smallest_key_first(project):
    project.assets("""
        @asset
        def z() -> int:
            return 1

        @asset
        def m(z: int) -> int:
            return 1

        @asset(key="raw/b")
        def anything(z: int) -> int:
            return 1

        @asset
        def a(m: int) -> int:
            return 1

        @asset
        def y() -> int:
            return 1
    """)
    assert [entry["asset"] for entry in project.plan()] == ["y", "z", "m", "a", "raw/b"]
    project.build()


def test_a_long_chain_and_a_wide_fan_in_are_planned_without_recursion(project):
    chain = ["@asset(key='n0')", "def n() -> int:", "    return 1"]
    for number in range(1, 2000):
        chain += [f"@asset(key='n{number}', deps=['n{number - 1}'])", "def n() -> int:", "    return 1"]
    chain += [f"@asset(deps=[f'n{{i}}' for i in range({2000})])", "def fan() -> int:", "    return 1"]
    project.write("assets.py", "from assetbuild import asset\n" + "\n".join(chain) + "\n")
    assert len(project.plan()) == 2001


def objects(project):
    return sorted(project.path(".assetbuild/objects").glob("*/*"))


def test_gc_max_size_removes_what_was_used_the_longest_ago(project):
    text = """
        @asset
        def a() -> bytes:
            executed("a")
            return b"LETTER" * 1000
    """
    project.deterministic = False
    for letter in "xyzx":  # 'x' is built, then restored: it was used last, and then 'z'
        project.assets(text.replace("LETTER", letter))
        project.run("materialize")
    project.assets(text.replace("LETTER", "w"))
    project.run("materialize")
    listed = project.run("gc", "-n", "--max-size", "3500", "--json").json
    assert (len(listed["removed"]), listed["left_bytes"], len(objects(project))) == (1, 3000, 4)
    project.run("gc", "--max-size", "3500")
    assert sorted(path.read_bytes()[:1] for path in objects(project)) == [b"w", b"x", b"z"]
    project.run("gc", "--max-size", "2kB")
    assert sorted(path.read_bytes()[:1] for path in objects(project)) == [b"w", b"x"]
    assert "more than 10 B" in project.run("gc", "--max-size", "10").stderr
    assert [path.read_bytes()[:1] for path in objects(project)] == [b"w"]
    project.assets(text.replace("LETTER", "x"))
    assert project.build() == {"a": ["code"]}  # and not restored


def test_a_size_that_is_none_is_refused(project):
    project.assets("@asset\ndef a() -> int:\n    return 1\n")
    assert "no size" in project.refuse("gc", "--max-size", "big")
