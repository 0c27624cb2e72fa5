"""Start the workers of a build while its main process still imports, fingerprints and plans.

That the project has to be imported, or that the body of an asset function was edited, says that something has changed,
so that most likely something will run: then the interpreters start, and the workers import the project as soon as its
bytes are known. Nothing is started where the manifest holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Self

from assetbuild.dataclass import replace
from assetbuild.graph.model import Graph
from assetbuild.load.outlook import libraries_of
from assetbuild.load.settings import Settings
from assetbuild.materialize.build import BuildOptions

if TYPE_CHECKING:
    from assetbuild.load.compiled import Compiled
    from assetbuild.materialize.pool import WorkerPool

__all__ = ["Ahead"]

_FIRST = 20
"""So many edited assets a worker loads before it is told which run."""


class Ahead:
    """Follows the loading of a project, with the pool of the build that comes next."""

    def __init__(self, options: BuildOptions) -> None:
        """Take the options of the build, which say how many workers, or which."""
        self._options = options
        self._own: WorkerPool | None = None
        self._is_first = False

    @property
    def options(self) -> BuildOptions:
        """The options of the build, with the pool that was begun."""
        return self._options if self._own is None else replace(self._options, pool=self._own)

    @classmethod
    @contextmanager
    def of(cls, options: BuildOptions) -> Iterator[Self]:
        """Follow the loading inside the block, and end the workers after it that are not the caller's."""
        ahead = cls(options)
        try:
            yield ahead
        finally:
            if ahead._own is not None:
                ahead._own.close()

    def importing(self, settings: Settings) -> None:
        """Hear that the project is about to be imported."""
        if self._options.jobs == 0 and self._options.pool is None:
            return
        self._is_first = not (settings.state_folder / "state.db").exists()
        libraries = libraries_of(str(settings.state_folder))
        has_all = libraries is not None
        if libraries is None:
            from assetbuild.load.guess import guessed_libraries  # noqa: PLC0415  # for the first build only

            libraries = guessed_libraries(settings)
        self._pool().warm(1, libraries, has_all=has_all)  # after an edit it may be one asset that runs

    def imported(
        self,
        settings: Settings,
        bundle: Mapping[str, bytes],
        compiled: Compiled,
        graph: Graph,
        edited: Iterable[str] = (),
    ) -> None:
        """Hear that it is imported: workers import it too, while the main process goes on."""
        if self._options.jobs == 0 and self._options.pool is None:
            return
        from assetbuild.materialize.task import WorkerSetup  # noqa: PLC0415  # as in _pool

        pool = self._pool()
        pool.renew(WorkerSetup(settings, bundle, compiled, tuple(islice(edited, _FIRST))), graph)
        if self._is_first:
            pool.warm(sum(graph.assets.keys().isdisjoint(graph.upstream(key)) for key in graph.assets))

    def _pool(self) -> WorkerPool:
        if self._options.pool is not None:
            return self._options.pool
        if self._own is None:
            # Imported here: a build with nothing to do needs no workers.
            from assetbuild.materialize.machine import usable_cores  # noqa: PLC0415
            from assetbuild.materialize.pool import WorkerPool  # noqa: PLC0415

            jobs = self._options.jobs if self._options.jobs is not None else usable_cores()
            self._own = WorkerPool(jobs, lives_on=False)
        return self._own
