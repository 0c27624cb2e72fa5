"""``Dynamic``: partitions whose keys a function, or the value of an upstream asset, gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NoReturn

from assetbuild.dataclass import dataclass, field
from assetbuild.declare.definitions import AssetDefinition, SourceDefinition
from assetbuild.declare.keys import asset_key
from assetbuild.declare.partitions.base import PartitionsDefinition

__all__ = ["Dynamic"]


@dataclass(frozen=True, slots=True, init=False)
class Dynamic(PartitionsDefinition):
    """Partitions that are known only when a plan is made.

    ``Dynamic(function)``: a function without parameters that returns the keys; it is polled by each plan.
    ``Dynamic("raw/shops")``, or the definition itself: the value of that asset, a list of texts or a table whose first
    column has them, or the keys of that partitioned source.
    """

    name: str
    key: str | None
    """The asset or source that gives the keys; None when a function does."""
    function: Callable[[], Sequence[str]] | None = field(compare=False)
    """Gives the keys; None without one, and after pickling: a kept graph has no functions."""
    problem: str = ""

    def __init__(self, keys: Callable[[], Sequence[str]] | str | Sequence[str] | Any) -> None:
        """Take a function, or the key or definition of an asset or source."""
        function: Callable[[], Sequence[str]] | None = None
        key: str | None = None
        problem = ""
        if isinstance(keys, SourceDefinition):
            key = keys.key
        elif isinstance(keys, AssetDefinition):
            key = keys.outs[0].key or "" if keys.outs else ""
            if keys.multi:
                problem = "Dynamic is given a multi_asset: name the output by its key"
        elif isinstance(keys, (str, list, tuple)):
            try:
                key = asset_key(keys)
            except ValueError as error:
                key, problem = str(keys), f"Dynamic is given the key {keys!r}, which cannot be used: {error}"
        elif callable(keys):
            function = keys
        else:
            problem = f"Dynamic takes a function or the key of an asset, not {type(keys).__name__}"
        name = key if function is None else f"{getattr(keys, '__qualname__', type(keys).__name__)}()"
        object.__setattr__(self, "name", name or "")
        object.__setattr__(self, "key", key)
        object.__setattr__(self, "function", function)
        object.__setattr__(self, "problem", problem)

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave the function out."""
        return _kept, (self.name, self.key, self.problem)

    def key_set(self, now: datetime) -> NoReturn:
        """Raise TypeError: the planner asks the function or the upstream value, and makes a ``KeySet`` of the keys."""
        del now
        message = f"the keys of {self.describe()} are known only to a plan"
        raise TypeError(message)

    def describe(self) -> str:
        """Return the whole definition as text."""
        return f"Dynamic({self.name})"

    def problems(self) -> tuple[str, ...]:
        """Return what is wrong with the argument."""
        return (self.problem,) if self.problem else ()


def _kept(name: str, key: str | None, problem: str) -> Dynamic:
    definition = Dynamic.__new__(Dynamic)
    for field_name, value in (("name", name), ("key", key), ("function", None), ("problem", problem)):
        object.__setattr__(definition, field_name, value)
    return definition
