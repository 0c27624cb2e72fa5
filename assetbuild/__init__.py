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

``project/__init__.py`` calls them in this order on one page.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # that of 'typing' costs 10 ms, and every command pays them
if TYPE_CHECKING:
    from typing import Any

    from assetbuild.declare.assets import asset, multi_asset
    from assetbuild.declare.automation import RunRequest, SkipReason, cron, freshness
    from assetbuild.declare.config import Config
    from assetbuild.declare.context import Context
    from assetbuild.declare.definitions import DataVersion, Out
    from assetbuild.declare.inputs import Input
    from assetbuild.declare.metadata import Markdown, Table, Url
    from assetbuild.declare.partitions import (
        Cron,
        Daily,
        Dynamic,
        Hourly,
        Keys,
        Monthly,
        Multi,
        Offset,
        PartitionsDefinition,
        Static,
        Weekly,
        Window,
        Yearly,
    )
    from assetbuild.declare.schedules import ScheduleContext, schedule
    from assetbuild.declare.sensors import SensorContext, sensor
    from assetbuild.declare.sources import source
    from assetbuild.errors import AssetbuildError
    from assetbuild.project import Project

__version__ = "0.1.0"

__all__ = [
    "AssetbuildError",
    "Config",
    "Context",
    "Cron",
    "Daily",
    "DataVersion",
    "Dynamic",
    "Hourly",
    "Input",
    "Keys",
    "Markdown",
    "Monthly",
    "Multi",
    "Offset",
    "Out",
    "PartitionsDefinition",
    "Project",
    "RunRequest",
    "ScheduleContext",
    "SensorContext",
    "SkipReason",
    "Static",
    "Table",
    "Url",
    "Weekly",
    "Window",
    "Yearly",
    "__version__",
    "asset",
    "cron",
    "freshness",
    "multi_asset",
    "schedule",
    "sensor",
    "source",
]

_HOMES = {
    "AssetbuildError": "assetbuild.errors",
    "Config": "assetbuild.declare.config",
    "Context": "assetbuild.declare.context",
    "Cron": "assetbuild.declare.partitions",
    "Daily": "assetbuild.declare.partitions",
    "DataVersion": "assetbuild.declare.definitions",
    "Dynamic": "assetbuild.declare.partitions",
    "Hourly": "assetbuild.declare.partitions",
    "Input": "assetbuild.declare.inputs",
    "Keys": "assetbuild.declare.partitions",
    "Markdown": "assetbuild.declare.metadata",
    "Monthly": "assetbuild.declare.partitions",
    "Multi": "assetbuild.declare.partitions",
    "Offset": "assetbuild.declare.partitions",
    "Out": "assetbuild.declare.definitions",
    "PartitionsDefinition": "assetbuild.declare.partitions",
    "Project": "assetbuild.project",
    "RunRequest": "assetbuild.declare.automation",
    "ScheduleContext": "assetbuild.declare.schedules",
    "SensorContext": "assetbuild.declare.sensors",
    "SkipReason": "assetbuild.declare.automation",
    "Static": "assetbuild.declare.partitions",
    "Table": "assetbuild.declare.metadata",
    "Url": "assetbuild.declare.metadata",
    "Weekly": "assetbuild.declare.partitions",
    "Window": "assetbuild.declare.partitions",
    "Yearly": "assetbuild.declare.partitions",
    "asset": "assetbuild.declare.assets",
    "cron": "assetbuild.declare.automation",
    "freshness": "assetbuild.declare.automation",
    "multi_asset": "assetbuild.declare.assets",
    "schedule": "assetbuild.declare.schedules",
    "sensor": "assetbuild.declare.sensors",
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
