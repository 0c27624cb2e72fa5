"""Compiled modules, kept beside the manifest, so that workers compile only what has changed.

    .assetbuild/compiled    header line, hash of the rest, marshal of {path: (hash of its bytes, marshalled code)}

To compile takes ten times as long as to read what was compiled. Code counts for bytes of the very hash that it was
compiled from, and for the very same Python.
"""

from __future__ import annotations

import marshal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from assetbuild.load.sealed import read_sealed, write_sealed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from assetbuild.load.importer import Importer

__all__ = ["compiled_by", "compiled_modules", "forget_compiled", "keep_compiled"]

_NAME = "compiled"
_HEADER = f"assetbuild compiled 1 {sys.implementation.cache_tag} {marshal.version} {sys.hexversion}\n".encode()


def compiled_by(importer: Importer) -> dict[str, bytes]:
    """Return the modules that an importer compiled, marshalled, by path: for other processes of this interpreter."""
    if sys.flags.optimize:  # a worker is started without the option, and keeps its assertions
        return {}
    return {entry.path: marshal.dumps(entry.code) for entry in importer.journal.entries.values()}


def keep_compiled(folder: Path, codes: Mapping[str, bytes], importer: Importer) -> None:
    """Keep what an importer compiled in the state folder, where that can be written."""
    try:
        write_sealed(
            folder / _NAME, _HEADER, {path: (importer.files[path].version, code) for path, code in codes.items()}
        )
    except OSError:
        with suppress(OSError):
            forget_compiled(folder)


def forget_compiled(folder: Path) -> None:
    """Remove what is kept. Raises OSError where that cannot be done."""
    (folder / _NAME).unlink(missing_ok=True)


def compiled_modules(folder: Path, versions: Mapping[str, str]) -> dict[str, bytes]:
    """Return the kept code of those modules whose bytes have the same hash now, by path."""
    kept = read_sealed(folder / _NAME, _HEADER)
    if kept is None or sys.flags.optimize:
        return {}
    return {path: code for path, (version, code) in kept.items() if versions.get(path) == version}
