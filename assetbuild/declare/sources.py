"""``source``: data that is built outside, by path or by an observe function."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, overload

from assetbuild.declare.assets import described
from assetbuild.declare.collect import caller_origin, declare
from assetbuild.declare.definitions import SourceDefinition
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
    optional: bool = False,
    options: Mapping[str, Any] | None = None,
    group: str | None = None,
    tags: Mapping[str, str] | None = None,
    owners: Sequence[str] = (),
    description: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> SourceDefinition | Callable[[Function], SourceDefinition]:
    """Declare a source: a file, a glob (``data/*.csv``) or a directory, hashed by content.

    ``optional=True`` allows the file to be absent and the glob to be empty.
    ``options`` go to the reader (for a CSV: ``delimiter``, ``column_types`` and
    so on). Used as a decorator, without a path, it declares an observe
    function, polled when a plan is made: it returns a ``DataVersion`` or the data itself.
    """

    def declared(named: Any, *, at: str | None, observe: Function | None, depth: int) -> SourceDefinition:
        problems: list[str] = []
        try:
            canonical = asset_key(named)
        except ValueError as error:
            canonical = str(named)
            problems.append(f"the key {named!r} cannot be used: {error}")
        definition = SourceDefinition(
            key=canonical,
            origin=caller_origin(depth),
            path=at,
            observe=observe,
            optional=optional,
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
