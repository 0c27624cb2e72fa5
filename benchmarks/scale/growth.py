"""How time and memory grow: with the number of assets, and with the number of partitions.

Every size is a project of its own; every command is a process of its own. ``load`` reads the definitions and computes
every code version, as after an edit; ``noop`` is ``materialize`` with nothing to do.

By itself, for sizes that the benchmark leaves out because to build them takes hours:

    python -m benchmarks.scale.growth --assets 30000 --partitions 100x10000,1000x1000
    python -m benchmarks.scale.growth --assets 100000 --load-only
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measure.graph import WIDTH, Layered
from benchmarks.measure.process import CommandFailedError, measured
from benchmarks.peers.ours import OURS
from benchmarks.peers.peer import Place

__all__ = ["growth"]

SMALL = 1000
"""Up to this size commands are repeated more often."""

PARTITIONED = """from datetime import date

import pyarrow as pa

from assetbuild import Daily, asset

days = Daily("2000-01-01", "{end}")

{assets}
"""
PARTITIONED_ASSET = """
@asset(partitions=days)
def p{n}({inputs}) -> pa.Table:
    return pa.table({{"x": [{n}]}})
"""
DAYS = 1000


def growth(
    sizes: Sequence[int], pairs: Sequence[int], folder: Path, say: Callable[[str], None]
) -> dict[str, list[dict[str, Any]]]:
    """Measure each size. Nothing is deleted before the end, as in ``measure/rounds.py``."""
    return {
        "assets": [_assets(size, folder / f"assets-{size}", say) for size in sizes],
        "partitions": [_partitions(*_shape(size), folder / f"partitions-{size}", say) for size in pairs],
    }


def _shape(pairs: int) -> tuple[int, int]:
    """Return how many assets by day, and days, make so many pairs."""
    assets = max(1, pairs // 10_000)
    return assets, pairs // assets


def main() -> None:
    """Measure sizes that were asked for, and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", default="", help="numbers of assets, such as 10000,30000")
    parser.add_argument("--partitions", default="", help="assets x days, such as 100x10000,1000x1000")
    parser.add_argument(
        "--load-only", action="store_true", help="build nothing: load, and status of what was never built"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="growth-") as temporary:
        folder = Path(temporary)
        for size in map(int, filter(None, options.assets.split(","))):
            _assets(size, folder / f"assets-{size}", _say, build=not options.load_only)
        for shape in filter(None, options.partitions.split(",")):
            assets, days = map(int, shape.split("x"))
            _partitions(assets, days, folder / f"partitions-{shape}", _say, build=not options.load_only)


def _assets(size: int, folder: Path, say: Callable[[str], None], *, build: bool = True) -> dict[str, Any]:
    """Measure a layered graph of this size, from the first load to the edit of a leaf."""
    place = Place(OURS, folder)
    graph = Layered(size, width=min(WIDTH, size // 2))
    place.write(graph)
    few = 5 if size <= SMALL else 3
    found: dict[str, Any] = {"assets": size}
    if not build:
        (folder / ".assetbuild").mkdir()  # so that the manifest is kept
    found["load"] = _measure(place, ("list",), 1)
    if not build:
        found["status"] = _measure(place, ("status",), few)
        say(f"  {size:>9,} assets             {_line(found)}")
        return found
    found["cold"] = _measure(place, ("materialize",), 1)
    found["first"] = _measure(place, ("materialize",), 1)
    _measure(place, ("status",), 1)
    found["noop"] = _measure(place, ("materialize",), few)
    found["status"] = _measure(place, ("status",), few)
    graph = graph.edited("leaf")
    place.ran()
    place.write(graph)
    found["leaf"] = _measure(place, ("materialize",), 1)
    found["ran"] = len(place.ran())
    say(f"  {size:>9,} assets             {_line(found)}")
    return found


def _partitions(
    assets: int, days: int, folder: Path, say: Callable[[str], None], *, build: bool = True
) -> dict[str, Any]:
    """Measure a chain of assets by day, of which about 1,000 pairs of an asset and a day are built."""
    from datetime import date, timedelta  # noqa: PLC0415  # only here

    pairs = assets * days
    end = date(2000, 1, 1) + timedelta(days=days)
    bodies = [PARTITIONED_ASSET.format(n=n, inputs=f"p{n - 1}: pa.Table" if n else "") for n in range(assets)]
    place = Place(OURS, folder)
    (folder / ".assetbuild").mkdir(parents=True)
    (folder / "assets.py").write_text(PARTITIONED.format(end=end.isoformat(), assets="\n".join(bodies)))
    found: dict[str, Any] = {"pairs": pairs, "assets": assets, "days": days}
    last = (date(2000, 1, 1) + timedelta(days=min(days, DAYS // assets or 1) - 1)).isoformat()
    try:
        found["load"] = _measure(place, ("list",), 1)
        if build:
            found["cold"] = _measure(place, ("materialize", "--partition", f"2000-01-01..{last}"), 1)
            found["noop"] = _measure(place, ("materialize", "--partition", f"2000-01-01..{last}"), 3)
        found["status"] = _measure(place, ("status",), 3)
    except CommandFailedError as error:
        found["missing"] = str(error).strip().splitlines()[-1][:200]
    say(f"  {pairs:>9,} asset-partitions   {found.get('missing') or _line(found)}")
    return found


def _measure(place: Place, arguments: tuple[str, ...], times: int) -> dict[str, float]:
    command = place.command(("{bin}/assetbuild", *arguments))
    runs = [measured(command, place.folder) for _ in range(times)]
    return {
        "wall_s": round(statistics.median(run.wall_s for run in runs), 4),
        "peak_mb": round(max(run.peak_mb for run in runs), 1),
    }


def _line(found: dict[str, Any]) -> str:
    cases = ((name, case) for name, case in found.items() if isinstance(case, dict))
    return "  ".join(f"{name} {case['wall_s']:.3f} s {case['peak_mb']:.0f} MB" for name, case in cases)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
