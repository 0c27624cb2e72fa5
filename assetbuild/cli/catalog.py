"""``list`` and ``graph``: what there is, and how it hangs together."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from assetbuild.cli.formats import clip, counted
from assetbuild.cli.options import json_option, open_project, selection_argument
from assetbuild.cli.terminal import Cell, Terminal
from assetbuild.declare.definitions import Out, SourceDefinition
from assetbuild.errors import Problem, UsageError
from assetbuild.graph.model import Asset, Graph, Source
from assetbuild.graph.places import relative_place
from assetbuild.graph.render import as_json as graph_as_json
from assetbuild.graph.render import as_mermaid, as_svg, as_tree
from assetbuild.project import Project

__all__ = ["graph_command", "list_command"]

_PARTITIONS_CELLS = 40
_EXTENSIONS = {".svg": "svg", ".mmd": "mermaid", ".mermaid": "mermaid", ".json": "json", ".txt": "tree"}


@click.command("list")
@selection_argument()
@json_option()
@click.pass_obj
def list_command(terminal: Terminal, selection: tuple[str, ...], *, as_json: bool) -> int:
    """List assets and sources, by group.

    SELECTION names assets; without it, everything is listed.
    """
    project = open_project(terminal)
    entries = _entries(project, project.select(selection) if selection else None)
    terminal.warn(project.warnings)
    if as_json:
        terminal.json({"assets": entries})
    terminal.print(*_listing(terminal, entries))
    return 0


@click.command("graph")
@selection_argument()
@click.option(
    "--format",
    "form",
    type=click.Choice(["tree", "mermaid", "svg", "json"]),
    help="What to draw. Without it: what the name of FILE says, else a tree.",
)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write it to FILE."
)
@click.option("--status", "with_status", is_flag=True, help="Mark each asset as fresh, stale, missing or pending.")
@json_option()
@click.pass_obj
def graph_command(
    terminal: Terminal,
    selection: tuple[str, ...],
    form: str | None,
    output: Path | None,
    *,
    with_status: bool,
    as_json: bool,
) -> int:
    """Draw the graph: a tree to read, Mermaid for Markdown pages, SVG for browsers, JSON for programs.

    SELECTION names the assets to draw, such as +late_flights for all upstream of one; without it, all are drawn.
    """
    project = open_project(terminal)
    graph = project.graph
    keys = project.select(selection) if selection else frozenset({*graph.assets, *graph.sources})
    statuses = {step.asset: step.status for step in project.status()} if with_status else {}
    terminal.warn(project.warnings)
    if as_json:
        terminal.json(graph_as_json(graph, keys, statuses))
    form = form or _form_of(output)
    if output is None:
        if not as_json:
            terminal.print(_drawn(graph, keys, statuses, form).rstrip("\n"))
        return 0
    _write(output, _drawn(graph, keys, statuses, form))
    terminal.print(f"wrote {output}")
    return 0


def _entries(project: Project, selected: frozenset[str] | None) -> list[dict[str, Any]]:
    """Return what is listed, in build order, sources first; with a selection only the sources that it reads."""
    graph = project.graph
    keys = set(graph.assets) if selected is None else selected
    read = set(graph.sources) if selected is None else {up for key in keys for up in graph.upstream(key)}
    sources = [
        _entry(source, _source_kind(source.definition), source.definition, project.root)
        | {"inputs": [], "io_manager": None, "path": source.definition.path}
        for key, source in sorted(graph.sources.items())
        if key in read
    ]
    assets = [
        _entry(asset, "asset" if len(asset.siblings) == 1 else "multi_asset", asset.out, project.root)
        | {"inputs": list(graph.upstream(key)), "io_manager": asset.out.io_manager, "path": None}
        for key, asset in graph.assets.items()
        if key in keys
    ]
    entries = [*sources, *assets]
    partitioned = [entry["asset"] for entry in entries if entry["partitions"] is not None]
    counts = project.partition_counts(partitioned) if partitioned else {}
    return [entry | {"partition_count": counts.get(entry["asset"])} for entry in entries]


def _entry(node: Asset | Source, kind: str, said: Out | SourceDefinition, root: Path) -> dict[str, Any]:
    file, line = relative_place(node.origin, root)
    return {
        "asset": node.key,
        "kind": kind,
        "group": said.group,
        "description": said.description,
        "tags": dict(said.tags),
        "owners": list(said.owners),
        "file": file,
        "line": line,
        "partitions": None if node.partitions is None else node.partitions.describe(),
    }


def _source_kind(source: SourceDefinition) -> str:
    return "source" if source.path is not None else "observed source"


def _listing(terminal: Terminal, entries: Sequence[Mapping[str, Any]]) -> list[str]:
    if not entries:
        return ["no asset is declared"]
    by_group: dict[str, list[Mapping[str, Any]]] = {}
    for entry in entries:
        by_group.setdefault(entry["group"] or "", []).append(entry)
    has_partitions = any(entry["partitions"] is not None for entry in entries)
    rows: dict[str, list[list[Cell]]] = {
        group: [
            [
                entry["asset"],
                (entry["kind"], "faint"),
                *([_partitions(entry)] if has_partitions else []),
                _summary(entry),
            ]
            for entry in members
        ]
        for group, members in sorted(by_group.items())
    }
    lines = iter(terminal.table([row for members in rows.values() for row in members], indent="  "))
    said: list[str] = []
    for group, members in rows.items():
        if len(rows) > 1 or group:
            said.append(terminal.style(group or "(no group)", "title"))
        said += [next(lines) for _ in members]
    sources = sum(entry["kind"].endswith("source") for entry in entries)
    counts = [counted(len(entries) - sources, "asset")] + ([counted(sources, "source")] if sources else [])
    return [*said, ", ".join(counts)]


def _summary(entry: Mapping[str, Any]) -> Cell:
    text = entry["description"] or entry["path"] or ""
    return text.strip().split("\n")[0]


def _partitions(entry: Mapping[str, Any]) -> Cell:
    definition, number = entry["partitions"], entry["partition_count"]
    if definition is None:
        return ""
    return clip(definition, _PARTITIONS_CELLS) + (f": {counted(number, 'key')}" if number is not None else "")


def _form_of(output: Path | None) -> str:
    return _EXTENSIONS.get(output.suffix.lower(), "tree") if output is not None else "tree"


def _drawn(graph: Graph, keys: Collection[str], statuses: Mapping[str, str], form: str) -> str:
    if form == "json":
        return json.dumps(graph_as_json(graph, keys, statuses), ensure_ascii=False, indent=2) + "\n"
    draw = {"tree": as_tree, "mermaid": as_mermaid, "svg": as_svg}[form]
    return draw(graph, keys, statuses)


def _write(output: Path, drawn: str) -> None:
    try:
        output.write_text(drawn, encoding="utf-8")
    except OSError as error:
        advice = "Give --output a path that can be written."
        raise UsageError(Problem(f"cannot write {str(output)!r}: {error.strerror}", (), advice)) from error
