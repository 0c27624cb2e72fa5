"""``show``: everything about one asset or source, as it is declared, as it is stored, and its history."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from inspect import cleandoc
from typing import Any

import click

from assetbuild.cli.formats import (
    ago,
    clip,
    counted,
    counts_text,
    duration,
    enumerated,
    last_line,
    one_line,
    size,
    timestamp,
)
from assetbuild.cli.options import asset_argument, json_option, open_project
from assetbuild.cli.plans import cause_text
from assetbuild.cli.terminal import Cell, Terminal
from assetbuild.plan.details import AssetDetails, CurrentValue
from assetbuild.record.model import Materialization

__all__ = ["details_lines", "show_command"]

_NAMES_SHOWN = 12
_TABLE_ROWS_SHOWN = 20
_HISTORY_SHOWN = 10
_CAUSE_CELLS = 60


@click.command("show")
@asset_argument()
@json_option()
@click.pass_obj
def show_command(terminal: Terminal, asset: str, *, as_json: bool) -> int:
    """Show everything about ASSET, which may be a source too: declaration, status, stored value, history."""
    project = open_project(terminal)
    details = project.show(asset)
    terminal.warn(project.warnings)
    if as_json:
        terminal.json(details.as_json())
    terminal.print(*details_lines(terminal, details))
    return 0


def details_lines(terminal: Terminal, details: AssetDetails) -> list[str]:
    """Return the sections: what is declared, how fresh it is, what is stored, what happened."""
    lines = [terminal.style(details.key, "title")]
    lines += [f"  {line}".rstrip() for line in cleandoc(details.description or "").splitlines()]
    lines += ["", *_facts(terminal, _declared(details))]
    if details.step is not None or details.problem:
        lines += ["", *_facts(terminal, _status(details))]
    if details.current is not None:
        of = f" of {details.step.partition}" if details.step is not None and details.step.partition is not None else ""
        lines += ["", terminal.style(f"stored value{of}", "title"), *_facts(terminal, _current(details.current), "  ")]
        if details.current.metadata:
            lines += ["", terminal.style("metadata", "title"), *_metadata(terminal, details.current.metadata)]
    if details.history:
        lines += ["", terminal.style("history", "title"), *_history(terminal, details.history)]
    return lines


def _declared(details: AssetDetails) -> Iterator[tuple[str, Iterable[str]]]:
    yield "kind", [details.kind]
    yield "declared", [f"{details.file}:{details.line}"]
    yield "group", [details.group or ""]
    yield "tags", [", ".join(f"{name}={value}" if value else name for name, value in details.tags.items())]
    yield "owners", [", ".join(details.owners)]
    yield "path", [details.path or ""]
    yield "partitions", [details.partitions or ""]
    yield "built on", [details.on or ""]
    yield "inputs", [_enumerated(details.inputs)]
    yield "read by", [_enumerated(details.downstream)]
    yield "built with", [_enumerated(details.siblings)]
    yield "io manager", [details.io_manager or ""]
    yield "config", [f"{name} = {'(secret)' if shown is None else shown}" for name, shown in details.config.items()]
    yield "environment", [_enumerated(details.env)]
    yield "packages", [_enumerated([f"{name} {version}" for name, version in details.packages.items()])]
    yield "code", [f"{subject}  {place}".rstrip() for subject, place in list(details.code.items())[:_NAMES_SHOWN]]
    yield "metadata", [f"{name}: {_short(value)}" for name, value in details.metadata.items()]


def _status(details: AssetDetails) -> Iterator[tuple[str, Iterable[str]]]:
    if details.step is not None:
        said = [cause_text(cause) for cause in details.step.causes]
        if details.statuses:
            yield "status", [f"{counts_text(details.statuses)}, of {sum(details.statuses.values()):,} partitions"]
            if said:
                yield "first", [f"{details.step.partition} is {details.step.status}", *said]
        else:
            yield "status", [details.step.status, *said]
        yield "problem", details.step.problem.splitlines()
    yield "problem", details.problem.splitlines()


def _current(current: CurrentValue) -> Iterator[tuple[str, Iterable[str]]]:
    yield "location", [current.location]
    yield "io manager", [current.io_manager]
    yield "rows", ["" if current.rows is None else f"{current.rows:,}"]
    yield "size", ["" if current.size_bytes is None else size(current.size_bytes)]
    yield "columns", [_enumerated(list(current.columns))]
    yield "built", [f"{timestamp(current.materialized_at)}, {ago(current.materialized_at)}"]
    yield "run", [current.run_id]
    yield "version", [current.data_version]


def _facts(terminal: Terminal, facts: Iterable[tuple[str, Iterable[str]]], indent: str = "") -> list[str]:
    rows: list[list[Cell]] = []
    for name, texts in facts:
        told = [text for text in texts if text]
        rows.extend([(name if number == 0 else "", "faint"), text] for number, text in enumerate(told))
    return terminal.table(rows, indent=indent, cut=False)


def _metadata(terminal: Terminal, metadata: Mapping[str, Any]) -> Iterator[str]:
    shown = {name: _shown(terminal, value) for name, value in metadata.items()}
    yield from _facts(terminal, ((name, texts) for name, texts in shown.items() if len(texts) == 1), "  ")
    for name, texts in shown.items():
        if len(texts) > 1:
            yield f"  {terminal.style(name, 'faint')}"
            yield from (f"    {text}".rstrip() for text in texts)


def _shown(terminal: Terminal, value: Any) -> list[str]:
    """Return a metadata value as lines; ``declare/metadata.py`` says in which form each kind is recorded."""
    match value:
        case {"markdown": str(text), **rest} if not rest:
            return text.splitlines()
        case {"url": str(url), **rest} if not rest:
            return [url]
        case {"table": [*rows], **rest} if rows and not rest:
            names = list(dict.fromkeys(name for row in rows for name in row))
            cells = [[(name, "faint") for name in names]]
            cells += [[(_cell(row.get(name, "")), "") for name in names] for row in rows[:_TABLE_ROWS_SHOWN]]
            more = len(rows) - _TABLE_ROWS_SHOWN
            return [*terminal.table(cells), *([f"and {counted(more, 'more row')}"] if more > 0 else [])]
    return [_short(value)]


def _short(value: Any) -> str:
    if isinstance(value, str):
        return one_line(value)
    return (
        f"{value:,}"
        if isinstance(value, int) and not isinstance(value, bool)
        else json.dumps(value, ensure_ascii=False)
    )


def _cell(value: Any) -> str:
    return (
        one_line(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    )  # 1234 may be a number's name


def _history(terminal: Terminal, history: list[Materialization]) -> list[str]:
    has_partitions = any(entry.partition is not None for entry in history)
    rows: list[list[Cell]] = [
        [
            (entry.outcome, entry.outcome),
            *([entry.partition or ""] if has_partitions else []),
            timestamp(entry.at),
            f"{duration(entry.seconds):>8}",
            _amount(entry),
            entry.run_id,
            (clip("; ".join(_told(entry)), _CAUSE_CELLS), "faint"),
        ]
        for entry in history[:_HISTORY_SHOWN]
    ]
    return [*terminal.table(rows, indent="  "), *(["  and older ones"] if len(history) > _HISTORY_SHOWN else [])]


def _told(entry: Materialization) -> Iterator[str]:
    if entry.error:
        yield last_line(entry.error)
    elif entry.causes:
        yield from (one_line(str(cause.get("message", ""))) for cause in entry.causes)


def _amount(entry: Materialization) -> str:
    if entry.rows is not None:
        return counted(entry.rows, "row")
    return "" if entry.size_bytes is None else size(entry.size_bytes)


def _enumerated(names: Iterable[str]) -> str:
    return enumerated(names, _NAMES_SHOWN)
