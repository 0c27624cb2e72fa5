"""A project as it is loaded: from the manifest when nothing moved, else by importing the user's modules."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from assetbuild.dataclass import dataclass, field, replace
from assetbuild.errors import DefinitionError
from assetbuild.fingerprint.encoding import hash_bytes
from assetbuild.graph.model import Graph
from assetbuild.load.config import gather
from assetbuild.load.manifest import Edits, Trace, forget_manifest, read_manifest, trace_of, unkeepable, write_manifest
from assetbuild.load.outlook import Stamp, keep_outlook, may_be_early, stamp_of
from assetbuild.load.settings import Settings, read_settings
from assetbuild.record.stamps import StampCache
from assetbuild.store.registry import IOManagers

if TYPE_CHECKING:
    from assetbuild.load.compiled import Compiled
    from assetbuild.load.definitions import Definitions
    from assetbuild.load.reads import Reads
    from assetbuild.load.recipes import Recipes

__all__ = ["Loaded", "Stage", "load_stage"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """The definitions as they were imported, and all that loading them read."""

    definitions: Definitions
    recipes: Recipes
    reads: Reads
    trace: Trace


class Follower(Protocol):
    """Who wants to hear how the loading of a project goes on; it hears nothing where nothing has changed."""

    def importing(self, settings: Settings) -> None:
        """Hear that a module has changed, or that all are about to be imported."""

    def imported(
        self,
        settings: Settings,
        bundle: Mapping[str, bytes],
        compiled: Compiled,
        graph: Graph,
        edited: Iterable[str] = (),
    ) -> None:
        """Hear what is to be imported, what was compiled of it, and which assets were edited if that is known.

        Fingerprints or the plan come next.
        """


@dataclass(frozen=True, slots=True)
class Stage:
    """Settings, graph, recipes and config of a project, and the files that they came from.

    ``has_functions`` says whether the graph has the user's functions, or comes from the manifest. ``unkept`` says why
    the manifest cannot be kept; else ``keep`` writes it, when there is time and a state folder.
    """

    settings: Settings
    graph: Graph
    io_managers: IOManagers
    recipes: Any
    config: Mapping[str, Mapping[str, Any]]
    files: Mapping[str, str]
    stamps: Mapping[str, Stamp]
    has_functions: bool
    sources: Mapping[str, bytes] | None = None
    unkept: str = ""
    keep: Callable[[], None] | None = None
    read_files: frozenset[str] = frozenset()
    """Every file that loading read, modules and others."""
    read_folders: frozenset[tuple[str, bool]] = frozenset()
    """Every folder that loading listed, and whether only the import system did."""
    loaded: Loaded | None = None
    """What a reload begins with; None where the graph comes from the manifest."""
    trace: Trace | None = None
    """What loading read with the versions of then, where that tells all that the stage depends on."""
    edits: Edits | None = None
    """What differs from an earlier load, where that is known."""
    known: list[Compiled] = field(default_factory=list)
    """What ``compiled`` returns, once it is known."""
    kept_modules: frozenset[str] = frozenset()
    """The modules that stayed when this stage was reloaded from an earlier one."""

    @property
    def is_current(self) -> bool:
        """Return whether none of the files was touched since."""
        return _stamps(self.stamps) == self.stamps

    def compiled(self) -> Compiled:
        """Return what helps other processes of this interpreter to load the modules, as far as it is known."""
        if not self.known:
            from assetbuild.load.compiled import compiled_modules  # noqa: PLC0415  # where something is to run

            self.known.append(compiled_modules(self.settings.state_folder, self.files))
        return self.known[0]

    def bundle(self) -> Mapping[str, bytes] | None:
        """Return the bytes of the first-party files, those that the recipes were made from; None when they are gone."""
        if self.sources is not None:
            return self.sources
        found: dict[str, bytes] = {}
        for path, version in self.files.items():
            try:
                found[path] = Path(path).read_bytes()
            except OSError:
                return None
            if hash_bytes((found[path],)) != version:
                return None
        return found


def load_stage(  # noqa: PLR0913  # what to load and how much of it, after what, and who hears of it
    root: Path,
    config_file: Path | None,
    assignments: Sequence[str],
    *,
    functions: bool = False,
    previous: Stage | None = None,
    follower: Follower | None = None,
    keep: bool = True,
    sparing: bool = False,
) -> Stage:
    """Load a project; with ``functions`` its modules are imported in any case.

    What was imported is kept for the next command, unless the caller wants to do that later (``Stage.keep``).
    A ``sparing`` stage is for one command: it takes half of the memory, and a reload from it fingerprints all anew.

    With the ``previous`` stage of this process only modules that an edit affects are executed again, and only what
    they declare is fingerprinted again. When it does not load, the modules of the previous stage are in place again.
    Raises UsageError and DefinitionError with every problem of settings, config and definitions.
    """
    settings = read_settings(root)
    io_managers = IOManagers(settings.root, settings.root / settings.warehouse, settings.io_managers)
    is_loaded = previous is not None and previous.loaded is not None
    if not functions and config_file is None and not assignments and not is_loaded:
        on_edit = (lambda: follower.importing(settings)) if follower is not None else (lambda: None)
        kept = read_manifest(settings, StampCache(settings.state_folder / "stamps.db"), on_edit)
        if kept is not None:
            values = gather(settings, None, (), kept.graph)
            config = {key: table for key, name in kept.graph.sections.items() if (table := values.tables.get(name))}
            stage = Stage(
                settings,
                kept.graph,
                io_managers,
                kept.recipes,
                config,
                kept.files,
                _stamps([*kept.files, str(settings.file or "")]),
                has_functions=False,
                keep=kept.keep,
                read_files=kept.read_files,
                read_folders=kept.read_folders,
                trace=kept.trace,
                edits=kept.edits,
            )
            if kept.keep is not None and follower is not None and (bundle := stage.bundle()) is not None:
                edited = kept.edits.assets if kept.edits is not None else ()
                follower.imported(settings, bundle, stage.compiled(), kept.graph, edited)
                stage = replace(stage, sources=bundle)
            return _kept(stage) if keep else stage
    from assetbuild.fingerprint.code.closure import undisturbed  # noqa: PLC0415  # with a manifest it is not needed

    with undisturbed():  # what is loaded stays: to search it for garbage takes longer than to load it
        stage = _load(settings, io_managers, config_file, assignments, previous, follower, sparing=sparing)
    return _kept(stage) if keep else stage


def _kept(stage: Stage) -> Stage:
    if stage.keep is not None:
        stage.keep()
    return stage


def _load(  # noqa: PLR0913  # as load_stage
    settings: Settings,
    io_managers: IOManagers,
    config_file: Path | None,
    assignments: Sequence[str],
    previous: Stage | None,
    follower: Follower | None,
    *,
    sparing: bool,
) -> Stage:
    if follower is not None:
        follower.importing(settings)
    # Imported here: with a manifest none of it is needed.
    from assetbuild.load.compiled import compiled_by, homes_of, keep_compiled  # noqa: PLC0415
    from assetbuild.load.config import configure  # noqa: PLC0415
    from assetbuild.load.definitions import load_definitions  # noqa: PLC0415
    from assetbuild.load.reads import tracing, untraced  # noqa: PLC0415
    from assetbuild.load.recipes import Recipes  # noqa: PLC0415

    last = previous.loaded if previous is not None else None
    path = tuple(sys.path)
    stamps = StampCache(settings.state_folder / "stamps.db")
    beside = _stamps([str(settings.file or ""), str(config_file or "")])
    moved = last.trace.moved(settings, stamps) if last is not None and not last.reads.untraceable else None
    with tracing() as reads:
        definitions = load_definitions(
            settings, io_managers, previous=None if last is None else last.definitions, moved=moved
        )
        graph = definitions.graph
        with untraced():
            compiled = compiled_by(definitions.importer)
            if follower is not None:
                follower.imported(settings, _sources(definitions), compiled, graph)
        config = configure(settings, config_file, assignments, graph)
        last_recipes = None if last is None else last.recipes
        recipes = Recipes(settings, definitions, io_managers, config, last=last_recipes, sparing=sparing)
        is_whole = _is_whole(recipes, graph) if config_file is None and not assignments else False
    if last is not None and definitions.kept:
        reads.include(last.reads)
    files = {path: file.version for path, file in definitions.importer.files.items()}

    unkept = unkeepable(settings, graph, recipes, reads) if is_whole else ""
    if unkept:
        forget_manifest(settings)
    trace = trace_of(settings, files, reads, stamps)
    is_kept = False

    def keep() -> None:
        nonlocal is_kept
        # Once, but not before there is a folder for it; a worker that starts meanwhile may make that at any moment.
        if not is_kept or not (settings.state_folder / "manifest").exists():
            is_kept = write_manifest(settings, trace, recipes, definitions, reads)
            if is_kept:
                homes = homes_of(definitions, recipes) if may_be_early(definitions.importer, reads, path) else {}
                keep_compiled(settings.state_folder, replace(compiled, homes=homes), definitions.importer)
                keep_outlook(settings.state_folder, definitions.importer, reads, path, apart=bool(homes))
            stamps.flush()

    return Stage(
        settings,
        graph,
        io_managers,
        recipes,
        config.tables,
        files,
        {**definitions.importer.stamps, **beside},
        has_functions=True,
        sources=_sources(definitions),
        unkept=unkept,
        keep=keep if is_whole and not unkept else None,
        read_files=frozenset(trace.files),
        read_folders=frozenset(reads.folders),
        loaded=Loaded(definitions, recipes, reads, trace),
        trace=trace if is_whole and not unkept else None,
        known=[compiled],
        kept_modules=definitions.kept,
    )


def _sources(definitions: Definitions) -> dict[str, bytes]:
    return {path: file.data for path, file in definitions.importer.files.items()}


def _is_whole(recipes: Any, graph: Graph) -> bool:
    """Compute every recipe, while the trace is on; return whether all could be."""
    try:
        recipes.check(frozenset(graph.assets))
    except DefinitionError:
        return False  # Reported when it is asked for: other assets can still be planned.
    return True


def _stamps(files: Iterable[str]) -> dict[str, Stamp]:
    return {path: stamp_of(path) for path in files if path}
