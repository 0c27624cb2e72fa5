"""What helps a worker to load a project: its modules compiled, and which module declares what.

    .assetbuild/compiled    {path: (hash of its bytes, packed code)}, and {key: module}

To compile takes ten times as long as to read what was compiled. Code counts for bytes of the very hash that it was
compiled from, and for the very same Python. It is compressed, which takes 3 ms for a thousand assets, and a tenth of
the room, also in the memory of the main process and on the way to the workers.

Where all modules only define (``fingerprint/code/quiet.py``), one can be loaded without the others, and a worker that
runs one asset of ten thousand loads its module alone.
"""

from __future__ import annotations

import marshal
import sys
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from assetbuild.dataclass import dataclass, field
from assetbuild.load.outlook import hides
from assetbuild.load.sealed import read_sealed, write_sealed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from assetbuild.graph.model import Asset, Source
    from assetbuild.load.definitions import Definitions
    from assetbuild.load.importer import Importer
    from assetbuild.load.recipes import Recipes

__all__ = ["Compiled", "compiled_by", "compiled_modules", "forget_compiled", "homes_of", "keep_compiled"]

_NAME = "compiled"
_HEADER = f"assetbuild compiled 3 {sys.implementation.cache_tag} {marshal.version} {sys.hexversion}\n".encode()


@dataclass(frozen=True, slots=True)
class Compiled:
    """Modules as this interpreter compiled them, and where each key is declared."""

    codes: Mapping[str, bytes] = field(default_factory=dict)
    """The code of modules by path, marshalled and compressed; of some, or of none."""
    homes: Mapping[str, str] = field(default_factory=dict)
    """The module that declares each asset and source; empty where a module may not be loaded without the others."""


def compiled_by(importer: Importer) -> Compiled:
    """Return the modules that an importer compiled."""
    if sys.flags.optimize:  # a worker is started without the option, and keeps its assertions
        return Compiled()
    entries = importer.journal.entries.values()
    return Compiled({entry.path: zlib.compress(marshal.dumps(entry.code), 1) for entry in entries})


def homes_of(definitions: Definitions, recipes: Recipes) -> dict[str, str]:
    """Return the module that declares each asset and source; nothing where all modules have to be loaded."""
    graph, importer = definitions.graph, definitions.importer
    entries = importer.journal.entries
    declared: list[Asset | Source] = [*graph.assets.values(), *graph.sources.values()]
    if (
        len(entries) == 1
        or any(each.partitions is not None for each in declared)  # an input's mapping is told by what it reads
        or not recipes.are_quiet(importer.files)
    ):
        return {}
    from assetbuild.fingerprint.code.quiet import QUIET_LIBRARIES  # noqa: PLC0415  # only after loading
    from assetbuild.load.affected import is_blind  # noqa: PLC0415

    if hides(QUIET_LIBRARIES, importer.files) or any(is_blind(entry) for entry in entries.values()):
        return {}
    by_definition = {id(event): name for name, entry in entries.items() for event in entry.events}
    homes = {each.key: by_definition.get(id(each.definition), "") for each in declared}
    return homes if all(homes.values()) else {}


def keep_compiled(folder: Path, compiled: Compiled, importer: Importer) -> None:
    """Keep what an importer compiled in the state folder, where that can be written."""
    codes = {path: (importer.files[path].version, code) for path, code in compiled.codes.items()}
    try:
        write_sealed(folder / _NAME, _HEADER, (codes, compiled.homes))
    except OSError:
        with suppress(OSError):
            forget_compiled(folder)


def forget_compiled(folder: Path) -> None:
    """Remove what is kept. Raises OSError where that cannot be done."""
    (folder / _NAME).unlink(missing_ok=True)


def compiled_modules(folder: Path, versions: Mapping[str, str]) -> Compiled:
    """Return what is kept: the code of those modules whose bytes have the same hash now."""
    kept = read_sealed(folder / _NAME, _HEADER)
    if kept is None:
        return Compiled()
    codes, homes = kept
    if sys.flags.optimize:
        return Compiled({}, homes)
    return Compiled({path: code for path, (version, code) in codes.items() if versions.get(path) == version}, homes)
