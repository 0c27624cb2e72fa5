"""Which partitions there are now: of each asset and source, one key set for a whole plan.

Definitions of time count up to ``now``. A ``Dynamic`` asks its function once, or reads the value that an upstream asset
has now; while that asset has yet to run, nobody knows the keys, and the asset is *open*.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from assetbuild.dataclass import dataclass, field
from assetbuild.errors import AssetbuildError, Problem, UsageError
from assetbuild.graph.model import Asset, Graph, Source
from assetbuild.graph.places import relative_place
from assetbuild.load.errors import user_traceback
from assetbuild.plan.outputs import Outputs
from assetbuild.record.model import Pointer
from assetbuild.store.io import InputContext

if TYPE_CHECKING:
    from pathlib import Path

    from assetbuild.declare.definitions import Origin
    from assetbuild.declare.partitions import KeySet, PartitionsDefinition
    from assetbuild.plan.sources import SourceObserver
    from assetbuild.plan.states import SourcePlaces
    from assetbuild.record.stamps import StampCache

__all__ = ["KeySets"]

_TABLES = frozenset({"parquet", "arrow"})


@dataclass(slots=True)
class KeySets:
    """The key sets of one plan. ``current`` gives the pointer to an asset's value, None while it has yet to run."""

    graph: Graph
    root: Path
    now: datetime
    sources: SourceObserver
    outputs: Outputs
    stamps: StampCache
    _known: dict[PartitionsDefinition, KeySet] = field(default_factory=dict)

    def of_source(self, source: Source) -> SourcePlaces:
        """Return the places of a source."""
        return self.sources.places(source, self._source_keys)

    def of_asset(self, asset: Asset, current: Callable[[str], Pointer | None]) -> KeySet | None:
        """Return the key set of an asset with partitions; None while it is open."""
        definition = asset.partitions
        assert definition is not None  # noqa: S101  # the caller asks for an asset with partitions
        return self._of(definition, asset.origin, f"asset {asset.key!r}", current)

    def counts(self, keys: Iterable[str], current: Callable[[str], Pointer | None]) -> dict[str, int]:
        """Return how many partitions assets and sources have, as far as they have some and their number is known."""
        found: dict[str, int] = {}
        for key in keys:
            source, asset = self.graph.sources.get(key), self.graph.assets.get(key)
            known: KeySet | None = None
            with suppress(UsageError):  # a plan says what is wrong with them
                if source is not None and source.partitions is not None:
                    known = self._of_files(source)
                elif asset is not None and asset.partitions is not None:
                    known = self.of_asset(asset, current)
            if known is not None:
                found[key] = len(known)
        return found

    def _of(
        self, definition: PartitionsDefinition, origin: Origin, name: str, current: Callable[[str], Pointer | None]
    ) -> KeySet | None:
        found = self._known.get(definition)
        if found is None:
            found = self._make(definition, origin, name, current)
            if found is not None:
                self._known[definition] = found
        return found

    def _make(
        self, definition: PartitionsDefinition, origin: Origin, name: str, current: Callable[[str], Pointer | None]
    ) -> KeySet | None:
        from assetbuild.declare.partitions import Dynamic, Multi  # noqa: PLC0415  # only with partitions

        if isinstance(definition, Multi):
            dimensions = [(dimension, self._of(of, origin, name, current)) for dimension, of in definition.dimensions]
            known = [(dimension, keys) for dimension, keys in dimensions if keys is not None]
            return definition.key_set_of(dict(known)) if len(known) == len(dimensions) else None
        if not isinstance(definition, Dynamic):
            return definition.key_set(self.now)  # empty before the first window is over, as a folder without files
        if definition.key is None:
            return self._checked(self._polled(definition, origin, name), origin, name)
        if definition.key in self.graph.sources:
            return self._of_files(self.graph.sources[definition.key])
        pointer = current(definition.key)
        if pointer is None:
            return None
        return self._checked(self._in_value(definition.key, pointer, origin, name), origin, name)

    def _of_files(self, source: Source) -> KeySet:
        return self.sources.files(source, self._source_keys)[0]

    def _source_keys(self, source: Source, found: Sequence[str]) -> KeySet:
        from assetbuild.declare.partitions import Dynamic, KeySet  # noqa: PLC0415  # only with partitions

        definition = source.partitions
        if definition is None or isinstance(definition, Dynamic):
            return KeySet(found)
        keys = self._of(definition, source.origin, f"source {source.key!r}", lambda _key: None)
        return keys if keys is not None else KeySet(found)

    def _polled(self, definition: Any, origin: Origin, name: str) -> Any:
        from assetbuild.load.folder import working_in  # noqa: PLC0415  # few projects have functions to ask

        try:
            with working_in(self.root):
                return definition.function()
        except Exception as error:  # whatever the user's function raises
            file, line = relative_place(origin, self.root)
            problem = f"the function that gives the partitions of {name} failed: {type(error).__name__}: {error}"
            trace = "\n".join(line.strip() for line in user_traceback(error, self.root).splitlines()[1:-1])
            facts = (("trace", trace),) if trace else ()
            raise UsageError(Problem(problem, facts, "Mend the function.", file, line)) from error

    def _in_value(self, key: str, pointer: Pointer, origin: Origin, name: str) -> Any:
        # Kept by the value's version: a command with nothing to do must not load it.
        kept = self.stamps.version(f"keys:{key}", pointer.data_version)
        if kept is not None:
            return json.loads(kept)
        if pointer.object is None or not self.outputs.readopt(pointer):
            raise UsageError(
                self._problem(
                    f"the partitions of {name} are in the value of {key!r}, which is gone", origin, "Build it again."
                )
            )
        try:
            value = self.outputs.io_managers.get(pointer.io_manager).load(
                InputContext(asset_key=key, path=self.outputs.objects.path(pointer.object))
            )
        except (AssetbuildError, TypeError, ValueError) as error:
            raise UsageError(self._problem(f"the partitions of {name} cannot be read: {error}", origin, "")) from error
        column = getattr(value, "column", None)
        keys = column(0).to_pylist() if column is not None else value
        if isinstance(keys, (list, tuple)) and all(isinstance(each, str) for each in keys):
            self.stamps.keep(f"keys:{key}", pointer.data_version, json.dumps(list(keys)), moved_ns=0)
        return keys

    def _checked(self, keys: Any, origin: Origin, name: str) -> KeySet:
        from assetbuild.declare.partitions import KeySet, key_problems  # noqa: PLC0415  # only with partitions

        advice = "Return a list of texts, each once."
        if isinstance(keys, str) or not isinstance(keys, (list, tuple, set, frozenset, dict)):
            problem = f"the partitions of {name} are no list of keys but a {type(keys).__name__}"
            raise UsageError(self._problem(problem, origin, advice))
        listed = sorted(keys) if isinstance(keys, (set, frozenset)) else list(keys)
        if problems := key_problems(listed):
            raise UsageError(
                *(self._problem(f"the partitions of {name}: {problem}", origin, advice) for problem in problems)
            )
        return KeySet(listed)

    def _problem(self, headline: str, origin: Origin, advice: str) -> Problem:
        file, line = relative_place(origin, self.root)
        return Problem(headline, (), advice, file, line)
