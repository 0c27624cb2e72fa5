"""One table: every tool builds the same graph, case by case, in rounds that go round the tools.

In: tools and a number of assets. Out: a dictionary for JSON, with every single measurement, its median, how many assets
ran and how many had to.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.measure.environments import NotInstalledError
from benchmarks.measure.graph import Layered
from benchmarks.measure.process import CommandFailedError, Run, measured
from benchmarks.peers.peer import Peer, Place

__all__ = ["CASES", "compare"]

CASES = ("cold", "first", "noop", "leaf", "equal", "root", "status", "help", "import")
EDITS = ("leaf", "equal", "root")


@dataclass(slots=True)
class _Case:
    runs: list[Run] = field(default_factory=list)
    ran: list[int] = field(default_factory=list)
    must: int | None = None

    def document(self) -> dict[str, Any]:
        return {
            "wall_s": round(statistics.median(run.wall_s for run in self.runs), 4),
            "cpu_s": round(statistics.median(run.cpu_s for run in self.runs), 4),
            "peak_mb": round(max(run.peak_mb for run in self.runs), 1),
            "ran": max(self.ran, default=0),
            "must": self.must,
            "all_wall_s": [round(run.wall_s, 4) for run in self.runs],
        }


def compare(
    peers: Sequence[Peer], count: int, rounds: int, folder: Path, say: Callable[[str], None], *, repeats: int = 3
) -> dict[str, Any]:
    """Measure the tools on a graph of ``count`` assets. Slow ones take part in the first round only.

    What changes nothing is measured ``repeats`` times in a round. Each round has a new folder, and nothing is deleted
    before the end: for some seconds after a deletion ext4 looks for inodes that were not used of late, which makes each
    new file cost ten times as much, and the more the more there were.
    """
    places: dict[str, Place] = {}
    result: dict[str, Any] = {"assets": count, "rounds": rounds, "tools": {}}
    for peer in peers:
        if count > peer.largest:
            continue
        about = {"name": peer.name, "note": peer.note}
        try:
            places[peer.key] = Place(peer, folder / peer.key)
            result["tools"][peer.key] = {**about, "version": places[peer.key].version}
        except NotInstalledError as error:
            result["tools"][peer.key] = {**about, "missing": str(error)}
            say(f"  {peer.name:<22} not installed: {error}")
    cases: dict[str, dict[str, _Case]] = {key: {} for key in places}
    for turn in range(rounds):
        for key, place in list(places.items()):
            if turn and (place.peer.slow or count >= place.peer.once_from):
                continue
            place.folder = folder / key / str(turn)
            try:
                value = _round(place, count, cases[key], 1 if place.peer.slow or not place.peer.skips else repeats)
            except CommandFailedError as error:
                result["tools"][key]["missing"] = f"failed: {error}"
                say(f"  {place.peer.name:<22} failed: {error}")
                del places[key], cases[key]
                continue
            result["tools"][key]["value"] = value
    result["values_agree"] = len({tool["value"] for tool in result["tools"].values() if "value" in tool}) == 1
    if not result["values_agree"]:
        say("  the tools' values differ: their times must not be compared")
    for key, found in cases.items():
        result["tools"][key]["cases"] = {case: found[case].document() for case in CASES if case in found}
    return result


def _round(place: Place, count: int, cases: dict[str, _Case], repeats: int) -> str:
    """Measure one tool once, from nothing to an edit of the root; return the last value of the first build."""
    peer = place.peer
    graph = Layered(count)
    place.write(graph)

    def measure(
        case: str, command: tuple[str, ...], must: int | None, times: int = 1, codes: Sequence[int] = ()
    ) -> None:
        if not command:
            return
        found = cases.setdefault(case, _Case(must=must))
        for _ in range(times):
            run = measured(place.command(command), place.folder, env=place.env, allowed=(0, *codes))
            found.runs.append(run)
            found.ran.append(len(place.ran()))

    measure("cold", peer.build, count)
    value = _value(place, count)
    if (
        repeats > 1 and "noop" in peer.cases
    ):  # what a tool notes when it finds nothing to do makes it faster the next time
        measure("first", peer.build, 0)
        measure("status", peer.status, 0, 1, (1, 3))
    if "noop" in peer.cases:
        measure("noop", peer.build, 0, repeats)
    measure("status", peer.status, 0, repeats, (1, 3))
    measure("help", peer.help, None, repeats)
    measure("import", peer.imports, None, repeats)
    for edit in EDITS:
        if edit in peer.cases:
            graph = graph.edited(edit)
            place.write(graph)
            measure(edit, peer.build, graph.must_run(edit))
    return value


def _value(place: Place, count: int) -> str:
    """Return a summary of the last asset's value: the same for all tools."""
    read = place.command(("{python}", "read.py", f"a{count - 1}"))
    return measured(read, place.folder, env=place.env).output.strip()
