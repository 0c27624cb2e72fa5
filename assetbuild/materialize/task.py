"""What crosses the pipe between the scheduler and a worker: names and versions, never values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from assetbuild.load.settings import Settings

__all__ = ["Began", "InputRef", "OutputResult", "Progress", "Task", "TaskResult", "WorkerSetup"]


@dataclass(frozen=True, slots=True)
class WorkerSetup:
    """What a worker needs once: the settings, and the bytes of every first-party file that the parent loaded."""

    settings: Settings
    bundle: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class InputRef:
    """Where one argument comes from: an object of the store, the files of a source, or a plain value.

    ``partitions`` are objects, ``file_partitions`` files of a source: ``parts`` names them by partition key, in key order.
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
    key_column: str | None = None
    as_mapping: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """One call of an asset function: for which asset, with which inputs, and where its output text goes.

    ``partition`` is the key of a call for one partition; a call for several has them in ``partitions``, in key order.
    """

    asset: str
    partition: str | None
    run_id: str
    attempt: int
    inputs: tuple[InputRef, ...]
    config: Mapping[str, Any]
    log: Path | None
    has_timeout: bool = False
    partitions: tuple[str, ...] = ()


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


@dataclass(frozen=True, slots=True)
class TaskResult:
    """How a task ended: its outputs by asset key and partition key, or an error."""

    seconds: float
    outputs: Mapping[tuple[str, str | None], OutputResult] = field(default_factory=dict)
    metadata: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Began:
    """A worker has loaded the project and begins a task that has a timeout."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A running asset says how far it is."""

    done: float
    total: float | None
