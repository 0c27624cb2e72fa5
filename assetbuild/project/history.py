"""What ran and runs, what its assets wrote, and how they ended."""

from __future__ import annotations

from collections.abc import Sequence

from assetbuild.dataclass import dataclass, replace
from assetbuild.errors import Problem, UsageError, closest
from assetbuild.materialize.logs import captured_output
from assetbuild.project.opened import Opened
from assetbuild.record.lock import is_running
from assetbuild.record.model import RunRow
from assetbuild.record.state import Record

__all__ = ["AssetLog", "logs", "runs"]

_LAST = frozenset({"last", "latest"})


@dataclass(frozen=True, slots=True)
class AssetLog:
    """What one asset wrote in one run, and how that ended."""

    asset: str
    partition: str | None
    outcome: str
    error: str | None
    text: str


def runs(opened: Opened, limit: int | None) -> list[RunRow]:
    """Return past runs and those that go on, newest first."""
    folder = opened.settings.state_folder
    with opened.record() as record:
        rows = record.runs(limit)
        dead = {row.run_id for row in rows if row.status == "running" and not is_running(folder, row.run_id)}
        if dead:  # it may have ended meanwhile, which it records first
            rows = record.runs(limit)
    return [replace(row, status="killed") if row.status == "running" and row.run_id in dead else row for row in rows]


def logs(opened: Opened, run: str, asset: str | None) -> list[AssetLog]:
    """Return what the assets of a run wrote; raises UsageError for an unknown run, and an asset that did not run."""
    settings = opened.settings
    with opened.record() as record:
        run_id = _run_id(run, record.runs()) if asset is None or run not in _LAST else _last(asset, record)
        rows = [row for row in reversed(record.materializations(run_id=run_id)) if asset is None or row.asset == asset]
    if asset is not None and not rows:
        raise UsageError(Problem(f"asset {asset!r} did not run in run {run_id}", (), "See 'assetbuild runs'."))
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


def _last(asset: str, record: Record) -> str:
    """Return the last run in which an asset did anything."""
    for past in record.materializations(asset=asset, limit=1):
        return past.run_id
    raise UsageError(Problem(f"asset {asset!r} has not run yet, or runs still", (), "See 'assetbuild list'."))


def _run_id(run: str, runs: Sequence[RunRow]) -> str:
    if run in _LAST and runs:
        return runs[0].run_id
    found = [row.run_id for row in runs if row.run_id.startswith(run)]
    if len(found) == 1 or run in found:
        return run if run in found else found[0]
    near = closest(run, [row.run_id for row in runs])
    headline = f"{len(found)} runs begin with {run!r}" if found else f"no run is called {run!r}"
    facts = (("candidates", ", ".join(found[:5])),) if found else (("closest", near),) if near else ()
    raise UsageError(Problem(headline, facts, "See 'assetbuild runs'."))
