"""What people read: transcripts of commands when piped, at 100 columns, compared word for word.

``ASSETBUILD_UPDATE_GOLDEN=1`` writes the files in ``golden/`` anew; read the difference before you keep it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"

HELPERS = """\
def clean(rows):
    return [row for row in rows if row > 0]
"""

ASSETS = """\
import helpers
from assetbuild import Config, asset, source

source("orders", "data/orders.csv")


class Limits(Config):
    top: int = 2


@asset(group="raw", description="Orders without returns.")
def clean_orders(orders) -> list:
    return helpers.clean(orders["n"].to_pylist())


@asset(env=["REGION"])
def largest(clean_orders: list, config: Limits) -> list:
    return sorted(clean_orders)[-config.top :]


@asset
def report(largest: list) -> str:
    return ", ".join(map(str, largest))


@asset
def apart() -> int:
    return 1
"""

VOLATILE = (
    (r"\d{8}T\d{6}-[0-9a-f]{6}", "RUN"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME"),
    (r"(just now|\d+ (seconds?|s) ago)", "AGO"),
    (r" +\d+(\.\d+)? (ms|s)\b", " SECONDS"),
    (r"\b[0-9a-f]{32}\b", "VERSION"),
    (r"CPython \S+ on \w+", "PYTHON"),
)


class Transcript:
    """Runs commands and writes down what they print, without what differs from run to run."""

    def __init__(self, project) -> None:
        self.project = project
        self.text = ""

    def run(self, *arguments: str, **env: str) -> None:
        ran = self.project.run(*arguments, exit_code=None, **env)
        shown = " ".join(f"'{argument}'" if " " in argument else argument for argument in arguments)
        code = f"[exit code {ran.exit_code}]\n" if ran.exit_code else ""
        text = (ran.stdout + ran.stderr).replace(str(self.project.root), "PROJECT")
        for pattern, word in VOLATILE:
            text = re.sub(pattern, word, text)
        self.text += f"$ assetbuild {shown}\n{text}{code}\n"

    def check(self, name: str) -> None:
        path = GOLDEN / f"{name}.txt"
        if os.environ.get("ASSETBUILD_UPDATE_GOLDEN"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(self.text)
        assert self.text == path.read_text()


@pytest.fixture
def transcript(project):
    project.write("helpers.py", HELPERS)
    project.write("assets.py", ASSETS)
    project.write("data/orders.csv", "n\n1\n2\n3\n")
    project.env["REGION"] = "north"
    return Transcript(project)


def test_first_build(transcript):
    transcript.run("status")
    transcript.run("materialize", "-n")
    transcript.run("materialize", "-j", "1")
    transcript.run("materialize")
    transcript.run("status")
    transcript.run("status", "--all")
    transcript.check("first_build")


def test_after_an_edit(transcript):
    transcript.project.run("materialize")
    transcript.project.edit("row > 0", "row > 1", "helpers.py")
    transcript.run("status")
    transcript.run("why", "clean_orders")
    transcript.run("why", "report")
    transcript.run("why", "apart")
    transcript.run("materialize", "-n")
    transcript.run("materialize", "-j", "1")
    transcript.project.edit("row > 1", "row > 0", "helpers.py")
    transcript.run("status")
    transcript.run("materialize")
    transcript.check("after_an_edit")


def test_every_kind_of_cause(transcript):
    project = transcript.project
    project.run("materialize")
    project.edit("top: int = 2", "top: int = 1")
    project.edit("sorted(clean_orders)", "sorted(clean_orders, reverse=True)")
    project.write("data/orders.csv", "n\n1\n2\n30\n")
    project.write("warehouse/report.txt", "by hand")
    project.delete("warehouse/apart.json")
    transcript.run("status", REGION="south")
    transcript.run("why", "largest", REGION="south")
    transcript.run("why", "clean_orders")
    transcript.run("why", "report")
    transcript.run("why", "apart")
    transcript.run("materialize", "-j", "1", REGION="south")
    transcript.check("every_kind_of_cause")


def test_a_failure(transcript):
    transcript.project.run("materialize")
    transcript.project.edit("return helpers", "return 1 / 0 or helpers")
    transcript.run("materialize", "-k", "-j", "1")
    transcript.run("status")
    transcript.run("why", "clean_orders")
    transcript.run("materialize", "--frozen")
    transcript.run("materialize", "--only", "report")
    transcript.check("a_failure")


def test_bad_definitions(transcript):
    transcript.project.edit("largest: list)", "largets: list)")
    transcript.project.edit("def apart()", "def largest()")
    transcript.run("materialize")
    transcript.run("materialise")
    transcript.project.edit("largets: list)", "largest: list)")
    transcript.project.edit("def largest() -> int", "def apart() -> int")
    transcript.run("materialize", "largets")
    transcript.run("status", "--set", "largest.tpo=3")
    transcript.run("status", "--set", "largest.top=many")
    transcript.check("bad_definitions")


def test_looking_around(transcript):
    transcript.project.run("materialize")
    transcript.run("list")
    transcript.run("graph")
    transcript.run("graph", "--format", "mermaid")
    transcript.run("show", "clean_orders")
    transcript.run("show", "orders")
    transcript.run("runs")
    transcript.run("doctor")
    transcript.run("gc", "-n")
    transcript.check("looking_around")
