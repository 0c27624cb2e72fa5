"""Trace what loading the definitions reads: files, directories, environment variables; so that it need not be repeated.

Python's audit hooks (PEP 578) tell of every ``open`` and directory listing made by Python code. ``os.environ``, and the
functions that ask whether a file exists or how large it is, are watched while the trace is on. Native readers (polars,
pyarrow, duckdb) are not seen by them, nor is the clock; what can be noticed of these makes the trace ``untraceable``,
and then loading is repeated every time.
"""

from __future__ import annotations

import functools
import genericpath
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from assetbuild.fingerprint.code.foreign import WATCHES

__all__ = ["Reads", "tracing", "untraced"]

_LIBRARY = tuple({os.path.realpath(folder) + os.sep for folder in (sys.prefix, sys.base_prefix)})
_OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_IMPORT_SYSTEM = ("<frozen importlib", os.path.join(os.path.dirname(os.__file__), "importlib") + os.sep)
_SYSTEM = ("/proc/", "/sys/", "/dev/")
_LOOKS: Final = ("exists", "lexists", "isfile", "isdir", "getsize", "getmtime", "getctime")
_PASSING: Final = ("<frozen ", *(os.path.join(os.path.dirname(os.__file__), of) for of in ("pathlib", "genericpath")))
"""Files whose functions look on behalf of their callers."""

_OUTWARD = {
    "socket.connect": "it opens a network connection",
    "socket.getaddrinfo": "it looks up a network address",
    "subprocess.Popen": "it starts a process",
    "os.system": "it starts a process",
    "sqlite3.connect": "it opens a database",
}


class Reads:
    """What was read: paths of files, folders with the way they were listed, and names of variables."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.files: set[str] = set()
        self.modules: set[str] = set()
        """Modules whose text the project's code read, as if they were data."""
        self.folders: set[tuple[str, bool]] = set()
        """Folder, and whether only the import system listed it."""
        self.looked: dict[str, bool] = {}
        """What was asked whether it exists, or how large it is, and whether only libraries did."""
        self.env: dict[str, str | None] = {}
        self.env_written: set[str] = set()
        self.untraceable = ""

    def include(self, other: Reads) -> None:
        """Add what an earlier load read, of which a part stays."""
        self.files |= other.files
        self.modules |= other.modules
        self.folders |= other.folders
        for path, by_library in other.looked.items():
            self.looked[path] = by_library and self.looked.get(path, True)
        self.env = {**self.env, **other.env}
        self.env_written |= other.env_written

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Take note of one audit event."""
        if event == "open":
            path, _, flags = arguments
            if isinstance(path, (str, bytes, os.PathLike)) and not (flags or 0) & (os.O_WRONLY | os.O_RDWR):
                self._note_file(os.path.abspath(os.fsdecode(path)))
                if os.fsdecode(path).endswith(".py"):
                    caller = sys._getframe(2).f_code.co_filename  # noqa: SLF001
                    if not caller.startswith((*_IMPORT_SYSTEM, _OWN)):
                        self.modules.add(os.path.abspath(os.fsdecode(path)))
        elif event in {"os.listdir", "os.scandir"}:
            folder = arguments[0] if arguments[0] is not None else "."
            if isinstance(folder, (str, bytes, os.PathLike)):
                caller = sys._getframe(2).f_code.co_filename  # noqa: SLF001  # who lists: imports, or the user's code
                self._note_folder(
                    os.path.abspath(os.fsdecode(folder)), is_import=caller.startswith((*_IMPORT_SYSTEM, _OWN))
                )
        elif event in _OUTWARD and not self.untraceable:
            self.untraceable = _OUTWARD[event]

    def look(self, path: Any) -> None:
        """Take note that somebody asked about a path, without opening it."""
        if self not in _active or not isinstance(path, (str, bytes, os.PathLike)):
            return
        caller = _asking(3)
        place = os.path.abspath(os.fsdecode(path))
        if not caller.startswith(_OWN) and not place.startswith((*_LIBRARY, *_SYSTEM)):
            self.looked[place] = caller.startswith(_LIBRARY) and self.looked.get(place, True)

    def _note_file(self, path: str) -> None:
        if not os.path.realpath(path).startswith(_LIBRARY) and not path.startswith(_SYSTEM):
            self.files.add(path)

    def _note_folder(self, path: str, *, is_import: bool) -> None:
        if not (os.path.realpath(path) + os.sep).startswith(_LIBRARY) and not path.startswith(_SYSTEM):
            self.folders.add((path, is_import))


_active: list[Reads] = []
_hooked: list[bool] = []


@contextmanager
def tracing() -> Iterator[Reads]:
    """Trace what is read while the block runs, in any thread."""
    if not _hooked:
        _hooked.append(True)
        sys.addaudithook(_hook)  # for ever: hooks cannot be taken away, so this one is idle without an active trace
    reads = Reads()
    with _watched_environment(reads), _watched_looks(reads):
        _active.append(reads)
        try:
            yield reads
        finally:
            _active.remove(reads)


@contextmanager
def untraced() -> Iterator[None]:
    """Trace nothing while the block runs: what assetbuild itself does in the midst of loading is no part of it."""
    paused = list(_active)
    _active.clear()
    try:
        yield
    finally:
        _active.extend(paused)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    for reads in _active:
        reads.audit(event, arguments)


def _is_ours() -> bool:
    """Return whether it is assetbuild itself that looks at the environment: what it sees there is keyed elsewhere."""
    return _asking(3).startswith(_OWN)


def _asking(depth: int) -> str:
    """Return the file of the code that asks, so many frames above, or further where that one asks for another."""
    frame = sys._getframe(depth)  # noqa: SLF001
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PASSING):
        frame = frame.f_back
    return frame.f_code.co_filename


@contextmanager
def _watched_environment(reads: Reads) -> Iterator[None]:
    """Note each variable that is looked at; one that was set before by the code itself is its own affair."""
    kind = type(os.environ)
    get, put, every = kind.__getitem__, kind.__setitem__, kind.__iter__

    def watched_get(self: Any, name: Any) -> Any:
        if isinstance(name, str) and name not in reads.env_written and name not in reads.env and not _is_ours():
            try:
                reads.env[name] = get(self, name)
            except KeyError:
                reads.env[name] = None
        return get(self, name)

    def watched_put(self: Any, name: Any, value: Any) -> None:
        reads.env_written.add(name)
        put(self, name, value)

    def watched_every(self: Any) -> Any:
        if not _is_ours():
            reads.untraceable = reads.untraceable or "it looks at the whole environment"
        return every(self)

    kind.__getitem__, kind.__setitem__ = watched_get, watched_put  # type: ignore[method-assign]
    kind.__iter__ = watched_every  # type: ignore[method-assign]
    try:
        yield
    finally:
        kind.__getitem__, kind.__setitem__, kind.__iter__ = get, put, every  # type: ignore[method-assign]


@contextmanager
def _watched_looks(reads: Reads) -> Iterator[None]:
    """Note each path that somebody asks about, by ``os.path`` or ``pathlib``."""
    modules: list[Any] = [os.path, genericpath]
    places = [(of, name) for of in modules for name in _LOOKS if hasattr(of, name)]
    with ExitStack() as stack:
        for of, name in (*places, (Path, "stat")):
            function = getattr(of, name)
            setattr(of, name, _looking(function, reads))
            stack.callback(setattr, of, name, function)
        yield


def _looking(function: Callable[..., Any], reads: Reads) -> Callable[..., Any]:
    @functools.wraps(function)
    def looking(path: Any, *args: Any, **named: Any) -> Any:
        reads.look(path)
        return function(path, *args, **named)

    setattr(looking, WATCHES, function)
    return looking
