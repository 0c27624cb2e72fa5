"""The outlook: what a worker can do for a build before anybody knows what there is to build.

    .assetbuild/outlook    the libraries that the project's modules import, and how the modules lay when a build
                           looked last

A worker that knows the libraries imports them while the main process still looks for what has changed; and where a
module lies otherwise than for the last build, there will be something to do for it. None of this decides anything: a
library that cannot be imported is left alone, and a worker that is not needed ends.
"""

from __future__ import annotations

import os
import sys

from assetbuild import __version__
from assetbuild.load.sealed import read_sealed, write_sealed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from assetbuild.load.importer import Importer
    from assetbuild.load.reads import Reads

__all__ = [
    "CONFIG",
    "News",
    "Stamp",
    "forget_outlook",
    "hides",
    "keep_outlook",
    "libraries_of",
    "may_be_early",
    "stamp_of",
]

Stamp = tuple[int, int, int] | None

_NAME = "outlook"
_HEADER = f"assetbuild outlook 1 {__version__}\n".encode()
CONFIG = "assetbuild.declare.config"
"""Our own, and slow: it imports pydantic."""


def keep_outlook(
    folder: Path, importer: Importer, reads: Reads, path_before: Iterable[str], *, apart: bool = False
) -> None:
    """Keep in the state folder what an importer imported, and how the files lay; where that can be written.

    ``path_before`` is ``sys.path`` as it was before the modules were loaded. ``apart`` says that a worker loads only
    the modules that it needs, and not all of them have settings.
    """
    names = _imported(importer) if may_be_early(importer, reads, path_before) else []
    if apart and CONFIG in names:
        names.remove(CONFIG)
    modules = {path: importer.stamps.get(path) for path in importer.files}
    _write(folder, names, modules)


def forget_outlook(folder: Path) -> None:
    """Remove what is kept. Raises OSError where that cannot be done."""
    (folder / _NAME).unlink(missing_ok=True)


def libraries_of(folder: str) -> list[str] | None:
    """Return the names of the libraries that the modules imported when they were loaded last; None if never."""
    outlook = read_sealed(os.path.join(folder, _NAME), _HEADER)
    return None if outlook is None else outlook[0]


class News:
    """What moved among the modules since they were loaded, or since it was noted."""

    def __init__(self, folder: str) -> None:
        """Compare with what is kept in this state folder."""
        self._folder = folder
        kept: tuple[list[str], dict[str, Stamp]] = read_sealed(os.path.join(folder, _NAME), _HEADER) or ([], {})
        self.libraries, self._before = kept
        self._now = {path: stamp_of(path) for path in self._before}

    def __bool__(self) -> bool:
        """Return whether a module lies otherwise than before."""
        return self._now != self._before

    def note(self) -> None:
        """Note how the modules lay: for the next command that is no news. Nothing, where somebody has looked since."""
        from pathlib import Path  # noqa: PLC0415  # there is time now

        if read_sealed(os.path.join(self._folder, _NAME), _HEADER) == (self.libraries, self._before):
            _write(Path(self._folder), self.libraries, self._now)


def stamp_of(path: str) -> Stamp:
    """Return time of change, size and inode of a file; None when it is not there."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def hides(libraries: Iterable[str], paths: Iterable[str]) -> bool:
    """Say whether one of these first-party files may be imported where a library is meant: it has the same name."""
    tops = {name.partition(".")[0] for name in libraries}
    return bool(tops) and any(
        part in tops for path in paths for part in (os.path.basename(os.path.dirname(path)), _stem(path))
    )


def _stem(path: str) -> str:
    return os.path.basename(path).partition(".")[0]


def may_be_early(importer: Importer, reads: Reads, path_before: Iterable[str]) -> bool:
    """Say whether a library is the same when it is imported before the project: nothing was set for it."""
    own = set(importer.folders)
    return not reads.env_written and set(sys.path) - own == set(path_before) - own


def _imported(importer: Importer) -> list[str]:
    """Return the libraries that module-level code names, in the order of its names."""
    named = dict.fromkeys(name for entry in importer.journal.entries.values() for name in entry.code.co_names)
    found = [name for name in named if name in sys.modules and name.partition(".")[0] in sys.stdlib_module_names]
    found += [name for name in named if name in sys.modules and _is_library(name, importer)]
    # 'from a import b' imports a.b where that is a module.
    packages = tuple(f"{name}." for name in found)
    found += [name for name in sys.modules if name.startswith(packages) and name.rpartition(".")[2] in named]
    # Of the standard library only what a package does not import by itself: another module may rely on it.
    found = [name for name in dict.fromkeys(found) if "." in name or name not in sys.stdlib_module_names]
    if "Config" in named and CONFIG in sys.modules:
        found.append(CONFIG)
    return [name for name in found if not hides([name], importer.files)]


def _is_library(name: str, importer: Importer) -> bool:
    from assetbuild.fingerprint.code.source import OWN_PACKAGES  # noqa: PLC0415  # only after loading

    top = name.partition(".")[0]
    file = getattr(sys.modules.get(top), "__file__", None)
    return (
        top not in sys.stdlib_module_names
        and top not in OWN_PACKAGES
        and isinstance(file, str)
        and os.path.abspath(file) not in importer.first_party
    )


def _write(folder: Path, libraries: list[str], modules: dict[str, Stamp]) -> None:
    from contextlib import suppress  # noqa: PLC0415  # seldom

    with suppress(OSError):
        write_sealed(folder / _NAME, _HEADER, (libraries, modules))
