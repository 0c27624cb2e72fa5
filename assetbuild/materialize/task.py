"""What crosses the pipe between the scheduler and a worker: names and versions, never values.

Thousands of these are pickled, so they say how in the shortest way.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Any, Literal, TypeVar

from assetbuild.dataclass import dataclass, field
from assetbuild.load.compiled import Compiled
from assetbuild.load.settings import Settings

__all__ = [
    "Began",
    "InputRef",
    "OutputResult",
    "Progress",
    "Ready",
    "Secrets",
    "Task",
    "TaskResult",
    "Unfit",
    "WorkerSetup",
]


_Message = TypeVar("_Message")


def _pickled_as_call(cls: type[_Message]) -> type[_Message]:
    """Pickle as a call with all fields; what dataclasses with slots do by themselves takes eight times as long."""
    values = attrgetter(*cls.__slots__)  # type: ignore[attr-defined]  # the fields of a dataclass with slots
    cls.__reduce__ = lambda self: (cls, values(self))  # type: ignore[method-assign]
    return cls


@dataclass(frozen=True, slots=True)
class WorkerSetup:
    """What a worker needs to load the project: the settings, and the bytes of every file that the parent loaded."""

    settings: Settings
    bundle: Mapping[str, bytes]
    compiled: Compiled | None = field(default=None, compare=False)
    """What the parent compiled of them; what is not there the worker compiles itself."""
    edited: tuple[str, ...] = field(default=(), compare=False)
    """Assets that will most likely run."""


@_pickled_as_call
@dataclass(frozen=True, slots=True)
class InputRef:
    """Where one argument comes from: an object of the store, the files of a source, or a plain value.

    ``partitions`` are objects, ``file_partitions`` files of a source: ``parts`` names them by partition key, in key
    order.
    """

    parameter: str
    key: str
    kind: Literal["object", "files", "value", "partitions", "file_partitions"]
    load: str | None = None
    columns: tuple[str, ...] | None = None
    io_manager: str = ""
    object: str = ""
    paths: tuple[str, ...] = ()
    source_kind: str = "file"
    options: Mapping[str, Any] = field(default_factory=dict)
    value: Any = None
    parts: tuple[tuple[str, str], ...] = ()
    io_managers: tuple[str, ...] = ()
    """That of each part, where not all have one and the same, as when the value decides."""
    key_column: str | None = None
    as_mapping: bool = False


@_pickled_as_call
@dataclass(frozen=True, slots=True)
class Task:
    """One call of an asset function: for which asset, with which inputs, and where its output text goes.

    ``partition`` is the key of a call for one partition; a call for several has them in ``partitions``, in key order.
    ``env`` are the environment variables that it is known to read.
    """

    asset: str
    partition: str | None
    run_id: str
    attempt: int
    inputs: tuple[InputRef, ...]
    config: Mapping[str, Any]
    log: str | None
    has_timeout: bool = False
    partitions: tuple[str, ...] = ()
    in_thread: bool = False
    env: tuple[str, ...] = ()


@_pickled_as_call
@dataclass(frozen=True, slots=True)
class OutputResult:
    """One value that a task wrote; ``location`` is None while it is not published."""

    data_version: str | None
    columns: Mapping[str, str]
    rows: int | None
    size_bytes: int | None
    object: str | None
    io_manager: str
    location: str | None = None
    stamp: str | None = None


@_pickled_as_call
@dataclass(frozen=True, slots=True)
class TaskResult:
    """How a task ended: its outputs by asset key and partition key, or an error."""

    seconds: float
    outputs: Mapping[tuple[str, str | None], OutputResult] = field(default_factory=dict)
    metadata: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    error: str | None = None
    is_own: bool = True
    """Whether the worker itself told it; else it was ended or died, and has masked nothing in its log."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker has loaded the project from the setup that it was sent."""


@dataclass(frozen=True, slots=True)
class Unfit:
    """A worker could not load the project, or not as well as a new process would; it ends."""

    reason: str


@dataclass(frozen=True, slots=True)
class Began:
    """A worker has loaded the project and begins a task that has a timeout."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A running asset says how far it is."""

    done: float
    total: float | None


@dataclass(frozen=True, slots=True)
class Secrets:
    """What a worker masks in the log when the asset has ended; should it not come to that, its parent does."""

    texts: tuple[str, ...]
