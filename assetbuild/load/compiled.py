"""What loading compiled and imported, kept so that the workers of later commands are ready sooner.

    .assetbuild/compiled    header line, hash of the rest, marshal of {path: (hash of its bytes, marshalled code)}
    .assetbuild/outlook     JSON: the libraries that the project's modules import, and how the modules lay when a build
                            looked last

A worker that is given a module's code need not compile it, which takes ten times as long as to read it. One that knows
the libraries can import them while the main process still looks for what has changed; and where a module lies
otherwise than for the last build, there will be something to do for it. None of this decides anything: code counts
for bytes of the very hash that it was compiled from, a library that cannot be imported is left alone, and a worker
that is not needed ends.
"""

from __future__ import annotations

import json
import marshal
import os
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from assetbuild.fingerprint.encoding import hash_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from assetbuild.load.importer import Importer
    from assetbuild.load.reads import Reads
    from assetbuild.load.settings import Settings

__all__ = [
    "Stamp",
    "compiled_by",
    "compiled_modules",
    "forget_compiled",
    "guessed_libraries",
    "has_news",
    "hides",
    "keep_compiled",
    "libraries_of",
    "stamp_of",
]

Stamp = tuple[int, int, int] | None

_COMPILED = "compiled"
_OUTLOOK = "outlook"
_HEADER = f"assetbuild compiled 1 {sys.implementation.cache_tag} {marshal.version} {sys.hexversion}\n".encode()
_CONFIG = "assetbuild.declare.config"
"""Our own, and slow: it imports pydantic."""
_IMPORTED = re.compile(r"^(?:from|import)[ \t]+([A-Za-z_][\w.]*)", re.MULTILINE)
_IMPORTS_CONFIG = re.compile(r"^from assetbuild import[^#]*\bConfig\b", re.MULTILINE)
_SETS_SOMETHING = re.compile(r"\benviron\b|\bputenv\b|\bsys\.path\b")
_MOST_GUESSED = 200
"""Modules of a package that are looked through."""


def compiled_by(importer: Importer) -> dict[str, bytes]:
    """Return the modules that an importer compiled, marshalled, by path: for other processes of this interpreter."""
    if sys.flags.optimize:  # a worker is started without the option, and keeps its assertions
        return {}
    return {entry.path: marshal.dumps(entry.code) for entry in importer.journal.entries.values()}


def keep_compiled(
    folder: Path, codes: Mapping[str, bytes], importer: Importer, reads: Reads, path_before: Iterable[str]
) -> None:
    """Keep what an importer compiled, and the libraries that it imported, in the state folder, as far as it can be.

    ``path_before`` is ``sys.path`` as it was before the modules were loaded.
    """
    content = marshal.dumps({path: (importer.files[path].version, code) for path, code in codes.items()})
    names = _imported(importer) if _may_be_early(importer, reads, path_before) else []
    modules = {path: importer.stamps.get(path) for path in importer.files}
    try:
        _write(folder / _COMPILED, b"".join((_HEADER, hash_bytes((content,)).encode(), content)))
        _write(folder / _OUTLOOK, json.dumps({"libraries": names, "modules": modules}).encode())
    except OSError:
        with suppress(OSError):
            forget_compiled(folder)


def _write(path: Path, data: bytes) -> None:
    staged = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        staged.write_bytes(data)
        staged.replace(path)
    except OSError:
        with suppress(OSError):
            staged.unlink(missing_ok=True)
        raise


def forget_compiled(folder: Path) -> None:
    """Remove what is kept. Raises OSError where that cannot be done."""
    for name in (_COMPILED, _OUTLOOK):
        (folder / name).unlink(missing_ok=True)


def compiled_modules(folder: Path, versions: Mapping[str, str]) -> dict[str, bytes]:
    """Return the kept code of those modules whose bytes have the same hash now, by path."""
    try:
        data = (folder / _COMPILED).read_bytes()
    except OSError:
        return {}
    head, rest = data[: len(_HEADER)], data[len(_HEADER) :]
    if head != _HEADER or sys.flags.optimize or rest[:32] != hash_bytes((rest[32:],)).encode():
        return {}
    kept = marshal.loads(rest[32:])  # noqa: S302  # our own file, and whole
    return {path: code for path, (version, code) in kept.items() if versions.get(path) == version}


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
        _write(Path(folder, _OUTLOOK), json.dumps({**outlook, "modules": now}).encode())
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
        with open(os.path.join(folder, _OUTLOOK), encoding="utf-8") as file:
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
