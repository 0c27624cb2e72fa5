"""The manifest: the loaded graph with its recipes, kept until something that loading it read has moved.

    .assetbuild/manifest    header line, hash of the rest, marshal of a tuple: what was read with its versions, the
                            modules, and graph and recipes as ``load/kept.py`` packs them

With a valid manifest a command imports no user code: the graph has every key, edge and option, but no functions. What
loading read is traced (``load/reads.py``) and compared: content of files, listings of folders, values of environment
variables (as hashes), the folders on ``sys.path`` where packages are installed, Python, the settings. When in doubt
the definitions are loaded again, which is slower and never wrong. The file is written and read by this program alone,
in the project's own state folder; it is never fetched from anywhere. About 1 KB an asset.
"""

from __future__ import annotations

import functools
import marshal
import os
import pickle
import stat
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assetbuild.dataclass import dataclass, replace
from assetbuild.declare.definitions import AssetDefinition, Out, SourceDefinition
from assetbuild.fingerprint.encoding import SCHEME, digest, hash_bytes
from assetbuild.fingerprint.recipe import Recipe, Shown, environment_part
from assetbuild.graph.model import Asset, AssetInput, Graph, Source
from assetbuild.load.kept import KeptGraph, KeptRecipes, changed_recipes, packed_graph, packed_recipes, shifted_graph
from assetbuild.load.settings import Settings
from assetbuild.record.stamps import StampCache, stat_stamp

if TYPE_CHECKING:
    from assetbuild.load.definitions import Definitions
    from assetbuild.load.leaves import Leaves
    from assetbuild.load.reads import Reads
    from assetbuild.load.recipes import Recipes

__all__ = [
    "Edits",
    "Manifest",
    "Trace",
    "forget_manifest",
    "read_manifest",
    "trace_of",
    "unkeepable",
    "write_manifest",
]

_FORMAT = 4
_ABSENT = "absent"
_LOOKED = "looked at: "
"""Begins the version of a path that was not opened."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A graph without functions, its recipes, and the first-party files that workers load."""

    graph: KeptGraph
    recipes: KeptRecipes
    files: Mapping[str, str]
    """Absolute path of each first-party file to the hash of its bytes."""
    read_files: frozenset[str] = frozenset()
    read_folders: frozenset[tuple[str, bool]] = frozenset()
    trace: Trace | None = None
    keep: Callable[[], None] | None = None
    """Writes the manifest with the edits that were taken in just now; None where there were none."""
    edits: Edits | None = None


@dataclass(frozen=True, slots=True)
class Edits:
    """The assets whose recipes are others than those of an earlier load, which is known by its trace."""

    since: str
    """The ``version`` of the trace of that load."""
    assets: frozenset[str]


@dataclass(frozen=True, slots=True)
class Trace:
    """What loading read, with the versions of then."""

    settings: str
    python: str
    files: dict[str, str]
    folders: dict[tuple[str, bool], str]
    env: dict[str, str]
    installed: dict[str, int | None]

    @property
    def version(self) -> str:
        """A hash of it; loads of one version give the same graph and recipes."""
        said = [self.settings, self.python]
        for part in (self.files, self.folders, self.env, self.installed):
            said.extend(sorted(f"{key}\0{value}" for key, value in part.items()))
            said.append("")
        return hash_bytes(("\n".join(said).encode("utf-8", "surrogateescape"),))

    def moved(self, settings: Settings, stamps: StampCache) -> frozenset[str] | None:
        """Return the files that are others than then; None when something else is, or a file has gone."""
        is_same = (
            self.settings == _settings_version(settings)
            and self.python == _python(settings)
            and all(environment_part(os.environ.get(name)) == version for name, version in self.env.items())
            and all(_mtime(folder) == mtime for folder, mtime in self.installed.items())
            and all(_listing(folder, settings, is_import=how) == names for (folder, how), names in self.folders.items())
        )
        if not is_same:
            return None
        moved = set()
        for path, version in self.files.items():
            now = _look(path) if version.startswith(_LOOKED) else _file(path, stamps)
            if now != version:
                if _ABSENT in {now, version}:
                    return None
                moved.add(path)
        return frozenset(moved)


@dataclass(frozen=True, slots=True)
class _Kept:
    trace: Trace
    modules: dict[str, str]
    graph: tuple[Any, ...]
    recipes: tuple[Any, ...]
    """As ``load/kept.py`` packs them."""


def read_manifest(
    settings: Settings, stamps: StampCache, on_edit: Callable[[], object] = lambda: None
) -> Manifest | None:
    """Return the manifest when all that it depends on is as it was, or edits of leaves can be taken in; else None.

    ``on_edit`` is called as soon as it is known that a file has changed.
    """
    try:
        data = (settings.state_folder / "manifest").read_bytes()
        form, _, rest = data.partition(b"\n")
        if form != _header():
            return None
        if rest[:32] != hash_bytes((rest[32:],)).encode():
            return None
        trace, *content = marshal.loads(rest[32:])  # noqa: S302  # our own file, and whole
        kept = _Kept(Trace(*trace), *content)
    except (OSError, EOFError, TypeError, ValueError):
        return None
    moved = kept.trace.moved(settings, stamps)
    keep = None
    edits = Edits(kept.trace.version, frozenset())
    if moved:
        on_edit()
        now = _edited(kept, moved, settings, data)
        if now is None:
            return None
        kept, leaves, edited = now
        edits = replace(edits, assets=edited)
        keep = functools.partial(_write, settings, _content(kept), lambda: leaves)
    elif moved is None:
        return None
    graph = KeptGraph(kept.graph)
    return Manifest(
        graph,
        KeptRecipes(kept.recipes, graph),
        kept.modules,
        frozenset(kept.trace.files),
        frozenset(kept.trace.folders),
        kept.trace,
        keep,
        edits,
    )


def write_manifest(settings: Settings, trace: Trace, recipes: Recipes, definitions: Definitions, reads: Reads) -> bool:
    """Keep what was loaded for the next command, where there is a state folder to keep it in; return whether there is.

    ``trace`` is of the moment of loading: what has moved since then makes the next command load again.
    """
    if not settings.state_folder.is_dir():
        return False
    from assetbuild.load.leaves import leaves_of  # noqa: PLC0415  # only after loading

    graph = definitions.graph
    try:
        modules = {path: file.version for path, file in definitions.importer.files.items()}
        content = _content(_Kept(trace, modules, packed_graph(graph), packed_recipes(recipes, graph.assets)))
    except (pickle.PicklingError, TypeError, AttributeError, ValueError):
        forget_manifest(settings)
    else:
        _write(settings, content, functools.partial(leaves_of, recipes, definitions, reads))
    return True


def _content(kept: _Kept) -> bytes:
    t = kept.trace
    trace = (t.settings, t.python, t.files, t.folders, t.env, t.installed)
    return marshal.dumps((trace, kept.modules, kept.graph, kept.recipes))


def _write(settings: Settings, content: bytes, leaves: Callable[[], Leaves]) -> None:
    from assetbuild.load.leaves import packed  # noqa: PLC0415  # only after loading, or an edit
    from assetbuild.store.objects import replace_file  # noqa: PLC0415

    chunks = (_header(), b"\n", hash_bytes((content,)).encode(), content)
    try:
        replace_file(settings.state_folder / "manifest", *chunks)
        replace_file(settings.state_folder / "leaves", *packed(leaves(), chunks))
    except (OSError, TypeError, ValueError):
        forget_manifest(settings)


def _edited(
    kept: _Kept, moved: frozenset[str], settings: Settings, data: bytes
) -> tuple[_Kept, Leaves, frozenset[str]] | None:
    """Return manifest and leaves with edits of these files taken in, and the assets; None when they must be loaded."""
    from assetbuild.load.leaves import edited, relative_shifts, unpacked  # noqa: PLC0415  # only after an edit

    try:
        leaves = unpacked((settings.state_folder / "leaves").read_bytes(), (data,))
    except (OSError, ValueError, EOFError, TypeError):
        return None
    graph = KeptGraph(kept.graph)
    recipes = KeptRecipes(kept.recipes, graph)
    found = edited(leaves, moved, recipes.of_then) if moved <= kept.modules.keys() else None
    if found is None or (found.shifts and (graph.automations or recipes.is_widened)):
        return None
    trace = Trace(
        kept.trace.settings,
        kept.trace.python,
        {**kept.trace.files, **found.versions},
        kept.trace.folders,
        kept.trace.env,
        kept.trace.installed,
    )
    now = _Kept(
        trace,
        {**kept.modules, **found.versions},
        shifted_graph(kept.graph, found.shifts),
        changed_recipes(kept.recipes, graph, found.recipes, relative_shifts(found.shifts, settings.root)),
    )
    return now, found.leaves, frozenset(found.recipes)


def trace_of(settings: Settings, modules: Mapping[str, str], reads: Reads, stamps: StampCache) -> Trace:
    """Return the trace of a load: of its modules the versions that were compiled, of all else those of now."""
    paths = {path for path in reads.files if not path.startswith(f"{settings.state_folder}{os.sep}")} - set(modules)
    return Trace(
        _settings_version(settings),
        _python(settings),
        {**_looked(settings, reads), **{path: _file(path, stamps) for path in sorted(paths)}, **modules},
        {(folder, how): _listing(folder, settings, is_import=how) for folder, how in sorted(reads.folders)},
        {name: environment_part(value) for name, value in sorted(reads.env.items())},
        {folder: _mtime(folder) for folder in _search_path(settings)},
    )


def forget_manifest(settings: Settings) -> None:
    """Remove the manifest and what lies beside it, if there is one and it can be removed."""
    from assetbuild.load.compiled import forget_compiled  # noqa: PLC0415  # seldom
    from assetbuild.load.outlook import forget_outlook  # noqa: PLC0415

    try:
        forget_compiled(settings.state_folder)
        forget_outlook(settings.state_folder)
        for name in ("manifest", "leaves"):
            (settings.state_folder / name).unlink(missing_ok=True)
    except OSError:
        return


def unkeepable(settings: Settings, graph: Graph, recipes: Recipes, reads: Reads) -> str:
    """Return why what was loaded cannot be kept; empty when it can."""
    if reads.untraceable:
        return reads.untraceable
    if any("class" in options for options in settings.io_managers.values()):
        return "the project has IO managers of its own"
    if any(source.definition.observe is not None for source in graph.sources.values()):
        return "a source is polled by a function"
    if any(
        edge.mapping is not None and edge.mapping.needs_function for a in graph.assets.values() for edge in a.inputs
    ):
        return "a function tells which partitions an input reads"
    if any(_asks_function(asset.partitions) for asset in graph.assets.values()):
        return "a function tells which partitions there are"
    if written := recipes.variables & reads.env_written:
        return f"the code sets the environment variable {min(written)} that an asset reads"
    return _foreign_data(graph)


def _asks_function(partitions: Any) -> bool:
    inner = [definition for _, definition in getattr(partitions, "dimensions", ())]
    return getattr(partitions, "function", None) is not None or any(map(_asks_function, inner))


def _foreign_data(graph: Graph) -> str:
    """Look for tables that modules hold: native readers may have read them from files that no trace shows."""
    libraries = ("polars", "pandas", "pyarrow", "duckdb", "_duckdb", "numpy")
    for module in {asset.definition.function.__module__ for asset in graph.assets.values()}:
        for name, value in vars(sys.modules.get(module, object)).items() if module in sys.modules else ():
            kind = type(value)
            if kind.__module__.partition(".")[0] in libraries and kind.__name__ in {
                "DataFrame",
                "LazyFrame",
                "Series",
                "Table",
                "RecordBatch",
                "ndarray",
                "DuckDBPyRelation",
                "ChunkedArray",
            }:
                return f"module {module} holds data in {name}"
    return ""


def _header() -> bytes:
    from assetbuild import __version__  # noqa: PLC0415  # the package names it, and imports nothing for it

    # With the fields of what is kept: objects of another version of the program would lack some of them.
    kept = (Asset, AssetInput, AssetDefinition, Out, Source, SourceDefinition, Recipe, Shown, Trace)
    layout = digest("layout", [list(kind.__slots__) for kind in kept])
    python = f"{sys.implementation.cache_tag} {marshal.version}"  # the format of marshal is Python's own affair
    return f"assetbuild manifest {_FORMAT} {__version__} {SCHEME} {layout} {python}".encode()


def _settings_version(settings: Settings) -> str:
    return digest("settings", [str(settings.root), settings.file.name if settings.file else None, settings.text])


def _python(settings: Settings) -> str:
    return digest("python", [sys.version, sys.prefix, _search_path(settings)])


def _search_path(settings: Settings) -> list[str]:
    # The project's own folders are traced in detail; the working directory and the command's folder are put on the
    # path by the way in which the command is called.
    own = {str(settings.root), str(settings.root / "src"), os.getcwd(), os.path.dirname(os.path.abspath(sys.argv[0]))}
    folders = [os.path.abspath(entry) for entry in sys.path if entry]
    return [folder for folder in folders if folder not in own and os.path.isdir(folder)]


def _mtime(folder: str) -> int | None:
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:
        return None


def _listing(folder: str, settings: Settings, *, is_import: bool) -> str:
    # The folders that builds make beside the code say nothing about it.
    ours = {".assetbuild", Path(settings.warehouse).parts[0]} if folder == str(settings.root) else set()
    try:
        with os.scandir(folder) as entries:
            names = {entry.name for entry in entries if not is_import or _may_be_imported(entry)}
    except OSError:
        return _ABSENT
    return digest("listing", names - ours)


def _may_be_imported(entry: os.DirEntry[str]) -> bool:
    # Any script or test that imports from the project leaves compiled modules in '__pycache__'.
    name = entry.name
    return name.endswith((".py", ".so", ".pyd")) or (name.isidentifier() and name != "__pycache__" and entry.is_dir())


def _file(path: str, stamps: StampCache) -> str:
    try:
        status = os.stat(path)
        stamp = stat_stamp(status)
        known = stamps.version(f"module:{path}", stamp)
        if known is None:
            # As ``SourceFile.version`` has it.
            known = hash_bytes((Path(path).read_bytes(),))
            moved_ns = max(status.st_mtime_ns, status.st_ctime_ns)
            stamps.keep(f"module:{path}", stamp, known, moved_ns=moved_ns)
    except OSError:
        return _ABSENT
    return known


def _looked(settings: Settings, reads: Reads) -> dict[str, str]:
    """Return how the paths are that were asked about; what libraries look for elsewhere is their own affair."""
    root, state = f"{settings.root}{os.sep}", f"{settings.state_folder}{os.sep}"
    return {
        path: _look(path)
        for path, by_library in sorted(reads.looked.items())
        if (path.startswith(root) or not by_library)
        and not f"{path}{os.sep}".startswith(state)
        and not root.startswith(f"{path}{os.sep}")  # it, or a folder that it lies in
    }


def _look(path: str) -> str:
    try:
        status = os.stat(path)
    except OSError:
        return f"{_LOOKED}absent"
    is_file = stat.S_ISREG(status.st_mode)
    return f"{_LOOKED}{status.st_size} bytes" if is_file else f"{_LOOKED}{stat.S_IFMT(status.st_mode):o}"
