"""Look for trouble: damaged objects, code that had to be widened, orphans, and facts about the environment."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal

from assetbuild.dataclass import dataclass
from assetbuild.errors import AssetbuildError
from assetbuild.plan.facts import Facts

if TYPE_CHECKING:
    from assetbuild.fingerprint.code.model import Widened

__all__ = ["Finding", "findings"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the doctor noticed."""

    level: Literal["ok", "note", "warning", "error"]
    subject: str
    message: str
    place: str = ""


def findings(facts: Facts, widened: Callable[[str], tuple[Widened, ...]], unkept: str) -> list[Finding]:
    """Return what is noticed about a project whose definitions load; ``unkept`` says why the manifest is not kept."""
    return [
        *_environment(facts),
        *_manifest(unkept),
        *_code(facts, widened),
        *_sources(facts),
        *_objects(facts),
        *_orphans(facts),
    ]


def _environment(facts: Facts) -> Iterator[Finding]:
    python = f"{platform.python_implementation()} {platform.python_version()}"
    yield Finding("ok", "python", f"{python} on {sys.platform}; the minor version is reported and not part of any key")
    graph = facts.graph
    yield Finding("ok", "definitions", f"assets: {len(graph.assets)}, sources: {len(graph.sources)}; all of them load")
    for warning in facts.record.warnings:
        yield Finding("error", "state", warning, str(facts.record.path))


def _manifest(unkept: str) -> Iterator[Finding]:
    if unkept:
        yield Finding("note", "manifest", f"definitions are loaded anew by each command, because {unkept}")


def _code(facts: Facts, widened: Callable[[str], tuple[Widened, ...]]) -> Iterator[Finding]:
    count = 0
    for key in facts.graph.assets:
        try:
            found = widened(key)
        except AssetbuildError as error:
            yield Finding(
                "error", key, error.problems[0].headline, f"{error.problems[0].file}:{error.problems[0].line}"
            )
            continue
        for each in found:
            count += 1
            place = f"{each.file}:{each.line}" if each.file is not None else ""
            yield Finding("warning", key, f"{each.subject}: {each.reason}", place)
    if not count:
        yield Finding("ok", "code", "every asset's code could be followed exactly")


def _sources(facts: Facts) -> Iterator[Finding]:
    for source in facts.graph.sources.values():
        if problem := facts.keys.of_source(source).first_problem:  # which names its place
            yield Finding("error", source.key, problem)


def _objects(facts: Facts) -> Iterator[Finding]:
    objects = facts.outputs.objects
    damaged = 0
    for pointer in facts.pointers.values():
        if pointer.object is None:
            continue
        if not objects.has(pointer.object):
            yield Finding(
                "note", pointer.asset, "its stored object is gone; the asset is built again when it is needed"
            )
        elif not objects.verify(pointer.object):
            damaged += 1
            yield Finding("error", pointer.asset, f"its stored object {pointer.object} is damaged")
    if not damaged and facts.pointers:
        yield Finding("ok", "objects", "every current value's object has the content that its name promises")


def _orphans(facts: Facts) -> Iterator[Finding]:
    for key in sorted(facts.pointers.assets() - set(facts.graph.assets)):
        yield Finding("note", key, "is no longer declared; its data is kept until 'assetbuild gc'")
    for location, asset, _, _ in facts.record.orphans():
        yield Finding("note", asset, f"an earlier value is left at {location}; 'assetbuild gc' removes it")
