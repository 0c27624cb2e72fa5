"""What a user declares, as pure data: assets, sources, and where they were declared.

Nothing here looks at a signature, an annotation or a disk: the graph stage
does, so that all problems of all definitions can be reported at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from assetbuild.dataclass import dataclass, field

__all__ = ["NAME_IN_PATH", "AssetDefinition", "DataVersion", "Origin", "Out", "SourceDefinition", "path_names"]

NAME_IN_PATH = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where something was declared: file and line of the user's code."""

    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Out:
    """One output of an asset function: its key, and how its value is kept and described.

    ``None`` for ``io_manager`` means: chosen by the value.
    """

    key: str | None = None
    io_manager: str | None = None
    unordered: bool = False
    group: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    owners: tuple[str, ...] = ()
    description: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AssetDefinition:
    """An asset function with what was said about it; calling it calls the function.

    ``@asset`` has one output, ``@multi_asset`` several.
    """

    function: Callable[..., Any]
    outs: tuple[Out, ...]
    multi: bool
    origin: Origin
    deps: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    code_version: str | None = None
    partitions: Any = None
    batch: int | None = None
    """One call for up to this many stale partitions; 0 for all of them, None for one."""
    split_by: str | None = None
    """The column by which the returned table is split into partitions."""
    checks: tuple[Any, ...] = ()
    retries: int = 0
    timeout: float | None = None
    pool: str | None = None
    executor: str = "process"
    priority: float = 0
    memory_bytes: int = 0
    on: Any = None
    problems: tuple[str, ...] = ()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the asset function itself, as a test or a notebook does."""
        return self.function(*args, **kwargs)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SourceDefinition:
    """Data that is built outside: a file, a glob, a directory, or an observe function.

    Exactly one of ``path`` and ``observe`` is set. ``path`` is relative to the project folder. A ``{name}`` in it makes
    the source partitioned; ``dimensions`` are these names.
    Watch mode polls the function every ``every_s`` seconds.
    """

    key: str
    origin: Origin
    path: str | None = None
    observe: Callable[..., Any] | None = None
    every_s: float | None = None
    optional: bool = False
    partitions: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)
    group: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    owners: tuple[str, ...] = ()
    description: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The names in braces in the path, in order, each once: ``data/{year}/{day}.csv`` has ``year`` and ``day``."""
        return path_names(self.path) if self.path and "{" in self.path else ()

    @property
    def glob(self) -> str | None:
        """The path as a glob, where each name in braces is a ``*``; None for an observe function."""
        return NAME_IN_PATH.sub("*", self.path) if self.path and "{" in self.path else self.path

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the observe function itself."""
        if self.observe is None:
            message = f"source {self.key!r} is a path, not a function"
            raise TypeError(message)
        return self.observe(*args, **kwargs)


@dataclass(frozen=True, slots=True)
class DataVersion:
    """The version of data that lies outside, as text: an ETag, a snapshot id, a maximum of ``updated_at``.

    Returned by an observe function instead of the data itself.
    """

    version: str


def path_names(path: str) -> tuple[str, ...]:
    """Return the names in braces in a path, in order, each once."""
    return tuple(dict.fromkeys(NAME_IN_PATH.findall(path)))
