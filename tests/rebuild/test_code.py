"""Which edits of code rebuild what: nothing missed, nothing needless."""

from __future__ import annotations

import pytest

CHAIN = """
@asset
def a() -> list[int]:
    executed("a")
    return [3, 1, 2]

@asset
def b(a: list[int]) -> list[int]:
    executed("b")
    return sorted(a)

@asset
def c(b: list[int]) -> int:
    executed("c")
    return b[0]
"""


def test_a_changed_value_goes_on_downstream(project):
    project.assets(CHAIN)
    project.build()
    project.edit("sorted(a)", "sorted(a, reverse=True)")
    assert project.build() == {"b": ["code"], "c": ["data"]}
    assert project.value("c") == 3


def test_an_equal_value_stops_the_rebuild(project):
    project.assets(CHAIN)
    project.build()
    project.edit("[3, 1, 2]", "[2, 1, 3]")
    assert project.build() == {"a": ["code"], "b": ["data"]}
    assert project.outcomes == {"a": "built", "b": "built", "c": "fresh"}
    assert project.build() == {}


def test_an_edit_that_is_put_back_runs_nothing(project):
    project.assets(CHAIN)
    project.build()
    project.edit("sorted(a)", "sorted(a, reverse=True)")
    project.status()
    project.edit("sorted(a, reverse=True)", "sorted(a)")
    assert project.build() == {}
    assert set(project.outcomes.values()) == {"fresh"}


def test_an_edit_that_is_put_back_after_a_build_is_restored(project):
    project.assets(CHAIN)
    project.build()
    project.edit("sorted(a)", "sorted(a, reverse=True)")
    project.build()
    project.edit("sorted(a, reverse=True)", "sorted(a)")
    assert {entry["asset"]: (entry["status"], entry["action"]) for entry in project.plan()} == {
        "a": ("fresh", "none"),
        "b": ("stale", "restore"),
        "c": ("stale", "restore"),
    }
    assert project.build() == {}
    assert project.outcomes == {"a": "fresh", "b": "restored", "c": "restored"}
    assert project.values() == {"a": [3, 1, 2], "b": [1, 2, 3], "c": 1}


def test_switching_between_two_branches_runs_each_once(project):
    project.assets(CHAIN)
    project.build()
    for old, new, ran in (("[0]", "[1]", {"c": ["code"]}), ("[1]", "[0]", {}), ("[0]", "[1]", {}), ("[1]", "[0]", {})):
        project.edit(f"b{old}", f"b{new}")
        assert project.build() == ran


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('    executed("a")', '    # Numbers.\n\n    executed("a")'),
        ('    executed("a")', '    """Return the numbers."""\n    executed("a")'),
        ('    executed("a")', "    executed(\n        'a'\n    )"),
        ("return [3, 1, 2]", "return [\n        3,\n        1,\n        (2),\n    ]"),
        ("\n@asset\ndef a()", "\n\n\n\nunrelated = 1\n\n@asset\ndef a()"),
        ("from assetbuild import asset, source", "import json\nfrom assetbuild import source, asset"),
        ("def a() -> list[int]:", "def a() -> 'list[int]':"),
    ],
)
def test_a_cosmetic_edit_runs_nothing(project, old, new):
    project.assets(CHAIN)
    project.build()
    project.edit(old, new)
    assert project.build() == {}


def test_moving_and_reordering_definitions_runs_nothing(project):
    project.assets(CHAIN)
    project.build()
    head, a, b, c = project.path("assets.py").read_text().split("@asset\n")
    project.write("assets.py", f"{head}@asset\n{c}@asset\n{b}@asset\n{a}")
    assert project.build() == {}
    project.write("assets.py", f"{head}@asset\n{a}@asset\n{b}")
    project.write("more.py", f"{head}@asset\n{c}")
    project.write("assetbuild.toml", 'definitions = ["assets", "more"]\n')
    assert project.build() == {}


def test_line_ends_of_code_do_not_count(project):
    project.assets(CHAIN)
    project.build()
    project.write("assets.py", project.path("assets.py").read_bytes().replace(b"\n", b"\r\n"))
    assert project.build() == {}


HELPERS = """
from prices.inner import net
from prices import inner as aliased

RATE = 10
UNUSED = 1

def gross(value):
    return net(value) * RATE

def unused(value):
    return value
"""


def with_helpers(project):
    project.write("prices/__init__.py", "")
    project.write("prices/outer.py", HELPERS)
    project.write("prices/inner.py", "def net(value):\n    return value - 1\n")
    project.assets("""
        from prices.outer import gross
        import prices.outer as outer

        @asset
        def a() -> int:
            executed("a")
            return gross(10)

        @asset
        def b() -> int:
            executed("b")
            return outer.gross(20)

        @asset
        def c() -> int:
            executed("c")
            return 1
    """)
    project.build()


@pytest.mark.parametrize(
    ("file", "old", "new", "named"),
    [
        ("prices/outer.py", "net(value) * RATE", "net(value) * RATE * 2", "gross"),
        ("prices/inner.py", "value - 1", "value - 2", "net"),
        ("prices/outer.py", "RATE = 10", "RATE = 20", "RATE"),
    ],
)
def test_a_changed_helper_is_seen_and_named(project, file, old, new, named):
    with_helpers(project)
    project.edit(old, new, file)
    why = project.why("a")
    assert named in why
    assert old.split()[-1] in why
    assert new.split()[-1] in why
    assert project.build() == {"a": ["code"], "b": ["code"]}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    return value\n", "    return value + 1\n"),
        ("UNUSED = 1", "UNUSED = 2"),
        ("RATE = 10", "RATE = 5 + 5"),
        ("UNUSED = 1", "UNUSED = 1\n\ndef newcomer():\n    return 3"),
    ],
)
def test_an_edit_beside_the_helper_runs_nothing(project, old, new):
    with_helpers(project)
    project.edit(old, new, "prices/outer.py")
    assert project.build() == {}


def test_the_products_of_a_factory_are_told_apart(project):
    project.assets("""
        def times(name, n):
            @asset(key=name)
            def product() -> int:
                executed(name)
                return n * 100
            return product

        times("two", 2)
        times("three", 3)
    """)
    project.build()
    assert project.values() == {"two": 200, "three": 300}
    project.edit('"three", 3', '"three", 4')
    assert project.build() == {"three": ["code"]}


REACHED = {
    "the constant of a default": (
        "SIZE = 3\n",
        "def a(config=None, size=SIZE):",
        "return size",
        "SIZE = 3",
        "SIZE = 4",
    ),
    "a method": (
        "class K:\n    def value(self):\n        return 3\n",
        "def a():",
        "return K().value()",
        "return 3",
        "return 4",
    ),
    "a method of a base class": (
        "class Base:\n    def value(self):\n        return 3\nclass K(Base):\n    pass\n",
        "def a():",
        "return K().value()",
        "return 3",
        "return 4",
    ),
    "a class attribute": ("class K:\n    size = 3\n", "def a():", "return K().size", "size = 3", "size = 4"),
    "the argument of a partial": (
        "import functools\ndef f(x, y):\n    return x * y\ng = functools.partial(f, 3)\n",
        "def a():",
        "return g(2)",
        "(f, 3)",
        "(f, 4)",
    ),
    "the function of a partial": (
        "import functools\ndef f(x, y):\n    return x * y\ng = functools.partial(f, 3)\n",
        "def a():",
        "return g(2)",
        "x * y",
        "x + y",
    ),
    "the default of a dataclass field": (
        "import dataclasses\n@dataclasses.dataclass\nclass P:\n    size: int = 3\n",
        "def a():",
        "return P().size",
        "= 3",
        "= 4",
    ),
    "the value of an enum": (
        "import enum\nclass E(enum.Enum):\n    one = 3\n",
        "def a():",
        "return E.one.value",
        "= 3",
        "= 4",
    ),
    "the default of a model field": (
        "import pydantic\nclass M(pydantic.BaseModel):\n    size: int = 3\nm = M()\n",
        "def a():",
        "return m.size",
        "= 3",
        "= 4",
    ),
    "a list filled after its definition": ("X = [1]\nX.append(3)\n", "def a():", "return X", "(3)", "(4)"),
    "a dispatch table": (
        "def f():\n    return 3\ntable = {'f': f}\n",
        "def a():",
        "return table['f']()",
        "return 3",
        "return 4",
    ),
    "a lambda": ("g = lambda x: x + 3\n", "def a():", "return g(1)", "x + 3", "x + 4"),
    "recursion": (
        "def odd(n):\n    return n and even(n - 1)\ndef even(n):\n    return not n or odd(n - 1)\n",
        "def a():",
        "return bool(odd(3))",
        "not n or",
        "n == 0 or",
    ),
}


@pytest.mark.parametrize("case", REACHED)
def test_what_an_asset_reaches_makes_it_stale(project, case):
    before, head, result, old, new = REACHED[case]
    head = head.replace("config=None, ", "")
    project.assets(f'{before}\n@asset\n{head}\n    executed("a")\n    {result}\n')
    project.build()
    project.edit(old, new)
    assert project.build() == {"a": ["code"]}


def test_the_body_and_the_argument_of_a_decorator_count_but_metadata_does_not(project):
    project.assets("""
        import functools

        def repeated(times):
            def decorate(function):
                @functools.wraps(function)
                def wrapper():
                    return [function()] * times
                return wrapper
            return decorate

        @asset(tags={"tier": "gold"}, owners=["ann"], description="An asset.", group="first")
        @repeated(3)
        def a() -> list:
            executed("a")
            return 1
    """)
    project.build()
    project.edit("repeated(3)", "repeated(2)")
    assert project.build() == {"a": ["code"]}
    project.edit("] * times", "] + [0] * times")
    assert project.build() == {"a": ["code"]}
    project.edit(
        'tags={"tier": "gold"}, owners=["ann"], description="An asset.", group="first"',
        'tags={"tier": "silver"}, owners=["bob"], description="Another text.", group="second", retries=2',
    )
    assert project.build() == {}


def test_imports_inside_a_body_and_in_try_are_followed(project):
    project.write("inside.py", "def value():\n    return 1\n")
    project.write("tried.py", "def value():\n    return 10\n")
    project.assets("""
        try:
            from tried import value
        except ImportError:
            value = None

        @asset
        def a() -> int:
            executed("a")
            import inside
            return inside.value()

        @asset
        def b() -> int:
            executed("b")
            return value()
    """)
    project.build()
    project.edit("return 1", "return 2", "inside.py")
    assert project.build() == {"a": ["code"]}
    project.edit("return 10", "return 20", "tried.py")
    assert project.build() == {"b": ["code"]}


def test_a_computed_getattr_widens_to_the_module_and_doctor_says_so(project):
    project.write("steps.py", "def first():\n    return 1\n\ndef second():\n    return 2\n")
    project.assets("""
        import steps

        NAME = "first"

        @asset
        def a() -> int:
            executed("a")
            return getattr(steps, NAME.lower())()
    """)
    project.build()
    project.edit("return 1", "return 3", "steps.py")
    for command in (["status"], ["materialize", "-n"]):
        assert "see 'assetbuild doctor': a\n" in project.run(*command).stdout
    assert project.build() == {"a": ["code"]}
    assert "getattr" in project.run("doctor", exit_code=None).text


def test_a_handler_registered_at_import_counts(project):
    project.write("registry.py", "HANDLERS = {}\n\ndef handler(f):\n    HANDLERS[f.__name__] = f\n    return f\n")
    project.write("handlers.py", "from registry import handler\n\n@handler\ndef one():\n    return 1\n")
    project.assets("""
        import handlers
        from registry import HANDLERS

        @asset
        def a() -> int:
            executed("a")
            return HANDLERS["one"]()
    """)
    project.build()
    project.edit("return 1", "return 2", "handlers.py")
    assert project.build() == {"a": ["code"]}


def test_a_code_version_replaces_the_code(project):
    project.assets("""
        @asset(code_version="1")
        def a() -> int:
            executed("a")
            return 1
    """)
    project.deterministic = False
    project.build()
    project.edit("return 1", "return 2")
    assert project.build() == {}
    project.edit('code_version="1"', 'code_version="2"')
    assert project.build() == {"a": ["code"]}
    assert project.value("a") == 2


def test_a_new_version_of_a_library_counts_for_what_reaches_it(project, tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    (site / "rounding.py").write_text("def up(x):\n    return x + 1\n")
    project.env["PYTHONPATH"] += f":{site}"
    project.assets("""
        import rounding

        @asset
        def a() -> int:
            executed("a")
            return rounding.up(1)

        @asset
        def b() -> int:
            executed("b")
            return 1
    """)
    install(site, "1.0")
    project.build()
    install(site, "1.1")
    (cause,) = project.causes("a")
    assert (cause["kind"], cause["subject"]) == ("packages", "rounding")
    assert "1.0" in cause["before"]
    assert "1.1" in cause["after"]
    assert project.build() == {"a": ["packages"]}


def install(site, version):
    for old in site.glob("*.dist-info"):
        for file in old.iterdir():
            file.unlink()
        old.rmdir()
    info = site / f"rounding-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: rounding\nVersion: {version}\n")
    (info / "top_level.txt").write_text("rounding\n")
    (info / "RECORD").write_text(f"rounding.py,,\nrounding-{version}.dist-info/METADATA,,\n")


def test_a_syntax_error_is_reported_and_forgets_nothing(project):
    project.assets(CHAIN)
    project.build()
    project.edit("return sorted(a)", "return sorted(a")
    for command in (["materialize"], ["status"], ["list"], ["why", "a"]):
        assert "assets.py:13" in project.refuse(*command)
    project.edit("return sorted(a", "return sorted(a)")
    assert project.build() == {}


def test_code_that_is_edited_while_the_asset_runs_is_not_recorded_as_run(project):
    project.deterministic = False
    project.assets("""
        from pathlib import Path

        @asset
        def a() -> int:
            executed("a")
            if once("edit"):
                path = Path(__file__)
                path.write_text(path.read_text().replace("return 1", "return 2"))
            return 1
    """)
    project.build(plan=False)
    assert project.status() == {"a": "stale"}
    assert project.build() == {"a": ["code"]}
    assert project.value("a") == 2
    assert project.build() == {}
