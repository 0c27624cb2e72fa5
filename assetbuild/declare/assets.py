"""``@asset`` and ``@multi_asset``: a function becomes the definition of an asset."""

from __future__ import annotations

import textwrap
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, overload

from assetbuild.declare.collect import caller_origin, declare
from assetbuild.declare.definitions import AssetDefinition, Origin, Out
from assetbuild.declare.keys import asset_key
from assetbuild.declare.sizes import size_bytes

__all__ = ["asset", "described", "multi_asset"]

Key = str | Sequence[str]
Function = Callable[..., Any]


@overload
def asset(function: Function, /) -> AssetDefinition: ...
@overload
def asset(
    *,
    key: Key | None = None,
    deps: Sequence[Key | AssetDefinition] = (),
    io_manager: str | None = None,
    partitions: Any = None,
    batch: int | bool = False,
    split_by: str | None = None,
    group: str | None = None,
    tags: Mapping[str, str] | None = None,
    owners: Sequence[str] = (),
    description: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    code_version: str | None = None,
    retries: int = 0,
    timeout: float | None = None,
    pool: str | None = None,
    executor: str = "process",
    priority: float = 0,
    memory: int | str | None = None,
    env: Sequence[str] = (),
    checks: Sequence[Any] = (),
    unordered: bool = False,
    on: Any = None,
) -> Callable[[Function], AssetDefinition]: ...
def asset(
    function: Function | None = None,
    /,
    *,
    key: Key | None = None,
    deps: Sequence[Any] = (),
    io_manager: str | None = None,
    partitions: Any = None,
    batch: int | bool = False,
    split_by: str | None = None,
    group: str | None = None,
    tags: Mapping[str, str] | None = None,
    owners: Sequence[str] = (),
    description: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    code_version: str | None = None,
    retries: int = 0,
    timeout: float | None = None,
    pool: str | None = None,
    executor: str = "process",
    priority: float = 0,
    memory: int | str | None = None,
    env: Sequence[str] = (),
    checks: Sequence[Any] = (),
    unordered: bool = False,
    on: Any = None,
) -> AssetDefinition | Callable[[Function], AssetDefinition]:
    """Declare an asset: a value that the function computes from its upstream assets.

    A parameter named like an asset is a dependency and is loaded as its
    annotation asks. ``key`` is the function's name unless said otherwise;
    ``deps`` depends without loading; ``timeout`` is in seconds and ``retries``
    are extra attempts; ``executor="thread"`` is for work that releases the GIL; assets of higher
    ``priority`` start first; ``memory``, bytes or
    text such as ``"2 GB"``, is what the function takes at its peak; ``on`` says when watch mode builds it.
    With ``partitions`` it is called once for each key; with ``batch=10`` for up to ten stale keys, with ``batch=True``
    for all of them, and returns a mapping of key to value, or one table that ``split_by`` splits by that column.
    Nothing is checked here beyond types: the graph reports all problems of all definitions at once.
    """

    def decorate(decorated: Function, depth: int = 1) -> AssetDefinition:
        problems: list[str] = []
        out = Out(
            key=_key(key if key is not None else _name(decorated), problems),
            io_manager=io_manager,
            unordered=unordered,
            group=group,
            tags=dict(tags or {}),
            owners=tuple(owners),
            description=description if description is not None else described(decorated),
            metadata=dict(metadata or {}),
        )
        return _declared(
            decorated,
            (out,),
            _origin(decorated) or caller_origin(depth),
            problems,
            multi=False,
            deps=deps,
            env=env,
            code_version=code_version,
            partitions=partitions,
            batch=batch,
            split_by=split_by,
            checks=checks,
            retries=retries,
            timeout=timeout,
            pool=pool,
            executor=executor,
            priority=priority,
            memory=memory,
            on=on,
        )

    if function is None:
        return decorate
    return decorate(function, depth=2)


def multi_asset(
    *,
    outs: Mapping[str, Out] | Sequence[Key | Out],
    deps: Sequence[Any] = (),
    group: str | None = None,
    code_version: str | None = None,
    retries: int = 0,
    timeout: float | None = None,
    pool: str | None = None,
    executor: str = "process",
    priority: float = 0,
    memory: int | str | None = None,
    env: Sequence[str] = (),
    partitions: Any = None,
    batch: int | bool = False,
    split_by: str | None = None,
    on: Any = None,
) -> Callable[[Function], AssetDefinition]:
    """Declare one function that computes several assets.

    ``outs`` names them: a list of keys, or a mapping of key to ``Out``. The
    function returns a mapping of key to value, a tuple in the order of
    ``outs``, or yields ``(key, value)`` pairs. Each output has a version of its own.
    """

    def decorate(decorated: Function) -> AssetDefinition:
        problems: list[str] = []
        declared = outs.items() if isinstance(outs, Mapping) else [(_out_key(out), out) for out in outs]
        named = tuple(_out(key, out, group, problems) for key, out in declared)
        if not named:
            problems.append("'outs' names no output")
        return _declared(
            decorated,
            named,
            _origin(decorated) or caller_origin(1),
            problems,
            multi=True,
            deps=deps,
            env=env,
            code_version=code_version,
            partitions=partitions,
            batch=batch,
            split_by=split_by,
            checks=(),
            retries=retries,
            timeout=timeout,
            pool=pool,
            executor=executor,
            priority=priority,
            memory=memory,
            on=on,
        )

    return decorate


def _out_key(out: Key | Out) -> Key:
    if isinstance(out, Out):
        return out.key or ""
    return out


def _out(key: Key, out: Key | Out | None, group: str | None, problems: list[str]) -> Out:
    said = out if isinstance(out, Out) else Out()
    return Out(
        key=_key(said.key or key, problems),
        io_manager=said.io_manager,
        unordered=said.unordered,
        group=said.group or group,
        tags=said.tags,
        owners=said.owners,
        description=said.description,
        metadata=said.metadata,
    )


def _declared(
    function: Function,
    outs: tuple[Out, ...],
    origin: Origin,
    problems: list[str],
    *,
    multi: bool,
    deps: Sequence[Any],
    env: Sequence[str],
    code_version: str | None,
    partitions: Any,
    batch: int | bool,
    split_by: str | None,
    checks: Sequence[Any],
    retries: int,
    timeout: float | None,
    pool: str | None,
    executor: str,
    priority: float,
    memory: int | str | None,
    on: Any,
) -> AssetDefinition:
    if isinstance(function, AssetDefinition):
        problems.append("the function is an asset already")
        function = function.function
    elif isinstance(function, type) or not callable(function):
        given = "a class" if isinstance(function, type) else type(function).__name__
        problems.append(f"an asset is a function that returns the value, not {given}")
    for name, said in (("deps", deps), ("env", env)):
        if isinstance(said, str):
            problems.append(f"{name!r} is a list, not text: write {name}=[{said!r}]")
    definition = AssetDefinition(
        function=function,
        outs=outs,
        multi=multi,
        origin=origin,
        deps=() if isinstance(deps, str) else tuple(_dep(dep, problems) for dep in deps),
        env=() if isinstance(env, str) else tuple(env),
        code_version=code_version,
        partitions=partitions,
        batch=_batch(batch, split_by, partitions, problems),
        split_by=split_by,
        checks=tuple(checks),
        retries=retries,
        timeout=timeout,
        pool=pool,
        executor=executor,
        priority=priority,
        memory_bytes=_bytes(memory, problems),
        on=on,
        problems=tuple(problems),
    )
    declare(definition)
    return definition


def described(function: object) -> str | None:
    """Return a function's docstring without its indentation, as its description; None without one."""
    text = getattr(function, "__doc__", None)
    if not isinstance(function, types.FunctionType) or not text:
        return None
    first, *rest = text.expandtabs().split("\n")
    return "\n".join([first.strip(), *textwrap.dedent("\n".join(rest)).split("\n")]).strip()


def _origin(function: Any) -> Origin | None:
    """Return where a plain function stands; None for what another decorator or an object stands in front of."""
    if isinstance(function, AssetDefinition):
        function = function.function
    code = getattr(function, "__code__", None)
    if code is None or hasattr(function, "__wrapped__"):
        return None  # where it was declared tells more; the line of a frame takes longer the further down it is
    return Origin(code.co_filename, code.co_firstlineno)


def _name(function: object) -> str:
    return getattr(function, "__name__", type(function).__name__)


def _key(key: Key, problems: list[str]) -> str:
    try:
        return asset_key(key)
    except ValueError as error:
        problems.append(f"the key {key!r} cannot be used: {error}")
        return str(key)


def _bytes(memory: int | str | None, problems: list[str]) -> int:
    if memory is None:
        return 0
    try:
        return size_bytes(str(memory))
    except ValueError as error:
        problems.append(f"memory: {error}")
        return 0


def _batch(batch: Any, split_by: Any, partitions: Any, problems: list[str]) -> int | None:
    """Return how many partitions one call takes: None for one, 0 for any number."""
    if split_by is not None and (not isinstance(split_by, str) or not split_by):
        problems.append(f"split_by={split_by!r} names no column")
    if isinstance(batch, bool):
        found = 0 if batch or split_by is not None else None
    elif isinstance(batch, int) and batch > 0:
        found = batch
    else:
        problems.append(f"batch={batch!r} is no number of partitions: write True for all of them, or 1 or more")
        return None
    if partitions is None and (found is not None or split_by is not None):
        problems.append(f"{'split_by' if split_by is not None else 'batch'} is for assets with partitions")
    return found


def _dep(dep: Any, problems: list[str]) -> str:
    if isinstance(dep, AssetDefinition):
        if not dep.multi:
            return dep.outs[0].key or ""
        problems.append("an entry of 'deps' is a multi_asset: name the outputs by key")
        return ""
    if (key := getattr(dep, "key", None)) is not None:
        return str(key)
    return _key(dep, problems)
