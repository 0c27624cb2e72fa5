"""Load first-party modules from bytes that are read once.

In: the project folder. Out: modules, and in ``files`` the exact bytes that
each of them was compiled from. No ``.pyc`` of a first-party file is read or
written: a cached one could be of other bytes. Everything else is imported as
always.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import marshal
import os
import sys
import traceback
import zlib
from collections.abc import Iterator, Mapping, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType, TracebackType
from typing import ClassVar, Self

from assetbuild.errors import AssetbuildError, DefinitionError, Problem, closest
from assetbuild.fingerprint.code.source import OWN_PACKAGES, FirstParty, SourceFile
from assetbuild.load.folder import working_in
from assetbuild.load.journal import Entry, Journal

__all__ = ["Importer"]


class Importer:  # a MetaPathFinder by what it does; that class costs a worker 3 ms
    """Finds modules as Python does, and loads the first-party ones from bytes that it keeps.

    As a context manager it first forgets first-party modules that were loaded
    before, so that what is loaded is what lies on disk now. Leaving the block
    does not uninstall it: imports inside function bodies must find the same bytes.
    """

    _roots: ClassVar[set[str]] = set()
    """The folders of all projects that this process has loaded."""

    def __init__(
        self,
        root: Path,
        *,
        search: Sequence[Path] = (),
        bundle: Mapping[str, bytes] | None = None,
        codes: Mapping[str, bytes] | None = None,
        journal: Journal | None = None,
    ) -> None:
        """Take the project folder, more folders to import from, and bytes to use in place of what is on disk.

        ``codes`` are files of the bundle as this very interpreter compiled them, packed (``load/compiled.py``).
        The journal is that of a load of which some modules stay.
        """
        self.journal = Journal() if journal is None else journal
        self.root = Path(os.path.abspath(root))
        self.first_party = FirstParty(self.root, search)
        self.files: dict[str, SourceFile] = {}
        self.stamps: dict[str, tuple[int, int, int] | None] = {}
        """Time of change, size and inode of each file that was read, as they were then."""
        self._bundle = dict(bundle or {})
        self._codes = dict(codes or {}) if bundle else {}
        source_layout = self.root / "src"
        folders = [self.root, *([source_layout] if source_layout.is_dir() else []), *search]
        self.folders = list(dict.fromkeys(os.path.abspath(folder) for folder in folders))
        """The project's own folders, which come first on the path."""
        self._added: list[str] = []
        self._searching: set[str] = set()

    def __enter__(self) -> Self:
        """Forget first-party modules and start to load them through this importer."""
        self.purge()
        self.install()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stay installed: function bodies import later."""

    def install(self) -> None:
        """Put the project's folders first on the path, and this importer before the normal path finder."""
        importlib.invalidate_caches()
        for finder in [finder for finder in sys.meta_path if isinstance(finder, Importer)]:
            finder.uninstall()
        self._added = [folder for folder in self.folders if folder not in sys.path]
        sys.path[:0] = self._added
        finders: list[object] = list(sys.meta_path)
        place = finders.index(importlib.machinery.PathFinder) if importlib.machinery.PathFinder in finders else 0
        sys.meta_path.insert(place, self)

    def uninstall(self) -> None:
        """Take the importer and the folders that it added away again."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        for folder in self._added:
            if folder in sys.path:
                sys.path.remove(folder)
        self._added = []

    def purge(self) -> None:
        """Forget what any importer loaded, for this project or another, and this project's modules that nobody did.

        Tests stay, which may be what runs here.
        """
        self._roots.add(f"{self.root}{os.sep}")
        for name in self.loaded():
            del sys.modules[name]
        self.journal.forget(list(self.journal.entries))

    def loaded(self) -> dict[str, ModuleType]:
        """Return the first-party modules that are loaded, by name: those that ``purge`` forgets."""
        found = {}
        for name, module in list(sys.modules.items()):
            parts = name.split(".")
            if name == "__main__" or parts[0] in OWN_PACKAGES:
                continue
            is_test = parts[0] == "tests" or parts[-1] == "conftest" or parts[-1].startswith("test_")
            loader = getattr(getattr(module, "__spec__", None), "loader", None)
            if isinstance(loader, _BytesLoader) or (not is_test and self._lies_in_a_project(module)):
                found[name] = module
        return found

    def keep(self, other: Importer) -> None:
        """Take over what another importer knows of the modules in the journal."""
        self.first_party = other.first_party
        for entry in self.journal.entries.values():
            self.files[entry.path] = other.files[entry.path]
            self.stamps[entry.path] = other.stamps.get(entry.path)

    def moved_in(self, bundle: Mapping[str, bytes]) -> set[str] | None:
        """Return the files that are others in this bundle than in that of this importer; None when one came or went."""
        if bundle.keys() != self._bundle.keys():
            return None
        return {path for path, data in bundle.items() if data != self._bundle[path]}

    def adopt(self) -> None:
        """Become the loader of the modules that were taken over; the importer that loaded them is then not needed."""
        for entry in self.journal.entries.values():
            loader = getattr(entry.module.__spec__, "loader", None)
            if isinstance(loader, _BytesLoader):
                loader.importer = self

    def load(self, name: str) -> ModuleType:
        """Import a module by name; raise DefinitionError with place and mend when it does not load."""
        try:
            with working_in(self.root):
                return importlib.import_module(name)
        except AssetbuildError:
            raise
        except SyntaxError as error:
            raise DefinitionError(self._syntax_problem(name, error)) from error
        except (Exception, SystemExit) as error:
            raise DefinitionError(self._import_problem(name, error)) from error

    def read(self, path: str) -> bytes:
        """Return a first-party file's bytes: those already read, those of the bundle, else those on disk now."""
        known = self.files.get(path)
        if known is None:
            data = self._bundle.get(path)
            if data is None:
                with open(path, "rb") as file:
                    status = os.fstat(file.fileno())
                    data = file.read()
                # From before the reading: a file that is saved meanwhile has another one afterwards.
                self.stamps[path] = (status.st_mtime_ns, status.st_size, status.st_ino)
            known = self.files[path] = SourceFile.of(path, data)
        return known.data

    def compiled(self, path: str) -> CodeType | None:
        """Return a file's code when another process of this interpreter has compiled it."""
        data = self._codes.pop(path, None)
        return None if data is None else marshal.loads(zlib.decompress(data))  # noqa: S302  # from the parent process

    # -- the finder ------------------------------------------------------------------------------------------

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module as the finders after this one would, and take first-party source files over."""
        if fullname in self._searching or fullname.partition(".")[0] in OWN_PACKAGES:
            return None
        if self._bundle and (spec := self._find_in_bundle(fullname, path)) is not None:
            return spec
        self._searching.add(fullname)
        try:
            spec = next(self._specs(fullname, path, target), None)
        finally:
            self._searching.discard(fullname)
        if spec is None or not spec.has_location or spec.origin is None:
            return spec
        origin = os.path.abspath(spec.origin)
        if not origin.endswith((".py", ".pyw")) or origin not in self.first_party:
            return spec
        return self._spec(fullname, origin, spec.submodule_search_locations)

    def _specs(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None) -> Iterator[ModuleSpec]:
        finders = list(sys.meta_path)
        for finder in finders[finders.index(self) + 1 :] if self in finders else [importlib.machinery.PathFinder]:
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                yield spec

    def _find_in_bundle(self, fullname: str, path: Sequence[str] | None) -> ModuleSpec | None:
        """Find a module among the bundled files, also when the file has meanwhile gone from the disk."""
        name = fullname.rpartition(".")[2]
        for entry in path if path is not None else sys.path:
            folder = os.path.join(os.path.abspath(entry or "."), name)
            package = os.path.join(folder, "__init__.py")
            if package in self._bundle:
                return self._spec(fullname, package, [folder])
            if folder + ".py" in self._bundle:
                return self._spec(fullname, folder + ".py", None)
        return None

    def _spec(self, fullname: str, origin: str, locations: Sequence[str] | None) -> ModuleSpec | None:
        spec = importlib.util.spec_from_file_location(
            fullname,
            origin,
            loader=_BytesLoader(fullname, origin, self),
            submodule_search_locations=None if locations is None else list(locations),
        )
        if spec is not None:
            spec.cached = None
        return spec

    def _lies_in_a_project(self, module: ModuleType) -> bool:
        file = getattr(module, "__file__", None)
        if isinstance(file, str):
            path = os.path.abspath(file)
            return path in self.first_party and path.startswith(f"{self.root}{os.sep}")
        try:  # a namespace package has folders and no file
            folders = [os.path.abspath(folder) for folder in getattr(module, "__path__", ())]
        except (TypeError, KeyError, AttributeError):
            return False
        # Also of other projects: a namespace package has no loader that tells.
        return bool(folders) and all((folder + os.sep).startswith(tuple(self._roots)) for folder in folders)

    # -- problems --------------------------------------------------------------------------------------------

    def _syntax_problem(self, name: str, error: SyntaxError) -> Problem:
        file = self.first_party.relative(error.filename) if error.filename else None
        facts = [("error", f"{type(error).__name__}: {error.msg}")]
        if error.text:
            facts.append(("line", error.text.strip()))
        return Problem(
            f"module {name!r} does not load: the file is not valid Python",
            tuple(facts),
            "Correct the line; nothing was changed, and the state of its assets is kept.",
            file,
            error.lineno,
        )

    def _import_problem(self, name: str, error: BaseException) -> Problem:
        trace = traceback.extract_tb(error.__traceback__, limit=-50)
        frames = [frame for frame in trace if frame.filename in self.files]
        where = frames[-1] if frames else None
        file = self.first_party.relative(where.filename) if where else None
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing is not None and not frames:
            return self._missing_module_problem(name, missing)
        facts = [("error", _one_line(error))]
        shown = [f"{self.first_party.relative(frame.filename)}:{frame.lineno}  {frame.line}" for frame in frames]
        if shown:
            facts.append(("trace", "\n".join(shown)))
        advice = "Correct the module; it must load before anything can be planned."
        if missing is not None:
            top = missing.partition(".")[0]
            advice = f"Install the package that provides {top!r} in this environment, or correct the import."
        return Problem(
            f"module {name!r} does not load: {type(error).__name__}",
            tuple(facts),
            advice,
            file,
            where.lineno if where else None,
        )

    def _missing_module_problem(self, name: str, missing: str) -> Problem:
        folder = self.root.joinpath(*missing.split(".")[:-1])
        found = sorted({entry.stem for entry in (folder.iterdir() if folder.is_dir() else ()) if entry.suffix == ".py"})
        facts = [("looked in", ", ".join(self.folders))]
        if (near := closest(missing.rpartition(".")[2], found)) is not None:
            facts.append(("closest", near))
        return Problem(
            f"module {name!r} cannot be found",
            tuple(facts),
            "Correct 'definitions' in the project's settings, or add the file.",
        )


class _BytesLoader(importlib.machinery.SourceFileLoader):
    """Loads one first-party file from the bytes that the importer read; knows no ``.pyc``."""

    def __init__(self, fullname: str, path: str, importer: Importer) -> None:
        super().__init__(fullname, path)
        self.importer = importer

    def exec_module(self, module: ModuleType) -> None:
        """Run the module, and note what it does meanwhile."""
        code = self.get_code(module.__name__)
        journal = self.importer.journal
        with journal.executing(Entry(module, self.path, code)):
            exec(code, module.__dict__)  # noqa: S102  # what importing is

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002  # the protocol's name
        """Compile the bytes that were read, and no others."""
        data = self.importer.read(self.path)
        if (code := self.importer.compiled(self.path)) is not None:
            return code
        try:
            importlib.util.decode_source(data)  # compile() passes over bytes in comments that are no text
            return compile(data, self.path, "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            if isinstance(error, SyntaxError) and error.filename is not None:
                raise
            bad = data.find(b"\0") if b"\0" in data else getattr(error, "start", 0)
            said = (self.path, data.count(b"\n", 0, bad) + 1, None, None)
            raise SyntaxError(getattr(error, "msg", None) or str(error), said) from error

    def get_data(self, path: str | os.PathLike[str]) -> bytes:
        """Return the source's bytes as they were read; other files as they are."""
        return self.importer.read(self.path) if os.fspath(path) == self.path else super().get_data(os.fspath(path))


def _one_line(error: BaseException) -> str:
    return " ".join(traceback.format_exception_only(error)[-1].split())
