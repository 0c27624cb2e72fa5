"""assetbuild: asset-first incremental builds, like make for data.

Reading order, which is also the order in which data flows:

    declare      what the user says: assets, sources, config
    load         modules from the bytes that are hashed; project settings
    graph        keys, edges, order, selection; every problem of the definitions
    fingerprint  code version, config version, data version, build key
    plan         what is stale, and why
    materialize  run it, in parallel
    store        IO managers, content-addressed objects, atomic publishing
    record       traces, pointers, runs, events

``project.py`` calls them in this order on one page.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assetbuild.declare.assets import asset, multi_asset
    from assetbuild.declare.config import Config
    from assetbuild.declare.context import Context
    from assetbuild.declare.definitions import DataVersion, Out
    from assetbuild.declare.inputs import Input
    from assetbuild.declare.metadata import Markdown, Table, Url
    from assetbuild.declare.sources import source
    from assetbuild.errors import AssetbuildError
    from assetbuild.project import Project

__version__ = "0.1.0"

__all__ = [
    "AssetbuildError",
    "Config",
    "Context",
    "DataVersion",
    "Input",
    "Markdown",
    "Out",
    "Project",
    "Table",
    "Url",
    "__version__",
    "asset",
    "multi_asset",
    "source",
]

_HOMES = {
    "AssetbuildError": "assetbuild.errors",
    "Config": "assetbuild.declare.config",
    "Context": "assetbuild.declare.context",
    "DataVersion": "assetbuild.declare.definitions",
    "Input": "assetbuild.declare.inputs",
    "Markdown": "assetbuild.declare.metadata",
    "Out": "assetbuild.declare.definitions",
    "Project": "assetbuild.project",
    "Table": "assetbuild.declare.metadata",
    "Url": "assetbuild.declare.metadata",
    "asset": "assetbuild.declare.assets",
    "multi_asset": "assetbuild.declare.assets",
    "source": "assetbuild.declare.sources",
}


def __getattr__(name: str) -> Any:
    # Imported when first asked for: 'Config' costs 70 ms of pydantic, and '--help' needs none of them.
    if name not in _HOMES:
        message = f"module 'assetbuild' has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
