"""Load the value of an asset as it is materialized now."""

from __future__ import annotations

from typing import Any

from assetbuild.errors import Problem, UsageError
from assetbuild.graph.annotations import read_annotation
from assetbuild.plan.facts import Facts
from assetbuild.project.opened import Opened
from assetbuild.project.planning import Planning, asset_key
from assetbuild.store.io import InputContext

__all__ = ["load_value"]


def load_value(opened: Opened, key: str, wanted: type[Any] | str | None, partition: str | None) -> Any:
    """Return the value of an asset, of one of its partitions, or of all of them; ``Project.load`` tells more."""
    load = wanted if wanted is None or isinstance(wanted, str) else read_annotation(wanted, {}).load
    try:
        return _load(opened, key, load, partition)
    except TypeError as error:  # the value is no table, or no library has such a type
        advice = 'Ask for a type that it can be, such as "pandas.DataFrame", or for none.'
        raise UsageError(Problem(f"asset {key!r}: {error}", (), advice)) from error


def _load(opened: Opened, key: str, load: str | None, partition: str | None) -> Any:
    with opened.facts() as facts:
        asset = facts.graph.assets[asset_key(key, facts.graph)]
        if partition is None and asset.partitions is not None:
            return _load_all(opened, key, load, facts)
        pointer = facts.pointers.get((key, partition))
        if pointer is None:
            name = key if partition is None else f"{key}[{partition}]"
            raise UsageError(_unbuilt(f"asset {name!r} was never built", key))
        if pointer.object is None:
            return None
        if not facts.outputs.readopt(pointer):
            raise UsageError(_unbuilt(f"the stored value of {key!r} is gone", key))
        path = facts.outputs.objects.path(pointer.object)
        manager = opened.loaded().io_managers.get(pointer.io_manager)
        return manager.load(InputContext(asset_key=key, path=path, load=load))


def _load_all(opened: Opened, key: str, load: str | None, facts: Facts) -> Any:
    from assetbuild.store.partitions import load_partitions  # noqa: PLC0415  # only where there are partitions

    planner = Planning.of_asset(opened, key).planner(facts)
    found = facts.pointers.of(key)
    there = [pointer for pointer in found.values() if pointer.object is not None and planner.is_declared(pointer)]
    order = planner.states[key].place if there else lambda _partition: None
    there.sort(key=lambda pointer: order(pointer.partition) or 0)
    if not there:
        raise UsageError(_unbuilt(f"asset {key!r} was never built", key))
    parts = [(pointer.partition or "", facts.outputs.objects.path(pointer.object or "")) for pointer in there]
    manager = opened.loaded().io_managers.get(there[0].io_manager)
    return load_partitions(manager, key, parts, load=load, columns=None, key_column=None, as_mapping=False)


def _unbuilt(headline: str, key: str) -> Problem:
    return Problem(headline, (), f"Build it: assetbuild materialize '{key}'")
