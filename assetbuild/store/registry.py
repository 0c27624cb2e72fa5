"""IO managers by name: the built-in ones, those of installed packages, and those that the project configures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Final

from assetbuild.errors import Problem, UsageError, closest
from assetbuild.store.conversions import is_tabular

if TYPE_CHECKING:
    from assetbuild.store.io import IOManager

__all__ = ["IOManagers", "default_for"]

_GROUP: Final = "assetbuild.io_managers"
_BUILT_IN: Final = {
    # Also registered as entry points; this table saves reading the metadata of every installed package.
    "parquet": "assetbuild_stores.parquet:ParquetIOManager",
    "duckdb": "assetbuild_stores.duckdb:DuckDBIOManager",
    "json": "assetbuild_stores.files:JsonIOManager",
    "text": "assetbuild_stores.files:TextIOManager",
    "bytes": "assetbuild_stores.files:BytesIOManager",
    "pickle": "assetbuild_stores.files:PickleIOManager",
    "file": "assetbuild_stores.files:FileIOManager",
}


class IOManagers:
    """The IO managers of one project; each is made when first used, and then kept."""

    def __init__(self, root: Path, warehouse: Path, configured: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        """Take the project folder, its warehouse, and ``[tool.assetbuild.io_managers]``: name to class and options."""
        self.root = root
        self.warehouse = warehouse
        self._configured = dict(configured or {})
        self._made: dict[str, IOManager] = {}
        self._installed: dict[str, str] | None = None

    def names(self) -> list[str]:
        """Return every known name, sorted."""
        return sorted({*_BUILT_IN, *self._configured, *self._from_packages()})

    def get(self, name: str) -> IOManager:
        """Return the IO manager of that name; raise UsageError when there is none or it cannot be made."""
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def options(self, name: str) -> dict[str, Any]:
        """Return what the build key holds of an IO manager: its class and its options. Imports nothing."""
        configured = {key: value for key, value in self._configured.get(name, {}).items() if key != "class"}
        return {"class": self._reference(name), "options": _canonical(name, configured)}

    def default_for(self, value: Any) -> str:
        """Return the name of the IO manager for a value whose asset names none."""
        return default_for(value)

    def close(self) -> None:
        """Let go of what the IO managers hold open."""
        for manager in self._made.values():
            manager.close()

    def _make(self, name: str) -> IOManager:
        from assetbuild.store.io import IOManager  # noqa: PLC0415

        reference = self._reference(name)
        module, _, qualified = reference.partition(":")
        try:
            found: Any = import_module(module)
            for attribute in qualified.split("."):
                found = getattr(found, attribute)
        except (ImportError, AttributeError) as error:
            facts = (("class", reference), ("reason", str(error)))
            advice = "Write it as 'package.module:Class', and see that the module can be imported."
            raise UsageError(Problem(f"io manager {name!r} does not import", facts, advice)) from error
        if not (isinstance(found, type) and issubclass(found, IOManager)):
            advice = "Derive it from assetbuild.store.io.IOManager."
            raise UsageError(Problem(f"io manager {name!r} is not an IOManager", (("class", reference),), advice))
        options = self.options(name)["options"]
        try:
            return found(**options)
        except (TypeError, ValueError) as error:
            given = (("class", reference), ("options", ", ".join(options) or "none"), ("reason", str(error)))
            advice = f"See the options under [tool.assetbuild.io_managers.{name}]."
            raise UsageError(Problem(f"io manager {name!r} does not take its options", given, advice)) from error

    def _reference(self, name: str) -> str:
        said = self._configured.get(name, {}).get("class")
        if said is None:
            said = _BUILT_IN.get(name) or self._from_packages().get(name)
        if said is None and name in self._configured:
            advice = f"Add class = 'package.module:Class' to [tool.assetbuild.io_managers.{name}]."
            raise UsageError(Problem(f"io manager {name!r} names no class", (), advice))
        if said is None:
            known = self.names()
            facts = [("known", ", ".join(known))]
            if near := closest(name, known):
                facts.append(("closest", near))
            advice = "Use one of these, or register your own under [tool.assetbuild.io_managers]."
            raise UsageError(Problem(f"io manager {name!r} is not known", tuple(facts), advice))
        if not isinstance(said, str):
            advice = "Write class = 'package.module:Class'."
            raise UsageError(Problem(f"the class of io manager {name!r} is not text", (("class", repr(said)),), advice))
        return said

    def _from_packages(self) -> dict[str, str]:
        if self._installed is None:
            from importlib.metadata import entry_points  # noqa: PLC0415  # reads every distribution: 10 to 50 ms

            self._installed = {entry.name: entry.value for entry in entry_points(group=_GROUP)}
        return self._installed


def default_for(value: Any) -> str:
    """Return the name of the IO manager for a value: one that gives exactly this value back."""
    if is_tabular(value):
        return "parquet"
    kind = type(value)
    if kind is str:
        return "text"
    if kind is bytes:
        return "bytes"
    if isinstance(value, PurePath):
        return "file"
    return "json" if _survives_json(value) else "pickle"


def _survives_json(value: Any) -> bool:
    kind = type(value)  # exact: an enum or a NumPy float would come back as something simpler
    if value is None or kind in {bool, int, str}:
        return True
    if kind is float:
        return math.isfinite(value)
    if kind is list:
        return all(_survives_json(item) for item in value)
    if kind is dict:
        return all(type(key) is str and _survives_json(item) for key, item in value.items())
    return False


def _canonical(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _canonical(name, value[key]) for key in sorted(value)}
    if isinstance(value, (list, tuple)):
        return [_canonical(name, item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    kind = type(value).__name__
    raise UsageError(
        Problem(f"io manager {name!r} has an option of type {kind}", (), "Use text, numbers, lists or tables.")
    )
