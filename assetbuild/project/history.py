"""What the assets of a past run wrote, and how they ended."""

from __future__ import annotations

from collections.abc import Sequence

from assetbuild.dataclass import dataclass
from assetbuild.errors import Problem, UsageError, closest
from assetbuild.materialize.logs import captured_output
from assetbuild.project.opened import Opened
from assetbuild.record.model import RunRow

__all__ = ["AssetLog", "logs"]


@dataclass(frozen=True, slots=True)
class AssetLog:
    """What one asset wrote in one run, and how that ended."""

    asset: str
    partition: str | None
    outcome: str
    error: str | None
    text: str


def logs(opened: Opened, run: str, asset: str | None) -> list[AssetLog]:
    """Return what the assets of a run wrote; raises UsageError for an unknown run, and an asset that did not run."""
    with opened.record() as record:
        runs = record.runs()
        if asset is not None and run in {"last", "latest"}:  # the last run in which that asset did anything
            runs = [
                row
                for row in runs
                if any(row.run_id == past.run_id for past in record.materializations(asset=asset, limit=1))
            ]
        run_id = _run_id(run, runs)
        rows = [row for row in reversed(record.materializations(run_id=run_id)) if asset is None or row.asset == asset]
    if asset is not None and not rows:
        raise UsageError(Problem(f"asset {asset!r} did not run in run {run_id}", (), "See 'assetbuild runs'."))
    settings = opened.loaded().settings
    return [
        AssetLog(
            row.asset,
            row.partition,
            row.outcome,
            row.error,
            captured_output(settings, run_id, row.asset, row.partition),
        )
        for row in rows
    ]


def _run_id(run: str, runs: Sequence[RunRow]) -> str:
    if run in {"last", "latest"} and runs:
        return runs[0].run_id
    found = [row.run_id for row in runs if row.run_id.startswith(run)]
    if len(found) == 1 or run in found:
        return run if run in found else found[0]
    near = closest(run, [row.run_id for row in runs])
    headline = f"{len(found)} runs begin with {run!r}" if found else f"no run is called {run!r}"
    facts = (("candidates", ", ".join(found[:5])),) if found else (("closest", near),) if near else ()
    raise UsageError(Problem(headline, facts, "See 'assetbuild runs'."))
