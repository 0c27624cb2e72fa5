"""What an automation asks for, in the words of ``materialize``; and carrying it out.

In: the ``RunRequest``s that a user's function gave. Out: ``Request``s, checked against the graph; a ``Report`` of each.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from assetbuild.dataclass import dataclass, field
from assetbuild.declare.automation import RunRequest, selected
from assetbuild.errors import AssetbuildError, Problem, RequestError, UsageError, closest
from assetbuild.graph.automation import check_selection
from assetbuild.graph.model import Graph
from assetbuild.load.config import config_section
from assetbuild.materialize.report import Report
from assetbuild.project import Project

__all__ = ["Request", "carry_out", "requests_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """One build that is asked for: by a sensor, a schedule, a condition or a source that moved.

    ``only`` builds exactly the selection: what is upstream and left to another condition waits for its own time.
    With ``missing_only``, what has a value is left as it is. ``errors`` says why it could not be carried out.
    """

    selection: tuple[str, ...]
    partitions: tuple[str, ...] | None
    settings: tuple[str, ...]
    reason: str
    automation: str
    kind: str = "sensor"
    only: bool = False
    missing_only: bool = False
    run_key: str | None = None
    errors: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return what is recorded and listed; values of config may be secrets, and only their keys are shown."""
        return {
            "selection": list(self.selection),
            "partitions": None if self.partitions is None else list(self.partitions),
            "config": [setting.partition("=")[0] for setting in self.settings],
            "run_key": self.run_key,
        }

    def __str__(self) -> str:
        """Return the request as one line."""
        words = [" ".join(self.selection) or "all assets"]
        words += [f"partitions {', '.join(self.partitions)}"] if self.partitions is not None else []
        words += (
            [f"config {', '.join(setting.partition('=')[0] for setting in self.settings)}"] if self.settings else []
        )
        words += [f"run key {self.run_key}"] if self.run_key is not None else []
        return "; ".join(words)


def requests_of(
    asked: Sequence[RunRequest], graph: Graph, *, default: tuple[str, ...], name: str, kind: str, reason: str
) -> list[Request]:
    """Return the requests of one tick; raise UsageError with every problem of what was asked."""
    problems: list[Problem] = []
    requests = [_request(one, graph, default, (name, kind, reason), problems) for one in asked]
    if problems:
        raise UsageError(*problems)
    return requests


def carry_out(request: Request, project: Project, **options: Any) -> Report:
    """Materialize what a request asks for: what is stale of it. ``options`` are those of ``Project.materialize``.

    Raises RequestError when it cannot be: that is a mistake of the one who asked, and not of the project.
    """
    try:
        return _materialized(request, project, options)
    except UsageError as error:
        request.errors.append(str(error))
        raise RequestError(*error.problems) from error
    except AssetbuildError as error:
        request.errors.append(str(error))
        raise


def _materialized(request: Request, project: Project, options: Mapping[str, Any]) -> Report:
    if request.settings:
        project = project.with_settings(request.settings)
    options = {"only": request.only, "missing_only": request.missing_only, "keep_going": True, **options}
    if request.partitions is None:
        return project.materialize(request.selection, **options)
    reports: list[Report] = []
    for partition in request.partitions:
        reports.append(project.materialize(request.selection, partition=partition, **options))
        if reports[-1].status == "interrupted":
            break
    return _joined(reports)


def _request(
    asked: RunRequest, graph: Graph, default: tuple[str, ...], about: tuple[str, str, str], problems: list[Problem]
) -> Request:
    name, kind, reason = about
    wrong: list[str] = []
    selection = default if asked.selection is None else selected(asked.selection, wrong)
    try:
        check_selection(graph, selection)
    except UsageError as error:
        problems.extend(error.problems)
    run_key = asked.run_key
    if run_key is not None and not isinstance(run_key, str):
        wrong.append(f"a run key is text, not {type(run_key).__name__}: write run_key=str(...)")
        run_key = None
    partitions = (asked.partitions,) if isinstance(asked.partitions, str) else asked.partitions
    if partitions is not None and not all(isinstance(partition, str) for partition in partitions):
        wrong.append(f"partitions={asked.partitions!r}: write a partition key, a range 'A..B', or a list of these")
        partitions = None
    problems.extend(Problem(text) for text in wrong)
    settings = tuple(_settings(asked.config, graph, problems))
    return Request(
        selection,
        None if partitions is None else tuple(partitions),
        settings,
        reason,
        name,
        kind,
        run_key=run_key,
    )


def _settings(config: Any, graph: Graph, problems: list[Problem]) -> Iterator[str]:
    """Yield config values as ``--set`` takes them: ``ASSET.KEY=VALUE``, the value in TOML."""
    if config is None:
        return
    if not isinstance(config, Mapping) or not all(isinstance(values, Mapping) for values in config.values()):
        problems.append(Problem("config maps asset keys to mappings of values: config={'report': {'top': 3}}"))
        return
    sections = {config_section(asset) for asset in graph.assets.values()}
    for section, values in config.items():
        if section not in sections:
            near = closest(str(section), sections)
            facts = (("closest", near),) if near else ()
            problems.append(Problem(f"config for {section!r}, which is no asset", facts))
        for key, value in values.items():
            try:
                yield f"{section}.{key}={_toml(value)}"
            except TypeError:
                shown = type(value).__name__
                problems.append(Problem(f"config {section}.{key}: a value of type {shown} cannot be said in TOML"))


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else str(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        # JSON's escapes are TOML's too, but for DEL, which TOML wants escaped.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_toml(str(key))} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    raise TypeError


def _joined(reports: list[Report]) -> Report:
    """Return the builds of several partitions as one report."""
    if len(reports) == 1:
        return reports[0]
    worst = next((name for name in ("interrupted", "failed") if any(r.status == name for r in reports)), "success")
    return Report(
        next((report.run_id for report in reversed(reports) if report.run_id), None),
        worst,  # type: ignore[arg-type]  # one of the three names
        tuple(outcome for report in reports for outcome in report.assets),
        sum(report.seconds for report in reports),
        tuple(warning for report in reports for warning in report.warnings),
    )
