"""The outlook: what a worker can do for a build before anybody knows what there is to build.

    .assetbuild/outlook    JSON: the libraries that the project's modules import, and how the modules lay when a build
                           looked last

A worker that knows the libraries imports them while the main process still looks for what has changed; and where a
module lies otherwise than for the last build, there will be something to do for it. None of this decides anything: a
library that cannot be imported is left alone, and a worker that is not needed ends.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

TYPE_CHECKING = False
if TYPE_CHECKING:
    from assetbuild.load.importer import Importer
    from assetbuild.load.reads import Reads
    from assetbuild.load.settings import Settings

__all__ = [
    "Stamp",
    "forget_outlook",
    "guessed_libraries",
    "has_news",
    "hides",
    "keep_outlook",
    "libraries_of",
    "stamp_of",
]

Stamp = tuple[int, int, int] | None

_NAME = "outlook"
_CONFIG = "assetbuild.declare.config"
"""Our own, and slow: it imports pydantic."""
_IMPORTED = re.compile(r"^(?:from|import)[ \t]+([A-Za-z_][\w.]*)", re.MULTILINE)
_IMPORTS_CONFIG = re.compile(r"^from assetbuild import[^#]*\bConfig\b", re.MULTILINE)
_SETS_SOMETHING = re.compile(r"\benviron\b|\bputenv\b|\bsys\.path\b")
_MOST_GUESSED = 200
"""Modules of a package that are looked through."""


def keep_outlook(folder: Path, importer: Importer, reads: Reads, path_before: Iterable[str]) -> None:
    """Keep in the state folder what an importer imported, and how the files lay; where that can be written.

    ``path_before`` is ``sys.path`` as it was before the modules were loaded.
    """
    names = _imported(importer) if _may_be_early(importer, reads, path_before) else []
    modules = {path: importer.stamps.get(path) for path in importer.files}
    with suppress(OSError):
        _write(folder, {"libraries": names, "modules": modules})


def forget_outlook(folder: Path) -> None:
    """Remove what is kept. Raises OSError where that cannot be done."""
    (folder / _NAME).unlink(missing_ok=True)


def libraries_of(folder: str) -> list[str] | None:
    """Return the names of the libraries that the modules imported when they were loaded last; None if never."""
    found = _outlook(folder).get("libraries")
    return None if found is None else [str(name) for name in found]


def guessed_libraries(settings: Settings) -> list[str]:
    """Return the libraries that the text of the project's modules imports at its left edge, before they were loaded."""
    texts: list[str] = []
    for name in settings.definitions:
        for folder in (settings.root, settings.root / "src"):
            place = folder.joinpath(*name.split("."))
            for path in (place.with_suffix(".py"), *sorted(place.glob("**/*.py"))[:_MOST_GUESSED]):
                with suppress(OSError, ValueError):
                    texts.append(path.read_text(encoding="utf-8"))
    if any(_SETS_SOMETHING.search(text) for text in texts):
        return []
    named = dict.fromkeys(name for text in texts for name in _IMPORTED.findall(text))
    found = [name for name in named if name.partition(".")[0] not in sys.stdlib_module_names | {"assetbuild"}]
    if any(_IMPORTS_CONFIG.search(text) for text in texts):
        found.append(_CONFIG)
    return [name for name in found if not _is_own(name.partition(".")[0], settings.root)]


def _is_own(top: str, root: Path) -> bool:
    return any((folder / name).exists() for folder in (root, root / "src") for name in (top, f"{top}.py"))


def has_news(folder: str) -> bool:
    """Say whether a module lies otherwise than when this was asked last, or the modules were loaded."""
    outlook = _outlook(folder)
    before = outlook.get("modules", {})
    now = {path: stamp_of(path) for path in before}
    if all(stamp == (before[path] and tuple(before[path])) for path, stamp in now.items()):
        return False
    with suppress(OSError):
        _write(Path(folder), {**outlook, "modules": now})
    return True


def stamp_of(path: str) -> Stamp:
    """Return time of change, size and inode of a file; None when it is not there."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _outlook(folder: str) -> dict[str, Any]:
    try:
        with open(os.path.join(folder, _NAME), encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return {}
    is_whole = isinstance(found, dict) and [type(found.get(name)) for name in ("libraries", "modules")] == [list, dict]
    return found if is_whole else {}


def hides(libraries: Iterable[str], paths: Iterable[str]) -> bool:
    """Say whether one of these first-party files may be imported where a library is meant: it has the same name."""
    tops = {name.partition(".")[0] for name in libraries}
    return bool(tops) and any(
        part in tops for path in paths for part in (os.path.basename(os.path.dirname(path)), _stem(path))
    )


def _stem(path: str) -> str:
    return os.path.basename(path).partition(".")[0]


def _may_be_early(importer: Importer, reads: Reads, path_before: Iterable[str]) -> bool:
    """Say whether a library is the same when it is imported before the project: nothing was set for it."""
    own = set(importer.folders)
    return not reads.env_written and set(sys.path) - own == set(path_before) - own


def _imported(importer: Importer) -> list[str]:
    """Return the libraries that module-level code names, in the order of its names."""
    named = dict.fromkeys(name for entry in importer.journal.entries.values() for name in entry.code.co_names)
    found = [name for name in named if name in sys.modules and _is_library(name, importer)]
    if "Config" in named and _CONFIG in sys.modules:
        found.append(_CONFIG)
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


def _write(folder: Path, outlook: dict[str, Any]) -> None:
    from assetbuild.store.objects import replace_file  # noqa: PLC0415  # seldom

    replace_file(folder / _NAME, json.dumps(outlook).encode())
