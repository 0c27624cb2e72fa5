"""Today's recipe of each asset: code, config, environment and IO manager; computed when first asked for."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, Final

from assetbuild.errors import DefinitionError, Problem
from assetbuild.fingerprint.code.closure import CodeFingerprinter, undisturbed
from assetbuild.fingerprint.code.model import CodePart, CodeVersion, Widened
from assetbuild.fingerprint.code.packages import Packages
from assetbuild.fingerprint.code.shapes import Shape
from assetbuild.fingerprint.encoding import digest
from assetbuild.fingerprint.recipe import Recipe, Shown, build_stem, environment_part, plain_inputs
from assetbuild.graph.model import Asset
from assetbuild.graph.places import relative_place
from assetbuild.load.config import MASK, ResolvedConfig
from assetbuild.load.definitions import Definitions
from assetbuild.load.settings import Settings
from assetbuild.store.registry import IOManagers

__all__ = ["Recipes"]

_NOTHING: Final[dict[str, str]] = {}
_SHOWN: Final = 1_000
"""The parts that are remembered."""
_LIBRARIES = frozenset({"duckdb", "pandas", "polars"})


class Recipes:
    """The recipes of one set of loaded definitions; each is computed once, before anything runs."""

    def __init__(
        self,
        settings: Settings,
        definitions: Definitions,
        io_managers: IOManagers,
        config: ResolvedConfig,
        *,
        last: Recipes | None = None,
        sparing: bool = False,
    ) -> None:
        """Take the loaded definitions and their config.

        With the ``last`` recipes the code versions of what was declared by modules that stayed are taken over.
        When ``sparing`` only the recipes are held, and not what they were made from: nothing can be taken over then.
        """
        self._sparing = sparing
        self._settings = settings
        self._graph = definitions.graph
        self._io_managers = io_managers
        self._config = config.parts
        self.modules = frozenset(definitions.importer.journal.entries)
        """The first-party modules that were loaded."""
        self._secrets = sorted(filter(None, config.secrets), key=len, reverse=True)
        self._fingerprinter: CodeFingerprinter = CodeFingerprinter(
            settings.root,
            definitions.importer.files,
            package_policy=settings.packages,
            import_module=definitions.importer.load,
            first_party=definitions.importer.first_party,
            last=None if last is None else last._fingerprinter,  # noqa: SLF001  # an earlier one of this class
            sparing=sparing,
        )
        self._packages = Packages(settings.packages)
        self._code: dict[int, CodeVersion | DefinitionError] = {}
        self._recipes: dict[str, Recipe] = {}
        self._widened: dict[str, tuple[Widened, ...]] = {}
        self._package_sets: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}
        self._stems: dict[str, bytes] = {}
        self._plain: dict[str, tuple[str, ...] | None] = {}
        self._shown: dict[int, tuple[CodePart, Shown, str]] = {}  # parts by their id: assets share what is the same
        self._managers: dict[str | None, dict[str, Any]] = {}
        self.effects: frozenset[str] | None = None
        """The modules that set something in other libraries; told by ``check``."""
        if last is not None and definitions.kept:
            self._take_over(last, definitions)

    def _take_over(self, last: Recipes, definitions: Definitions) -> None:
        """Take over the code versions of functions that a kept module declared, and that reach only kept modules."""
        stayed = definitions.kept
        if (
            last.effects is None
            or not last.effects <= stayed
            or not self._fingerprinter.modules_with_effects() <= stayed
        ):
            return  # What one module sets in a library counts for the assets of every module.
        executed = (last.modules | self.modules) - stayed
        for asset in self._graph.assets.values():
            found = last._code.get(id(asset.definition))
            if isinstance(found, CodeVersion) and not found.modules & executed:
                self._code[id(asset.definition)] = found

    def check(self, keys: frozenset[str]) -> None:
        """Compute the recipes of these assets; raise DefinitionError with every one that cannot be computed."""
        problems: list[Problem] = []
        with undisturbed():
            for key in sorted(keys):
                try:
                    self.recipe(key)
                except DefinitionError as error:
                    problems.extend(problem for problem in error.problems if problem not in problems)
            if self.effects is None:
                self.effects = self._fingerprinter.modules_with_effects()
                if self._sparing:
                    self._fingerprinter.forget()
        if problems:
            raise DefinitionError(*problems)

    def recipe(self, key: str) -> Recipe:
        """Return the recipe of an asset."""
        if key not in self._recipes:
            self._recipes[key] = self._make(self._graph.assets[key])
        return self._recipes[key]

    def stem(self, key: str) -> bytes:
        """Return what the build keys of an asset's partitions have in common."""
        if key not in self._stems:
            self._stems[key] = build_stem(key, self.recipe(key), self._graph.assets[key].inputs)
        return self._stems[key]

    def plain(self, key: str) -> tuple[str, ...] | None:
        """Return what an asset reads, in the order of its build key; None where more than that is to be said."""
        if key not in self._plain:
            asset = self._graph.assets[key]
            self._plain[key] = plain_inputs(asset.inputs) if asset.partitions is None else None
        return self._plain[key]

    @property
    def variables(self) -> frozenset[str]:
        """The environment variables that any asset reads."""
        return frozenset(name for key in self._graph.assets for name in self.recipe(key).env)

    def widened(self, key: str) -> tuple[Widened, ...]:
        """Return where the asset's code version was widened."""
        self.recipe(key)
        return self._widened.get(key, ())

    def _code_of(self, key: str) -> CodeVersion | None:
        """Return the code version of an asset with all its detail; None where ``code_version=`` replaces it."""
        definition = self._graph.assets[key].definition
        if definition.code_version is not None:
            return None
        found = self._code.get(id(definition))
        if found is None:
            try:
                found = self._fingerprinter.code_version(definition.function)
            except DefinitionError as error:
                found = error
            self._code[id(definition)] = found
        if isinstance(found, DefinitionError):
            raise found
        return found

    def _make(self, asset: Asset) -> Recipe:
        declared = asset.definition.code_version
        code = self._code_of(asset.key)
        names = {*asset.definition.env, *(code.env if code is not None else ())}
        parts, texts = self._code_parts(code)
        packages = {**code.packages, **self._libraries(asset)} if code is not None else {}
        if code is not None and code.widened:
            self._widened[asset.key] = code.widened
        if self._sparing and len(asset.siblings) == 1:  # else others need it
            self._code.pop(id(asset.definition), None)
        return Recipe(
            code_version=digest("code", [declared, None if code is None else code.version, self.own(asset.key)]),
            code=parts | _own_parts(asset, self._settings),
            texts=texts,
            packages=self._package_sets.setdefault(tuple(packages.items()), packages),
            config=self._config.get(asset.key, {}),
            env={name: environment_part(os.environ.get(name)) for name in sorted(names)} if names else _NOTHING,
            io_manager=self._manager(asset.out.io_manager),
            declared=declared,
        )

    def own(self, key: str) -> dict[str, object]:
        """Return what counts as code of an asset beyond the closure of its function."""
        asset = self._graph.assets[key]
        # An asset that returns nothing has another outcome than one that returns a value, whatever the body says.
        own: dict[str, object] = {"returns nothing": asset.returns_nothing, "unordered": asset.out.unordered}
        if asset.definition.code_version is None and self._settings.packages != "off":
            own |= self._libraries(asset)
        return own

    @property
    def has_secrets(self) -> bool:
        """Whether source texts were masked because they hold values of the config that are secret."""
        return bool(self._secrets)

    def are_quiet(self, paths: Iterable[str]) -> bool:
        """Return whether importing these first-party files does nothing but define."""
        return self._fingerprinter.are_quiet(paths)

    @property
    def is_told_by_names(self) -> bool:
        """Whether no code version counts whole modules or files."""
        return self._fingerprinter.is_told_by_names

    def shapes(self, path: str) -> Iterable[Shape]:
        """Return what the statements of a first-party file look like from outside, in order."""
        return self._fingerprinter.shapes(path)

    def leaf(self, key: str) -> bytes | None:
        """Return what is needed to tell an asset's code version again from its source alone, where that suffices."""
        definition = self._graph.assets[key].definition
        code = self._code.get(id(definition))
        return self._fingerprinter.leaf(definition.function, code if isinstance(code, CodeVersion) else None)

    def _libraries(self, asset: Asset) -> dict[str, str]:
        """Return the libraries whose objects the inputs are given as: a body may call their methods and name none."""
        names = {edge.load.partition(".")[0] for edge in asset.inputs if edge.load is not None}
        found = [self._packages.of_module(name) for name in sorted(names & _LIBRARIES)]
        return {library.name: self._packages.version(library) for library in found if library is not None}

    def _code_parts(self, code: CodeVersion | None) -> tuple[dict[str, Shown], dict[str, str]]:
        parts: dict[str, Shown] = {}
        texts: dict[str, str] = {}
        for subject, part in (code.parts if code is not None else {}).items():
            if id(part) not in self._shown:
                if len(self._shown) >= _SHOWN:
                    self._shown.clear()
                self._shown[id(part)] = part, *self._part_shown(part)
            _, parts[subject], text = self._shown[id(part)]
            if text:
                texts[part.version] = text
        return parts, texts

    def _part_shown(self, part: CodePart) -> tuple[Shown, str]:
        """Return a part as it is shown, and its source text, nothing for a value."""
        place = f"{part.file}:{part.line}" if part.line is not None else part.file or ""
        text = part.text
        for secret in self._secrets:  # a default in the source, say
            text = text.replace(secret, MASK)
        return (
            (Shown(part.version, text, place), "") if part.kind == "value" else (Shown(part.version, "", place), text)
        )

    def _manager(self, name: str | None) -> dict[str, Any]:
        if name not in self._managers:
            if name is None:
                # Chosen by the value: the options of every default that it may become count.
                chosen = {known: self._io_managers.options(known)["options"] for known in self._settings.io_managers}
                self._managers[name] = {"name": "by value", "options": chosen}
            else:
                self._managers[name] = {"name": name, **self._io_managers.options(name), **self._manager_code(name)}
        return self._managers[name]

    def _manager_code(self, name: str) -> dict[str, Any]:
        if "class" not in self._settings.io_managers.get(name, {}):
            return {}
        return {"code": self._fingerprinter.class_version(type(self._io_managers.get(name))).version}


def _own_parts(asset: Asset, settings: Settings) -> dict[str, Shown]:
    said = (("-> None", asset.returns_nothing), ("unordered", asset.out.unordered))
    if not any(value for _, value in said):
        return {}
    file, line = relative_place(asset.origin, settings.root)
    return {name: Shown(digest("own", value), str(value), f"{file}:{line}") for name, value in said if value}
