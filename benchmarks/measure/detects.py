"""What each tool notices, and what it does about it: small experiments, not belief.

Every experiment begins with a small graph that is built, does one thing, builds again, and looks at two facts: which
assets ran, and whether the values of the first and the last asset are now what a clean build would give.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.measure.environments import NotInstalledError
from benchmarks.measure.graph import Layered
from benchmarks.measure.process import CommandFailedError, measured
from benchmarks.peers.peer import Peer, Place

__all__ = ["EXPERIMENTS", "detect"]

COUNT, WIDTH = 6, 2

EXPERIMENTS = {
    "body": "the asset's function is edited",
    "helper": "a function that it calls, in another module, is edited",
    "config": "a setting that it reads is changed",
    "comment": "a comment is added",
    "touch": "its file is saved again, unchanged",
    "tamper": "its stored value is overwritten by other data",
    "delete": "its stored value is deleted",
    "revert": "an edit is taken back after a build",
}


def detect(peers: Sequence[Peer], folder: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Return for each tool and experiment a verdict, and the number of assets that ran. Nothing is timed."""
    result: dict[str, Any] = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for peer, found in zip(peers, pool.map(lambda peer: _tool(peer, folder / peer.key), peers), strict=True):
            if found:
                result[peer.key] = found
                verdicts = ", ".join(f"{name}: {each['verdict']}" for name, each in found.items())
                say(f"  {peer.name:<22} {verdicts}")
    return result


def _tool(peer: Peer, folder: Path) -> dict[str, Any]:
    """Make the experiments with one tool, each on what the one before left, unless that is wrong."""
    try:
        place = Place(peer, folder)
    except NotInstalledError:
        return {}
    found: dict[str, Any] = {}
    graph = None
    for experiment in EXPERIMENTS:
        try:
            if graph is None:
                graph = _fresh(place)
            graph, found[experiment] = _try(place, graph, experiment)
        except CommandFailedError as error:
            found[experiment] = {"verdict": "fails", "ran": 0, "error": str(error).strip().splitlines()[-1][:200]}
        if found[experiment]["verdict"] in ("fails", "wrong"):
            graph = None
    return found


def _fresh(place: Place) -> Layered:
    """Build a new graph."""
    shutil.rmtree(place.folder, ignore_errors=True)
    graph = Layered(COUNT, width=WIDTH)
    place.write(graph)
    _build(place)
    return graph


def _try(place: Place, graph: Layered, experiment: str) -> tuple[Layered, dict[str, Any]]:
    """Make one experiment, and return the graph that it leaves with the verdict."""
    if experiment in ("body", "helper", "config", "comment"):
        graph = graph.edited({"body": "root"}.get(experiment, experiment), noted=False)
        place.write(graph)
    elif experiment == "revert":
        place.write(graph.edited("root"))
        _build(place)
        place.write(graph)
    elif experiment == "touch":
        for path in place.sources():
            path.touch()
    else:
        program = f"{experiment}.py"
        measured(place.command(("{python}", program, "a0")), place.folder, env=place.env)
    ran = _build(place)
    verdict = _verdict(right=_is_right(place, graph), ran=ran, quiet=experiment in ("comment", "touch", "revert"))
    return graph, verdict


def _verdict(*, right: bool, ran: list[str], quiet: bool) -> dict[str, Any]:
    """Judge: ``wrong`` is a value that is not what a clean build gives; ``needless`` ran what had not changed."""
    if not right:
        verdict = "wrong"
    elif quiet:
        verdict = "needless" if ran else "quiet"
    else:
        verdict = "runs" if ran else "restores"
    return {"verdict": verdict, "ran": len(ran)}


def _build(place: Place) -> list[str]:
    measured(place.command(place.peer.build), place.folder, env=place.env)
    return place.ran()


def _is_right(place: Place, graph: Layered) -> bool:
    """Return whether the values of the first and the last asset are those of a clean build."""
    for n in (0, COUNT - 1):
        run = measured(place.command(("{python}", "read.py", f"a{n}")), place.folder, env=place.env, allowed=(0, 1))
        if run.code or run.output.split()[0] != str(graph.total(n)):
            return False
    return True
