"""Config values and environment variables: what of them rebuilds what, and that secrets stay secret."""

from __future__ import annotations

import pytest

CONFIGURED = """
from assetbuild import Config

class Limits(Config):
    low: int = 1
    high: float = 5.0

@asset
def a(config: Limits) -> int:
    executed("a")
    return config.low

@asset
def b(config: Limits) -> float:
    executed("b")
    return config.high

@asset
def c(a: int) -> int:
    executed("c")
    return a + 1
"""

SETTINGS = """\
[config.a]
low = 2
high = 1.0

[config.b]
high = 7.5
"""


def test_a_changed_config_value_rebuilds_what_reads_it(project):
    project.assets(CONFIGURED)
    project.write("assetbuild.toml", SETTINGS)
    project.build()
    project.edit("high = 7.5", "high = 8.5", "assetbuild.toml")
    (cause,) = project.causes("b")
    assert (cause["kind"], cause["subject"], cause["before"], cause["after"]) == ("config", "high", "7.5", "8.5")
    assert project.build() == {"b": ["config"]}
    project.edit("low = 2", "low = 3", "assetbuild.toml")
    assert project.build() == {"a": ["config"], "c": ["data"]}


def test_rewriting_the_config_file_with_equal_values_runs_nothing(project):
    project.assets(CONFIGURED)
    project.write("assetbuild.toml", SETTINGS)
    project.build()
    project.write("assetbuild.toml", "# Limits.\n[config.b]\nhigh  =  7.50\n[config.a]\nhigh = 1.00\nlow = 2 # two\n")
    assert project.build() == {}


def test_the_order_of_keys_in_a_table_does_not_count(project):
    project.assets("""
        from assetbuild import Config

        class Rates(Config):
            by_country: dict[str, float] = {}

        @asset
        def a(config: Rates) -> float:
            executed("a")
            return sum(config.by_country.values())
    """)
    project.write("assetbuild.toml", "[config.a.by_country]\nat = 0.2\nde = 0.19\n")
    project.build()
    project.write("assetbuild.toml", "[config.a]\nby_country = { de = 0.19, at = 0.20 }\n")
    assert project.build() == {}


def test_a_default_that_is_said_explicitly_runs_nothing(project):
    project.assets(CONFIGURED)
    project.build()
    project.write("assetbuild.toml", "[config.a]\nlow = 1\n\n[config.b]\nhigh = 5.0\n")
    assert project.build() == {}
    assert project.build("--set", "a.low=1") == {}


def test_pyproject_holds_config_as_well(project):
    project.assets(CONFIGURED)
    project.write("pyproject.toml", "[tool.assetbuild.config.a]\nlow = 4\n")
    project.build()
    assert project.values() == {"a": 4, "b": 5.0, "c": 5}
    project.edit("low = 4", "low = 5", "pyproject.toml")
    assert project.build() == {"a": ["config"], "c": ["data"]}


def test_set_wins_over_a_config_file_and_that_over_the_project(project):
    project.assets(CONFIGURED)
    project.write("assetbuild.toml", "[config.a]\nlow = 2\n")
    project.write("more.toml", "[a]\nlow = 3\n")
    project.write("more.json", '{"a": {"low": 3}}')
    project.build("a")
    assert project.build("a", "--config", str(project.path("more.toml"))) == {"a": ["config"]}
    assert project.value("a") == 3
    assert project.build("a", "--config", str(project.path("more.json"))) == {}
    assert project.build("a", "--config", str(project.path("more.toml")), "--set", "a.low=4") == {"a": ["config"]}
    assert project.value("a") == 4


def test_set_works_on_status_and_why(project):
    project.assets(CONFIGURED)
    project.build()
    assert project.status("--set", "a.low=9") == {"a": "stale", "b": "fresh", "c": "pending"}
    assert "low" in project.why("a", "--set", "a.low=9")
    assert project.status() == {"a": "fresh", "b": "fresh", "c": "fresh"}


def test_a_declared_environment_variable_counts_and_others_do_not(project):
    project.assets("""
        @asset(env=["MODE"])
        def a() -> int:
            executed("a")
            return 1

        @asset
        def b() -> int:
            executed("b")
            return 2
    """)
    project.build(MODE="fast")
    assert project.build(MODE="fast", OTHER="1", TZ="Asia/Tokyo", LC_ALL="C") == {}
    (cause,) = project.causes("a", MODE="slow")
    assert (cause["kind"], cause["subject"]) == ("env", "MODE")
    assert project.build(MODE="slow") == {"a": ["env"]}
    assert project.build() == {"a": ["env"]}


@pytest.mark.parametrize("read", ['os.environ["MODE"]', 'os.environ.get("MODE")', 'os.getenv("MODE", "x")'])
def test_a_variable_that_is_read_by_a_constant_name_counts(project, read):
    project.assets(f"""
        import os

        def mode():
            return {read}

        @asset
        def a() -> str:
            executed("a")
            return mode()
    """)
    project.build(MODE="fast")
    assert project.value("a") == "fast"
    assert project.build(MODE="fast") == {}
    assert project.build(MODE="slow") == {"a": ["env"]}
    assert project.value("a") == "slow"


SECRET = "hunter2-correct-horse"
OTHER = "tr0ub4dor-battery-staple"


def test_secrets_are_stored_and_shown_nowhere_and_still_count(project):
    project.assets("""
        import os

        from pydantic import SecretStr

        from assetbuild import Config

        class Login(Config):
            user: str = "ann"
            password: SecretStr = SecretStr("none")

        @asset
        def a(config: Login) -> int:
            executed("a")
            return len(config.password.get_secret_value())

        @asset
        def b() -> int:
            executed("b")
            return len(os.environ["TOKEN"])
    """)
    project.run("materialize", "--set", f"a.password={SECRET}", TOKEN=SECRET)
    seen = ""
    for command in COMMANDS:
        config = ["--set", f"a.password={OTHER}"] if command[0] in {"status", "why", "materialize"} else []
        seen += project.run(*command, *config, exit_code=None, TOKEN=OTHER).text
    assert sorted(project.log()) == ["a", "a", "b", "b"]
    for secret in (SECRET, OTHER):
        assert secret not in seen
        assert secret.encode() not in project.stored_bytes()


COMMANDS = [
    ("status",),
    ("status", "--json"),
    ("why", "a"),
    ("why", "a", "--json"),
    ("why", "b"),
    ("materialize", "-n"),
    ("materialize",),
    ("runs",),
    ("runs", "--json"),
    ("show", "a"),
    ("show", "a", "--json"),
    ("list", "--json"),
    ("doctor",),
]


def test_a_secret_does_not_leak_when_it_is_refused_or_the_asset_fails(project):
    project.assets("""
        from pydantic import SecretStr

        from assetbuild import Config

        class Login(Config):
            password: SecretStr
            size: int = 1

        @asset
        def a(config: Login) -> int:
            executed("a")
            raise ValueError(repr(config))
    """)
    refused = project.refuse("materialize", "--set", f"a.password={SECRET}", "--set", "a.size=big")
    failed = project.run("materialize", "--set", f"a.password={SECRET}", exit_code=1).text
    assert SECRET not in refused + failed
    assert SECRET.encode() not in project.stored_bytes()


def test_a_secret_default_is_not_stored_with_the_source(project):
    project.assets(f"""
        from pydantic import SecretStr

        from assetbuild import Config

        class Login(Config):
            password: SecretStr = SecretStr("{SECRET}")

        @asset
        def a(config: Login) -> int:
            return len(config.password.get_secret_value())
    """)
    project.write("assetbuild.toml", f'[config.a]\npassword = "{OTHER}"\n')
    project.run("materialize")
    stored = project.stored_bytes()
    assert SECRET.encode() not in stored
    assert OTHER.encode() not in stored
