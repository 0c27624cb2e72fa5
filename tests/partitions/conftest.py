"""``parts``: a project whose assets are built key by key, and what a build of it really ran."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import pytest

from tests.harness.contract import check_plan, check_report

Built = dict[str, list[Any]]

HEADER = """\
from typing import Annotated

import pyarrow as pa

from executions import executed, once, pause

from assetbuild import (
    Context, Cron, Daily, Dynamic, Hourly, Input, Keys, Monthly, Multi, Offset, Static, Weekly, Yearly,
    asset, multi_asset, source,
)
"""


class Parts:
    """A project with partitions: assets log ``executed(f"daily@{key}")``, and those without partitions their name."""

    def __init__(self, project: Any) -> None:
        project.jobs = "0"
        self.project = project
        self.report: Any = None

    def assets(self, body: str) -> None:
        """Write the module of assets, under the imports that all of them need."""
        from textwrap import dedent

        self.project.write("assets.py", HEADER + dedent(body))

    def days(self, values: Mapping[str, int]) -> None:
        """Write a file with one number for each day."""
        for day, number in values.items():
            self.project.write(f"data/{day}.csv", f"n\n{number}\n")

    def build(self, *arguments: str, exit_code: int = 0) -> Built:
        """Materialize; return the keys that were built, by asset. Plan, report and the assets' own log must agree."""
        flags = {"-k", "--keep-going", "--no-wait"}
        planning = [argument for argument in arguments if argument not in flags]
        planned = self.project.run("materialize", "-n", "--json", *planning).json
        check_plan(planned)
        before = len(self.project.log())
        self.report = self.project.run("materialize", "--json", "-j", "0", *arguments, exit_code=exit_code).json
        check_report(self.report)
        built: Built = defaultdict(list)
        for row in self.report["assets"]:
            if row["outcome"] == "built":
                built[row["asset"]].append(row["partition"])
        ran = {
            f"{row['asset']}@{row['partition']}" if row["partition"] else row["asset"]
            for row in self.report["assets"]
            if row["outcome"] in {"built", "failed"}
        }
        logged = self.project.log()[before:]
        assert set(logged) <= ran, f"executed {logged}, reported {sorted(ran)}"
        assert len(logged) == len(set(logged)), f"something ran twice: {logged}"
        self._compare(planned["assets"], built)
        self.project.settled = exit_code == 0 and not arguments
        return dict(built)

    def _compare(self, planned: list[Any], built: Built) -> None:
        reported = self.report["assets"]
        # An asset whose keys only its upstream's value will tell is one row of a plan, and then as many as it has keys.
        open_assets = {row["asset"] for row in planned if row["partition"] is None} & {
            row["asset"] for row in reported if row["partition"] is not None
        }
        allowed = {(row["asset"], row["partition"]) for row in planned if row["action"] in {"run", "check"}}
        ran = {(asset, key) for asset, keys in built.items() if asset not in open_assets for key in keys}
        assert ran <= allowed, "more ran than was planned"
        both = [
            [(row["asset"], row["partition"]) for row in rows if row["asset"] not in open_assets]
            for rows in (planned, reported)
        ]
        assert both[0] == both[1], "the plan and the report list different partitions"

    def causes(self, asset: str, key: str | None) -> list[str]:
        """Return the kinds of causes in the last report."""
        (row,) = (row for row in self.report["assets"] if (row["asset"], row["partition"]) == (asset, key))
        return sorted({cause["kind"] for cause in row["causes"]})

    def outcomes(self, asset: str) -> dict[str | None, str]:
        """Return the outcome of every key of an asset in the last report."""
        return {row["partition"]: row["outcome"] for row in self.report["assets"] if row["asset"] == asset}

    def status(self, asset: str, *arguments: str) -> dict[str | None, str]:
        """Return the status of every key of an asset."""
        document = self.project.run("status", "--json", *arguments).json
        check_plan(document)
        return {row["partition"]: row["status"] for row in document["assets"] if row["asset"] == asset}

    def value(self, asset: str, key: str | None = None) -> Any:
        """Return a published value."""
        return self.project.value(asset if key is None else f"{asset}/{key}")

    def refused(self, *arguments: str) -> str:
        """Run a command that must be refused; return what it says."""
        return str(self.project.refuse(*(arguments or ("materialize",))))


@pytest.fixture
def parts(project: Any) -> Parts:
    return Parts(project)
