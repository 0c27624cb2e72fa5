"""``source``: data that is built outside, by path or by an observe function."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, overload

from assetbuild.declare.assets import described
from assetbuild.declare.collect import caller_origin, declare
from assetbuild.declare.definitions import SourceDefinition, path_names
from assetbuild.declare.durations import duration_s
from assetbuild.declare.keys import asset_key

__all__ = ["source"]

Function = Callable[..., Any]


@overload
def source(function: Function, /) -> SourceDefinition: ...
@overload
def source(
    key: str | Sequence[str],
    path: str | os.PathLike[str],
    /,
    *,
    optional: bool = False,
    partitions: Any = None,
    options: Mapping[str, Any] | None = None,
    group: str | None = None,
    tags: Mapping[str, str] | None = None,
    owners: Sequence[str] = (),
    description: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> SourceDefinition: ...
@overload
def source(
    key: str | Sequence[str] | None = None,
    /,
    *,
    every: Any = None,
    group: str | None = None,
    tags: Mapping[str, str] | None = None,
    owners: Sequence[str] = (),
    description: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Callable[[Function], SourceDefinition]: ...
def source(
    key: Any = None,
    path: Any = None,
    /,
    *,
    every: Any = None,
    optional: bool = False,
    partitions: Any = None,
    options: Mapping[str, Any] | None = None,
    group: str | None = None,
    tags: Mapping[str, str] | None = None,
    owners: Sequence[str] = (),
    description: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> SourceDefinition | Callable[[Function], SourceDefinition]:
    """Declare a source: a file, a glob (``data/*.csv``) or a directory, hashed by content.

    A name in braces, ``data/{date}.csv``, makes it partitioned: one key for each file that is there, or those of
    ``partitions``; with several names a key is written ``2013-01-01|UA``, in the order of the path.
    ``optional=True`` allows the file to be absent and the glob to be empty.
    ``options`` go to the reader (for a CSV: ``delimiter``, ``column_types`` and
    so on). Used as a decorator, without a path, it declares an observe
    function, polled when a plan is made, and in watch mode ``every`` so often, a minute unless said otherwise: it
    returns a ``DataVersion`` or the data itself.
    """

    def declared(named: Any, *, at: str | None, observe: Function | None, depth: int) -> SourceDefinition:
        problems: list[str] = []
        try:
            canonical = asset_key(named)
        except ValueError as error:
            canonical = str(named)
            problems.append(f"the key {named!r} cannot be used: {error}")
        _check_partitions(at, partitions, problems)
        definition = SourceDefinition(
            key=canonical,
            origin=caller_origin(depth),
            path=at,
            observe=observe,
            every_s=_every_s(every, observe, problems),
            optional=optional,
            partitions=partitions,
            options=dict(options or {}),
            group=group,
            tags=dict(tags or {}),
            owners=tuple(owners),
            description=description if description is not None or observe is None else described(observe),
            metadata=dict(metadata or {}),
            problems=tuple(problems),
        )
        declare(definition)
        return definition

    def decorate(function: Function) -> SourceDefinition:
        return declared(key if key is not None else function.__name__, at=None, observe=function, depth=2)

    if path is not None:
        return declared(key, at=os.fspath(path), observe=None, depth=2)
    if callable(key):
        return declared(key.__name__, at=None, observe=key, depth=2)
    return decorate


def _check_partitions(path: str | None, partitions: Any, problems: list[str]) -> None:
    names = path_names(path) if path else ()
    if partitions is None or not names:
        return
    dimensions = getattr(partitions, "dimensions", None)
    expected = names if dimensions is None and len(names) == 1 else tuple(dict(dimensions or ()))
    if expected != names:
        of = (
            f"the dimensions of 'partitions' are {', '.join(expected)}"
            if expected
            else "'partitions' has one dimension"
        )
        problems.append(f"the path {path!r} names {', '.join(names)}, and {of}")


def _every_s(every: Any, observe: Function | None, problems: list[str]) -> float | None:
    if every is None:
        return None
    if observe is None:
        problems.append("'every' is for observe functions: a change of a file is seen at once")
    try:
        return duration_s(every)
    except ValueError as error:
        problems.append(f"every: {error}")
        return None
