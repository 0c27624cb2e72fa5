"""Adopt, forget and collect: changes to what is stored that run no user code. The caller holds the build lock."""

from __future__ import annotations

import getpass
import os
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

from assetbuild.dataclass import dataclass, field, replace
from assetbuild.errors import Problem, UsageError
from assetbuild.plan.facts import Facts
from assetbuild.plan.model import Decision
from assetbuild.plan.planner import Planned, Planner
from assetbuild.plan.states import places_in
from assetbuild.record.model import Pointer, Trace
from assetbuild.store.io import IOManager, Place
from assetbuild.store.objects import extension_of
from assetbuild.store.publish import remove_location

__all__ = ["GcItem", "GcReport", "Limits", "accept", "clean", "collect"]


@dataclass(frozen=True, slots=True)
class GcItem:
    """One thing that was, or would be, removed: an object, an orphaned value, or a run with its logs."""

    kind: str
    name: str
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """What ``gc`` keeps of the values that are not materialized now.

    Without ``keep_days`` and ``keep_last`` every traced value; with both, what either of them keeps. ``max_bytes`` goes
    over both: objects go until all that is left fits, first those that were built or restored the longest ago.
    ``keep_days`` also counts for the history and the logs of runs: those go that are the last of no asset or partition.
    """

    keep_days: float | None = None
    keep_last: int | None = None
    max_bytes: int | None = None

    @property
    def oldest(self) -> float | None:
        """The time since which all is kept."""
        return None if self.keep_days is None else time.time() - self.keep_days * 86_400


@dataclass(frozen=True, slots=True)
class GcReport:
    """What ``gc`` removed, and the bytes that the objects take that are left."""

    removed: list[GcItem] = field(default_factory=list)
    left_bytes: int = 0

    @property
    def bytes(self) -> int:
        """The bytes that were freed."""
        return sum(item.size_bytes for item in self.removed)


def accept(planner: Planner, planned: Planned, selected: frozenset[str], reason: str, run_id: str) -> list[str]:
    """Trace the current values of the selection under today's build keys; return the assets that were adopted.

    Raises UsageError when a selected asset was never built, or something upstream of it is stale and not selected.
    """
    facts = planner.facts
    adopted: list[tuple[Pointer, Decision]] = []
    problems: list[Problem] = []
    for key in (key for key in facts.graph.assets if key in selected):
        state = planned.states[key]
        pointers = {place: facts.pointers.get((key, state.key(place))) for place in places_in(state.asked)}
        for place, pointer in pointers.items():
            state.settle(place, pointer.data_version if pointer is not None else None)
        if not any(pointers.values()):
            problems.append(
                Problem(f"asset {key!r} was never built, so there is no value to accept", (), "Build it first.")
            )
            continue
        for place, pointer in pointers.items():
            if pointer is None:  # of its other partitions there are values
                continue
            decision = planner.decide((key,), place)[key]
            if decision.build_key is None:
                where = None if state.keys is None else place
                waits = sorted(edge.given.key for edge in planner.edges[key] if edge.known(where).version is None)
                advice = f"Accept or build it too: {', '.join(waits)}." if waits else ""
                name = key if state.keys is None else f"{key}[{state.key(place)}]"
                problems.append(
                    Problem(
                        f"asset {name!r} cannot be accepted: {decision.problem or 'upstream of it is stale'}",
                        (),
                        advice,
                    )
                )
                break
            if decision.status != "fresh":
                adopted.append((pointer, decision))
    if problems:
        raise UsageError(*problems)
    with facts.record.transaction():
        for pointer, decision in adopted:
            _adopt(facts, pointer, decision, reason, run_id)
    return list(dict.fromkeys(pointer.asset for pointer, _ in adopted))


def _adopt(facts: Facts, pointer: Pointer, decision: Decision, reason: str, run_id: str) -> None:
    assert decision.build_key is not None  # noqa: S101  # checked above
    components_id = facts.record.add_components(pointer.asset, facts.recipe(pointer.asset), decision.inputs)
    facts.record.add_trace(
        Trace(
            pointer.asset,
            pointer.partition,
            decision.build_key,
            pointer.data_version,
            pointer.object,
            pointer.io_manager,
            run_id,
            time.time(),
            pointer.duration_s,
            reason,
            getpass.getuser(),
        ),
        components_id,
    )
    facts.record.set_pointer(replace(pointer, build_key=decision.build_key, components_id=components_id, traced=True))


def clean(facts: Facts, selected: frozenset[str]) -> list[str]:
    """Forget pointer, value and traces of the selected assets; return those of which anything was known."""
    cleaned: list[str] = []
    for key in (key for key in facts.graph.assets if key in selected):
        pointers = list(facts.pointers.of(key).values())
        if not pointers and not facts.record.has_traces(key):
            continue
        with facts.record.transaction():
            facts.record.forget(key)
        _remove_published(facts, pointers)
        cleaned.append(key)
    _remove_objects(facts, _unreferenced(facts, frozenset(_current_objects(facts, without=selected))))
    return cleaned


def collect(
    facts: Facts,
    is_declared: Callable[[Pointer], bool],
    limits: Limits,
    *,
    dry_run: bool,
) -> GcReport:
    """Remove orphaned values, traces beyond what is to be kept, and the objects that nothing leads to any more.

    What is materialized now by a declared asset is always kept.
    """
    removed: list[GcItem] = []
    declared = facts.graph.assets
    orphaned = [pointer for pointer in facts.pointers.values() if not is_declared(pointer)]
    removed += [
        GcItem("orphan", pointer.location or pointer.asset, _object_size(facts, pointer.object)) for pointer in orphaned
    ]
    left_behind = [entry for entry in facts.record.orphans() if entry[1] in declared]
    removed += [GcItem("left behind", location) for location, *_ in left_behind]
    current_objects = {pointer.object for pointer in facts.pointers.values() if pointer.object and is_declared(pointer)}
    kept = current_objects.union(_kept(facts, limits))
    sizes = {name: _object_size(facts, name) for name in facts.outputs.objects.names() if name in kept}
    if limits.max_bytes is not None:
        for name in _beyond(facts, sizes, current_objects, limits.max_bytes):
            kept.discard(name)
            del sizes[name]
    left_bytes = sum(sizes.values())
    objects = _unreferenced(facts, kept)
    current = {pointer.object for pointer in orphaned}
    removed += [GcItem("object", name, _object_size(facts, name)) for name in objects if name not in current]
    runs = facts.record.past_runs(limits.oldest) if limits.oldest is not None else []
    logs = facts.record.path.parent / "logs"
    removed += [GcItem("run", run_id, _folder_size(logs / run_id)) for run_id in runs]
    if dry_run:
        return GcReport(removed, left_bytes)
    for run_id in runs:
        shutil.rmtree(logs / run_id, ignore_errors=True)
    with facts.record.transaction():
        facts.record.forget_runs(runs)
        for pointer in orphaned:
            facts.record.forget(pointer.asset, pointer.partition)
    _remove_published(facts, orphaned)
    _remove_left_behind(facts)
    with facts.record.transaction():
        facts.record.delete_traces(objects)
    _remove_objects(facts, objects)
    return GcReport(removed, left_bytes)


def _beyond(facts: Facts, sizes: Mapping[str, int], current: AbstractSet[str], max_bytes: int) -> Iterator[str]:
    """Yield the objects that must go for the others to fit, oldest use first."""
    last_used: dict[str, float] = defaultdict(float)
    restored = facts.record.last_used()
    for trace in facts.record.all_traces():
        if trace.object is not None:
            used = max(trace.created_at, restored.get(trace.data_version, 0.0))
            last_used[trace.object] = max(last_used[trace.object], used)
    total_bytes = sum(sizes.values())
    for name in sorted(sizes, key=lambda name: (last_used[name], name)):
        if total_bytes <= max_bytes:
            return
        if name not in current:
            total_bytes -= sizes[name]
            yield name


def _kept(facts: Facts, limits: Limits) -> Iterator[str]:
    oldest, keep_last = limits.oldest, limits.keep_last
    declared = facts.graph.assets
    by_asset: dict[tuple[str, str | None], list[Trace]] = {}
    for trace in facts.record.all_traces():
        if trace.asset in declared:
            by_asset.setdefault((trace.asset, trace.partition), []).append(trace)
    for traces in by_asset.values():
        recent = {trace.object for trace in traces[len(traces) - keep_last :]} if keep_last else set()
        for trace in traces:
            if trace.object is None:
                continue
            is_young = oldest is not None and trace.created_at >= oldest
            if (oldest is None and keep_last is None) or is_young or trace.object in recent:
                yield trace.object


def _current_objects(facts: Facts, *, without: frozenset[str]) -> Iterator[str]:
    for pointer in facts.pointers.values():
        if pointer.object is not None and pointer.asset not in without:
            yield pointer.object
    for trace in facts.record.all_traces():
        if trace.object is not None and without and trace.asset not in without and trace.asset in facts.graph.assets:
            yield trace.object


def _unreferenced(facts: Facts, kept: AbstractSet[str]) -> list[str]:
    return [name for name in facts.outputs.objects.names() if name not in kept]


def _remove_objects(facts: Facts, names: Iterable[str]) -> None:
    for name in names:
        facts.outputs.objects.discard(name)


def _remove_published(facts: Facts, pointers: Iterable[Pointer]) -> None:
    places: defaultdict[str, list[Place]] = defaultdict(list)
    for pointer in pointers:
        if pointer.object is not None:
            place = facts.outputs.place(pointer.asset, pointer.partition, pointer.object)
            manager = facts.outputs.io_managers.get(pointer.io_manager)
            is_file = type(manager).remove is IOManager.remove
            if is_file and pointer.location and pointer.asset not in facts.graph.assets:
                # Nobody knows any more which dimensions its keys had, and so what its folders are called.
                remove_location(facts.outputs.warehouse.parent, pointer.location)
            else:
                places[pointer.io_manager].append(place)
    _remove_at(facts, places)


def _remove_at(facts: Facts, places: Mapping[str, Sequence[Place]]) -> None:
    for name, removed in places.items():
        manager = facts.outputs.io_managers.get(name)
        shared = manager.shared_stamp_path(removed[0])
        was_recorded = shared is not None and facts.record.shared_stamps().get(str(shared)) == manager.stamp(removed[0])
        manager.remove_many(removed)
        manager.close()
        # What else lies in the file is as it was.
        if was_recorded and (stamp := manager.stamp(removed[0])) is not None:
            with facts.record.transaction():
                facts.record.set_shared_stamp(str(shared), stamp)


def _remove_left_behind(facts: Facts) -> None:
    """Remove what lies where values lay before their asset had another place."""
    shared: defaultdict[str, list[Place]] = defaultdict(list)
    orphans = facts.record.orphans()
    for location, asset, partition, io_manager in orphans:
        manager = facts.outputs.io_managers.get(io_manager)
        place = Place(
            warehouse=facts.outputs.warehouse,
            asset_key=asset,
            partition_key=partition,
            extension=extension_of(location),
        )
        if manager.shared_stamp_path(place) is not None:
            shared[io_manager].append(place)
        else:
            remove_location(facts.outputs.warehouse.parent, location)
    _remove_at(facts, shared)
    with facts.record.transaction():
        for location, *_ in orphans:
            facts.record.forget_orphan(location)


def _object_size(facts: Facts, name: str | None) -> int:
    return facts.outputs.objects.size(name) if name is not None and facts.outputs.objects.has(name) else 0


def _folder_size(folder: Path) -> int:
    files = (Path(path, name) for path, _, names in os.walk(folder) for name in names)
    return sum(file.stat().st_size for file in files)
