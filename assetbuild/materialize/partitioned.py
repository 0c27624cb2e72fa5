"""One call of an asset function and the partitions it is for: what it is told, and its value for each of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from assetbuild.errors import AssetbuildError, AssetError, Problem
from assetbuild.graph.model import Asset
from assetbuild.materialize.task import Task
from assetbuild.store.split import keys_of_mapping, split_by_column

__all__ = ["by_partition", "keys_of", "window_of"]


def keys_of(task: Task) -> tuple[str | None, ...]:
    """Return the keys that a call is for; of an asset without partitions that is None."""
    return task.partitions or (task.partition,)


def window_of(asset: Asset, task: Task) -> tuple[datetime, datetime] | None:
    """Return the time that a call is about, from the start of its first window to the end of its last."""
    windows = _windows(asset, [key for key in keys_of(task) if key is not None])
    return (min(start for start, _ in windows), max(end for _, end in windows)) if windows else None


def by_partition(asset: Asset, value: Any, keys: Sequence[str | None]) -> Iterable[tuple[str | None, Any]]:
    """Return the value of each partition that a call for these keys returned; raise AssetError when one is missing."""
    if asset.definition.batch is None:
        return ((keys[0], value),)
    known = [key for key in keys if key is not None]
    if asset.definition.split_by is None:
        values = keys_of_mapping(value, known)
        if none := [key for key, found in values.items() if found is None]:
            problem = f"the value of partition {none[0]!r} is None"
            raise AssetError(Problem(problem, (), "Return a value for it."))
        return values.items()
    column = asset.definition.split_by
    try:
        return split_by_column(value, column, known, windows=_windows(asset, known)).items()
    except AssetbuildError:
        raise
    except Exception as error:  # a lazy table computes now, so this may be any error of the user's
        problem = f"the returned table cannot be split by {column!r}: {error}"
        raise AssetError(Problem(problem)) from error


def _windows(asset: Asset, keys: Sequence[str]) -> list[tuple[datetime, datetime]] | None:
    """Return the window of each key; None when one has none."""
    definition = asset.definition.partitions
    if definition is None or not keys:
        return None
    found = [definition.window(key) for key in keys]
    return None if None in found else found
