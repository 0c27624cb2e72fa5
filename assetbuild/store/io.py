"""The IOManager protocol: how a value becomes a file, and how the file is placed for others to read.

A value is written once, to a staging path; the store hashes that file and keeps
it as an immutable *object* under its content. ``publish`` then places a copy where
people and other tools look: a plain file in ``warehouse/``, or a table in a
DuckDB file. Downstream assets load the object, never the published copy, so a
reader sees whole values and a hand-edited file is never fed to anybody.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from assetbuild.dataclass import dataclass, field, replace

__all__ = ["IOManager", "InputContext", "OutputContext", "Place", "ValueState", "Written"]

ValueState = Literal["intact", "changed", "gone"]
"""Of what is published: what it should be, something else, or nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputContext:
    """What a write is told: which asset, and the staging ``path`` that the value goes to.

    ``returns`` is the type that the asset's return annotation promises, or None.
    """

    asset_key: str
    path: Path
    partition_key: str | None = None
    run_id: str = ""
    unordered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InputContext:
    """What a load is told: which asset's object lies at ``path``, and what the reader wants.

    ``load`` is a type in the words of ``graph/annotations.py`` or None; ``columns`` prunes tables.
    """

    asset_key: str
    path: Path
    partition_key: str | None = None
    load: str | None = None
    columns: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a write reports: the data version, and for tables the version of each column.

    ``extension`` (no dot, may be empty) ends the object's and the published file's names. ``data`` is the bytes of the
    file as a memoryview, where they are in memory: then nobody has to read them again.
    """

    data_version: str
    extension: str
    columns: Mapping[str, str] = field(default_factory=dict)
    rows: int | None = None
    data: memoryview | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one asset's current value is published: the project's warehouse folder and the value's name in it.

    ``dimensions`` names what the parts of a partition key with several dimensions are. ``levels`` is the IO manager's:
    the names of hive-style folders, one for each dimension.
    """

    warehouse: Path
    asset_key: str
    partition_key: str | None = None
    extension: str = ""
    dimensions: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()


class IOManager(ABC):
    """Writes, loads and publishes the values of assets.

    A user's own IO manager implements ``write`` and ``load`` and may leave the
    rest: its values are then plain files in the warehouse, with content-addressed
    objects, restore and tamper detection like any other. Options from
    ``[tool.assetbuild.io_managers.<name>]`` are passed to the constructor.
    """

    one_writer: ClassVar[bool] = False
    """Published into one shared file, so that the materializer must publish one value at a time."""

    holds_tables: ClassVar[bool] = False
    """Every value is a table, so many partitions are one table where nothing else is asked for."""

    @abstractmethod
    def write(self, context: OutputContext, value: Any) -> Written:
        """Write the value to ``context.path`` (a file or a folder) and report its version.

        Raises TypeError or ValueError, in words for the user, when it cannot keep such a value.
        """

    @abstractmethod
    def load(self, context: InputContext) -> Any:
        """Load the value that was written, from ``context.path``, as ``context.load`` asks.

        Raises TypeError when it cannot give that type.
        """

    def table_in(self, data: memoryview) -> Any:  # noqa: ARG002  # for managers that override it
        """Return the Arrow table that ``load`` gives for a file of these bytes; None when it must see the file."""
        return None

    def load_many(self, contexts: Sequence[InputContext], key_column: str | None = None) -> Any:
        """Load several partitions, at least one, as one table of the type that all contexts ask for.

        ``key_column`` names a column to add, with the partition keys as text. Raises TypeError for what is no table.
        """
        from assetbuild.store.concat import join_tables  # noqa: PLC0415
        from assetbuild.store.conversions import convert_table, to_arrow  # noqa: PLC0415

        first = contexts[0]
        # Without their columns: one that a partition does not have is null there, as long as another one has it.
        tables = [
            (context.partition_key or "", to_arrow(self.load(replace(context, load="arrow.Table", columns=None))))
            for context in contexts
        ]
        return convert_table(join_tables(tables, first.columns, key_column), first.load)

    def placed(self, place: Place) -> Place:
        """Return the place as this manager lays files out; what reads ``publish.path_of`` asks for it first."""
        return place

    def location(self, place: Place) -> str:
        """Return where the value is published, relative to the project folder, as people write it."""
        from assetbuild.store.publish import file_location  # noqa: PLC0415  # publish imports this protocol

        return file_location(self.placed(place))

    def publish(self, place: Place, published: Path) -> str:
        """Place the object at ``published`` at its location by one atomic step; return the new stamp."""
        from assetbuild.store.publish import publish_file  # noqa: PLC0415

        return publish_file(self.placed(place), published)

    def publish_many(self, values: Sequence[tuple[Place, Path]]) -> list[str]:
        """Publish several objects, each atomically; return their stamps. One transaction may be cheaper than many."""
        return [self.publish(place, published) for place, published in values]

    def exists(self, place: Place) -> bool:
        """Return whether anything lies at the location."""
        from assetbuild.store.publish import path_of  # noqa: PLC0415

        return path_of(self.placed(place)).exists()

    def stamp(self, place: Place) -> str | None:
        """Return a cheap token that changes when the published value may have changed; None when nothing is there."""
        from assetbuild.store.publish import file_stamp  # noqa: PLC0415

        return file_stamp(self.placed(place))

    def stamps(self, places: Sequence[Place]) -> list[str | None]:
        """Return the stamp of each place; files that lie in one folder cost one look at the folder."""
        if type(self).stamp is not IOManager.stamp:
            return [self.stamp(place) for place in places]
        from assetbuild.store.publish import file_stamps  # noqa: PLC0415

        return file_stamps([self.placed(place) for place in places])

    def is_intact(self, place: Place, published: Path, data_version: str) -> bool:
        """Return whether what is published still equals the object; reads the content, so ask after the stamp moved."""
        from assetbuild.store.publish import same_content  # noqa: PLC0415

        return same_content(self.placed(place), published, data_version)

    def look_at(self, values: Sequence[tuple[Place, Path, str]]) -> list[ValueState]:
        """Return what ``exists`` and ``is_intact`` say of several values; at once it may cost less."""
        return [
            "gone" if not self.exists(value[0]) else "intact" if self.is_intact(*value) else "changed"
            for value in values
        ]

    def remove(self, place: Place) -> None:
        """Remove what is published; nothing there is no error."""
        from assetbuild.store.publish import remove_file  # noqa: PLC0415

        remove_file(self.placed(place))

    def remove_many(self, places: Sequence[Place]) -> None:
        """Remove what is published at several places."""
        for place in places:
            self.remove(place)

    def shared_stamp_path(self, place: Place) -> Path | None:  # noqa: ARG002  # for managers that override it
        """Return the one file that holds the values of many assets, or None when each value has its own place.

        Publishing one value into a shared file moves the stamps of all values in it. So the stamp of a shared
        file is recorded once, for all of them, after the last publish.
        """
        return None

    def close(self) -> None:  # noqa: B027  # most managers hold nothing open
        """Let go of whatever is held open between publishes; called at the end of a run."""
