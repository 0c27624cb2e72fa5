"""The benchmark: assetbuild side by side with its peers, real work, and growth. Prints tables and writes JSON.

    python -m benchmarks.bench [--profile quick|full] [--only peers,tpch] [--tools make,doit] [--scale 1] [--json FILE]

Everything is measured in one run on one machine: whole processes, medians of several, the tools taking turns. What the
tools need is installed into environments of their own outside of the repository, see ``measure/environments.py``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure.detects import detect
from benchmarks.measure.floor import floors
from benchmarks.measure.machine import about_machine
from benchmarks.measure.rounds import CASES, compare
from benchmarks.peers.every import EVERY
from benchmarks.peers.peer import Peer
from benchmarks.scale.growth import growth
from benchmarks.tpch.compare import compare_tpch

RESULTS = Path(__file__).parent / "results"
SECTIONS = ("floors", "detects", "peers", "tpch", "scaling")


@dataclass(frozen=True, slots=True)
class Profile:
    """How much is measured: (assets, rounds, whether slow tools take part), and sizes to grow to."""

    tables: tuple[tuple[int, int, bool], ...]
    sizes: tuple[int, ...]
    partitions: tuple[int, ...]
    tpch_rounds: int


PROFILES = {
    "tiny": Profile(((60, 1, True),), (10, 100), (100,), 1),
    "quick": Profile(((100, 1, True), (1000, 3, False)), (10, 100, 1000, 10_000), (10_000,), 2),
    "full": Profile(
        ((100, 3, True), (1000, 5, True)), (10, 100, 1000, 10_000, 100_000), (10_000, 100_000, 1_000_000), 5
    ),
}


def main() -> None:
    """Measure, print and write."""
    options = _options()
    profile = PROFILES[options.profile]
    sections = options.only.split(",") if options.only else SECTIONS
    wanted = options.tools.split(",") if options.tools else [peer.key for peer in EVERY]
    peers = [peer for peer in EVERY if peer.key in wanted]
    target = options.json or RESULTS / f"{options.profile}.json"
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        folder = Path(temporary)
        measures: dict[str, Callable[[], Any]] = {
            "floors": lambda: floors(folder, _say),
            "detects": lambda: detect([peer for peer in peers if "leaf" in peer.cases], folder / "detects", _say),
            "peers": lambda: [_table(peers, *table, folder / f"{table[0]}") for table in profile.tables],
            "tpch": lambda: compare_tpch(options.scale, profile.tpch_rounds, folder / "tpch", _say),
            "scaling": lambda: growth(profile.sizes, profile.partitions, folder / "scale", _say),
        }
        found = json.loads(target.read_text()) if target.exists() and options.only else {}
        found |= {"profile": options.profile, "machine": about_machine()}
        for section in SECTIONS:
            if section in sections:
                _say(f"== {section}")
                found[section] = measures[section]()
    found["seconds"] = round(time.monotonic() - began)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(found, indent=1) + "\n")
    _say(f"{found['seconds']} s; written to {target}")


def _table(peers: list[Peer], count: int, rounds: int, slow: bool, folder: Path) -> dict[str, Any]:  # noqa: FBT001
    _say(f"-- {count} assets, two inputs each, 100 rows; median seconds of the whole process (assets that ran)")
    chosen = [peer for peer in peers if slow or not peer.slow]
    result = compare(chosen, count, rounds, folder, _say)
    _say(f"  {'':<22}" + "".join(f"{case:>16}" for case in CASES))
    for tool in result["tools"].values():
        if "cases" in tool:
            _say(f"  {tool['name']:<22}" + "".join(f"{_cell(tool['cases'].get(case)):>16}" for case in CASES))
    return result


def _cell(case: dict[str, Any] | None) -> str:
    if case is None:
        return "-"
    return f"{case['wall_s']:.3f}" + (f" ({case['ran']})" if case["must"] is not None else "")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", choices=PROFILES, default="quick")
    parser.add_argument(
        "--only", help=f"sections to measure anew, of {', '.join(SECTIONS)}; the others stay in the file"
    )
    parser.add_argument("--tools", help=f"tools, of {', '.join(peer.key for peer in EVERY)}")
    parser.add_argument("--scale", type=float, default=1.0, help="the scale factor of TPC-H")
    parser.add_argument("--json", type=Path, help="where to write")
    return parser.parse_args()


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
