"""Evaluate selections that are more than keys: the grammar, names that match nothing, and what was probably meant.

Imported when such a selection is given: the classes of the grammar take 6 % of what a command imports.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Final

from assetbuild.declare.definitions import Out, SourceDefinition
from assetbuild.errors import Problem, UsageError, closest
from assetbuild.graph.grammar import (
    AllOf,
    AnyOf,
    Around,
    Attribute,
    Edge,
    Everything,
    Expression,
    Named,
    Not,
    parse,
    pointer,
)
from assetbuild.graph.model import Graph

if TYPE_CHECKING:
    from assetbuild.graph.selection import Verdict, Verdicts

__all__ = ["CHANGES", "STATUSES", "Evaluation"]

STATUSES: Final = ("fresh", "stale", "missing", "pending")
CHANGES: Final = (
    "any",
    "missing",
    "code",
    "config",
    "env",
    "data",
    "dependencies",
    "packages",
    "io_manager",
    "partitions",
    "output",
    "upstream",
    "forced",
)
_SHOWN = 8  # So many known names fit on one line of a message.


class Evaluation:
    """Evaluates expressions to sets of keys, sources included; notes problems and goes on."""

    def __init__(self, graph: Graph, verdicts: Verdicts | None) -> None:
        """Evaluate over this graph; ``verdicts`` is called at most once, and only for ``status:`` and ``changed:``."""
        self.graph = graph
        self.text = ""
        self.problems: list[Problem] = []
        self._ask = verdicts

    @cached_property
    def _verdicts(self) -> Mapping[str, Verdict]:
        return self._ask() if self._ask is not None else {}

    @cached_property
    def declared(self) -> dict[str, Out | SourceDefinition]:
        """What was said about each asset and source."""
        assets = {key: asset.out for key, asset in self.graph.assets.items()}
        return assets | {key: source.definition for key, source in self.graph.sources.items()}

    def of_text(self, text: str) -> set[str]:
        """Return what a selection means; problems are noted."""
        self.text = text
        if text in self.declared:  # A key may hold spaces and signs; a shell has taken the quotes away.
            return {text}
        try:
            expression = parse(text)
        except UsageError as error:
            self.problems += error.problems
            return set()
        return self._of(expression)

    def _of(self, expression: Expression) -> set[str]:
        match expression:
            case Everything():
                return set(self.graph.assets)
            case Named(key, start, end):
                return self._named(key, start, end)
            case Attribute():
                return self._attribute(expression)
            case Not(of):
                return self.graph.assets.keys() - self._of(of)
            case AllOf(parts):
                return set.intersection(*[self._of(part) for part in parts])
            case AnyOf(parts):
                return set.union(*[self._of(part) for part in parts])
            case Around(of, up, down):
                inner = self._of(of)
                return _reached(inner, self.graph.upstream, up) | _reached(inner, self.graph.downstream, down)
            case Edge(function, of):
                return self._edge(function, self._of(of))

    def _edge(self, function: str, keys: set[str]) -> set[str]:
        # As in Dagster, a path between two selected assets counts even when it leaves the selection on its way.
        # Sources are no roots: they cannot be materialized.
        order: Iterable[str] = self.graph.assets if function == "roots" else reversed(list(self.graph.assets))
        neighbours = self.graph.upstream if function == "roots" else self.graph.downstream
        passed: set[str] = set()
        found: set[str] = set()
        for key in order:
            behind = any(near in passed for near in neighbours(key))
            if key in keys and not behind:
                found.add(key)
            if key in keys or behind:
                passed.add(key)
        return found

    def _named(self, key: str, start: int, end: int) -> set[str]:
        if key in self.declared:
            return {key}
        found = set(filter(_pattern(key), self.declared)) if "*" in key else set()
        if not found:
            self._matches_nothing(key, start, end, self._suggestion(key), self.declared, "declared")
        return found

    def _attribute(self, said: Attribute) -> set[str]:
        if said.name in {"status", "changed"}:
            return self._verdict(said)
        if said.name == "key":
            return self._named(said.value, said.start, said.end)
        wanted = said.value if said.second is None else f"{said.value}={said.second}"
        known: dict[str, list[str]] = {}
        for key, out in self.declared.items():
            for value in _values(said, out):
                known.setdefault(value, []).append(key)
        found = {key for value in filter(_pattern(wanted), known) for key in known[value]}
        if not found:
            near = closest(wanted, known)
            what = self.text[said.start : said.end]
            near = f"{said.name}:{near}" if near else None
            self._matches_nothing(what, said.start, said.end, near, known, f"{said.name}s")
        return found

    def _verdict(self, said: Attribute) -> set[str]:
        known = STATUSES if said.name == "status" else CHANGES
        value = said.value.lower() or "any"
        if value not in known:
            near = closest(value, known)
            self._problem(
                f"selection {self.text[said.start : said.end]!r} names no {_NOUNS[said.name]}",
                said,
                ("known", ", ".join(known)),
                *((("closest", f"{said.name}:{near}"),) if near else ()),
                advice="Use one of these.",
            )
            return set()
        if self._ask is None:
            self._problem(
                f"'{said.name}:' cannot be used here",
                said,
                advice="Only commands that make a plan know what is stale: status, materialize, list, graph.",
            )
            return set()
        if said.name == "status":
            return {key for key, verdict in self._verdicts.items() if value in verdict.statuses}
        if value == "any":
            return {key for key, verdict in self._verdicts.items() if verdict.cause_kinds - {"upstream"}}
        return {key for key, verdict in self._verdicts.items() if value in verdict.cause_kinds}

    def _suggestion(self, key: str) -> str | None:
        """Return what was probably meant by a name that matches nothing."""
        within = [known for known in self.declared if known.startswith(f"{key}/")]
        if within:
            return f"{key}/*"
        if key and any(out.group == key for out in self.declared.values()):
            return f"group:{key}"
        ending = [known for known in self.declared if known.endswith(f"/{key}")]
        return min(ending) if ending else closest(key, self.declared)

    def _matches_nothing(
        self, what: str, start: int, end: int, near: str | None, known: Collection[str], kind: str
    ) -> None:
        names = sorted(known)
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        facts = [("in", pointer(self.text, start, end))] if self.text != what else []
        facts += [(kind, ", ".join(names[:_SHOWN]) + more if names else "none")]
        facts += [("closest", near)] if near else []
        self.problems.append(
            Problem(
                f"selection {what!r} matches no asset",
                tuple(facts),
                f"Select {near!r}, or see all with 'assetbuild list'." if near else "See all with 'assetbuild list'.",
            )
        )

    def _problem(self, headline: str, said: Attribute, *facts: tuple[str, str], advice: str) -> None:
        place = ("in", pointer(self.text, said.start, said.end))
        self.problems.append(Problem(headline, (place, *facts), advice))


_NOUNS: Final = {"status": "status", "changed": "kind of change"}


def _values(said: Attribute, out: Out | SourceDefinition) -> Iterable[str]:
    """Return what the attribute is for one asset or source, written as in a selection."""
    match said.name:
        case "group":
            return (out.group,) if out.group else ()
        case "tag":
            return out.tags if said.second is None else [f"{name}={value}" for name, value in out.tags.items()]
        case "owner":
            return out.owners
        case _:
            return (out.io_manager,) if isinstance(out, Out) and out.io_manager else ()


def _pattern(text: str) -> Callable[[str], bool]:
    """Return a predicate: equal to the text, in which ``*`` stands for any characters, ``/`` too."""
    if "*" not in text:
        return text.__eq__
    matches = re.compile(".*".join(map(re.escape, re.split(r"\*+", text))))
    return lambda value: matches.fullmatch(value) is not None


def _reached(keys: set[str], neighbours: Callable[[str], tuple[str, ...]], levels: int | None) -> set[str]:
    """Return the keys and what lies within so many levels of them; breadth first, so a long chain needs no stack."""
    found = set(keys)
    frontier = keys
    while frontier and levels != 0:
        frontier = {near for key in frontier for near in neighbours(key)} - found
        found |= frontier
        levels = levels - 1 if levels is not None else None
    return found
