"""Locations: no two assets at one place, and none among the partitions of another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from assetbuild.declare.definitions import AssetDefinition, Origin, Out, SourceDefinition
from assetbuild.declare.keys import path_part

__all__ = ["Locations"]


class Locations:
    """Where the values of all assets lie."""

    def __init__(
        self,
        definitions: Sequence[AssetDefinition | SourceDefinition],
        io_managers: frozenset[str] | None,
        location_of: Callable[[str, str], str] | None,
        problem: Callable[..., None],
        shown_place: Callable[[Origin], str],
    ) -> None:
        """Take what ``build_graph`` is given; ``problem`` takes a headline, an origin, facts and an advice."""
        self.definitions = definitions
        self.io_managers = io_managers
        self.location_of = location_of
        self.problem = problem
        self.shown_place = shown_place

    def check(self) -> None:
        """Report what would lie where something else does."""
        self._check_locations()
        self._check_folders()

    def _check_locations(self) -> None:
        by_place: dict[str, dict[str, Origin]] = defaultdict(dict)
        for definition in self.definitions:
            for out in definition.outs if isinstance(definition, AssetDefinition) else ():
                key = out.key or ""
                path = "/".join(path_part(part) for part in key.split("/"))
                # Folded: on the disks of macOS and Windows, 'Sales' and 'sales' are one file.
                by_place[path.casefold()].setdefault(key, definition.origin)
                if self.location_of is not None and out.io_manager is not None and self._is_registered(out.io_manager):
                    named = f"{out.io_manager}: {self.location_of(key, out.io_manager)}"
                    by_place[named.casefold()].setdefault(key, definition.origin)
        reported: set[tuple[str, ...]] = set()
        for place, keys in sorted(by_place.items()):
            first, *others = sorted(keys)
            if others and (first, *others) not in reported:
                reported.add((first, *others))
                is_case = len({key.casefold() for key in keys}) == 1
                rename = "Keys that differ only by case share a file on many disks: " if is_case else ""
                self.problem(
                    f"assets {first!r} and {others[0]!r} are stored at one place",
                    keys[others[0]],
                    ("place", place),
                    ("also at", self.shown_place(keys[first])),
                    advice=f"{rename}rename one of them." if rename else "Rename one of them.",
                )

    def _check_folders(self) -> None:
        """Report values that would lie among the partitions of another asset: their folder is theirs alone."""
        files: dict[str, tuple[str, Origin]] = {}
        folders: dict[str, tuple[str, Origin]] = {}
        for definition in self.definitions:
            for out in definition.outs if isinstance(definition, AssetDefinition) else ():
                key = out.key or ""
                path = "/".join(path_part(part) for part in key.split("/")).casefold()
                if self._is_file(out, path):
                    files[path] = (key, definition.origin)
                    if isinstance(definition, AssetDefinition) and definition.partitions is not None:
                        folders[path] = (key, definition.origin)
        for path, (key, origin) in sorted(files.items()) if folders else ():
            parents = [path[:at] for at, letter in enumerate(path) if letter == "/"]
            for folder, where in (folders[parent] for parent in parents if parent in folders):
                self.problem(
                    f"asset {key!r} would lie among the partitions of {folder!r}",
                    origin,
                    ("partitioned", self.shown_place(where)),
                    advice="Rename one of them.",
                )

    def _is_file(self, out: Out, path: str) -> bool:
        """Return whether an asset's value lies in the warehouse at the path of its key."""
        if self.location_of is None or out.io_manager is None or not self._is_registered(out.io_manager):
            return True
        return self.location_of(out.key or "", out.io_manager).casefold().endswith(f"/{path}")

    def _is_registered(self, io_manager: str) -> bool:
        return self.io_managers is None or io_manager in self.io_managers
