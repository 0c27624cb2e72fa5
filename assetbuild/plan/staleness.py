"""Why a value is stale: one small function per kind of cause, each comparing recorded parts with today's.

In: the components under which a value was built, and today's (``fingerprint/recipe.py`` makes both). Out: every
cause, not only the first. No disk, no clock, no user code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from assetbuild.plan.model import Cause

__all__ = ["changes", "input_changes", "recipe_changes"]

Components = Mapping[str, Any]
Parts = Callable[[str], Mapping[str, str]]


def changes(before: Components, after: Components, parts_of: Parts) -> tuple[Cause, ...]:
    """Return every difference between two sets of components; ``parts_of`` gives the parts of a data version."""
    return recipe_changes(before, after) + input_changes(before, after, parts_of)


def recipe_changes(before: Components, after: Components) -> tuple[Cause, ...]:
    """Return the differences that all partitions of an asset share."""
    return (
        *code_causes(before, after),
        *package_causes(before, after),
        *config_causes(before, after),
        *env_causes(before, after),
        *io_manager_causes(before, after),
    )


def input_changes(before: Components, after: Components, parts_of: Parts) -> tuple[Cause, ...]:
    """Return the differences of the inputs: which there are, which partitions of them are read, and their data."""
    if before.get("inputs", []) == after.get("inputs", []):  # as with all partitions after an edit of the code
        return ()
    return (
        *dependency_causes(before, after),
        *partition_causes(before, after, parts_of),
        *data_causes(before, after, parts_of),
    )


def code_causes(before: Components, after: Components) -> Iterator[Cause]:
    """Yield each function, class, constant or other symbol in the asset's reach that is another than it was."""
    if before.get("declared") is not None or after.get("declared") is not None:
        if before.get("declared") != after.get("declared"):
            old, new = before.get("declared"), after.get("declared")
            yield Cause("code", "code_version", old, new, f"code_version: {_text(old)} -> {_text(new)}")
        return
    old_parts, new_parts = before.get("code", {}), after.get("code", {})
    found = False
    for subject in sorted({*old_parts, *new_parts}):
        old, new = old_parts.get(subject), new_parts.get(subject)
        if old is not None and new is not None and old[0] == new[0]:
            continue
        found = True
        place = (new or old or ["", "", ""])[2]
        if old is None:
            yield Cause("code", subject, None, _part(new), f"code: {subject} is new", place)
        elif new is None:
            yield Cause("code", subject, _part(old), None, f"code: {subject} is no longer used", place)
        elif old[1] and new[1]:
            yield Cause("code", subject, old[1], new[1], f"code: {subject} {old[1]} -> {new[1]}", place)
        else:
            yield Cause("code", subject, _part(old), _part(new), f"code of {subject} changed", place)
    packages_moved = before.get("packages", {}) != after.get("packages", {})
    if not found and not packages_moved and before.get("code_version") != after.get("code_version"):
        yield Cause(
            "code", "calls", before.get("code_version"), after.get("code_version"), "code: names now mean other symbols"
        )


def package_causes(before: Components, after: Components) -> Iterator[Cause]:
    """Yield each third-party distribution in the code's reach that has another version."""
    if before.get("declared") is not None and after.get("declared") is not None:
        return
    for name, old, new in _differences(before.get("packages", {}), after.get("packages", {})):
        yield Cause("packages", name, old, new, f"package {name}: {_text(old)} -> {_text(new)}")


def config_causes(before: Components, after: Components) -> Iterator[Cause]:
    """Yield each config value that is another; a secret is named, and neither of its values shown."""
    old_parts, new_parts = before.get("config", {}), after.get("config", {})
    for key in sorted({*old_parts, *new_parts}):
        old, new = old_parts.get(key), new_parts.get(key)
        if old is not None and new is not None and old[0] == new[0]:
            continue
        is_secret = (old is not None and old[1] is None) or (new is not None and new[1] is None)
        if is_secret:
            yield Cause("config", key, _secret(old), _secret(new), f"config {key} changed (secret)")
        else:
            shown = [part[1] if part is not None else None for part in (old, new)]
            yield Cause("config", key, shown[0], shown[1], f"config {key}: {_text(shown[0])} -> {_text(shown[1])}")


def env_causes(before: Components, after: Components) -> Iterator[Cause]:
    """Yield each environment variable, declared or provably read, that changed; values are never shown."""
    for name, old, new in _differences(before.get("env", {}), after.get("env", {})):
        verb = "changed" if old and new else "is now read" if new else "is no longer read"
        yield Cause("env", name, _short(old), _short(new), f"environment variable {name} {verb}")


def io_manager_causes(before: Components, after: Components) -> Iterator[Cause]:
    """Yield a cause when the value is kept by another IO manager, or with other options."""
    old, new = before.get("io_manager", {}), after.get("io_manager", {})
    if old != new:
        names = [str(manager.get("name", "")) for manager in (old, new)]
        if names[0] != names[1]:
            yield Cause("io_manager", "io_manager", names[0], names[1], f"io manager: {names[0]} -> {names[1]}")
        else:
            yield Cause(
                "io_manager",
                "io_manager",
                str(old.get("options")),
                str(new.get("options")),
                f"options of io manager {names[1]} changed",
            )


def dependency_causes(before: Components, after: Components) -> Iterator[Cause]:
    """Yield each input that was added, dropped, or is read in another way."""
    old_edges, new_edges = _edges(before), _edges(after)
    for key in sorted({*old_edges, *new_edges}):
        old, new = old_edges.get(key), new_edges.get(key)
        if old is None:
            yield Cause("dependencies", key, None, key, f"dependency added: {key}")
        elif new is None:
            yield Cause("dependencies", key, key, None, f"dependency dropped: {key}")
        else:
            ways = [sorted(_way(edge) for edge in edges) for edges in (old, new)]
            if ways[0] != ways[1]:
                shown = ["; ".join(texts) for texts in ways]
                yield Cause(
                    "dependencies", key, shown[0], shown[1], f"input {key} is read as {shown[1]}, before as {shown[0]}"
                )


def partition_causes(before: Components, after: Components, parts_of: Parts) -> Iterator[Cause]:
    """Yield each input of which other partitions are read: by another mapping, or because there are others."""
    for key, old, new in _same_inputs(before, after):
        ways = [str(edge.get("mapping") or "the whole") for edge in (old, new)]
        is_other = ways[0] != ways[1] and old["version"] != new["version"]
        if is_other or ways[0].partition(" ")[0] != ways[1].partition(" ")[0]:
            yield Cause("partitions", key, ways[0], ways[1], f"partitions of {key}: {ways[0]} -> {ways[1]}")
        elif old.get("mapping") is not None and old["version"] != new["version"]:
            if old.get("partition") != new.get("partition"):
                names = [edge.get("partition") or "(none)" for edge in (old, new)]
                yield Cause("partitions", key, names[0], names[1], f"partition of {key}: {names[0]} -> {names[1]}")
                continue
            parts = [set(parts_of(edge["data_version"])) for edge in (old, new)]
            if all(parts) and parts[0] != parts[1]:
                counts = [f"{len(names)} partitions" for names in parts]
                moved = _more_and_fewer(sorted(parts[1] - parts[0]), sorted(parts[0] - parts[1]))
                yield Cause("partitions", key, counts[0], counts[1], f"partitions of {key}: {moved}")


def data_causes(before: Components, after: Components, parts_of: Parts) -> Iterator[Cause]:
    """Yield each input whose data changed; columns, files or partitions are named where they are known."""
    told: set[str] = set()
    for key, old, new in _same_inputs(before, after):
        if key in told or old["version"] == new["version"]:
            continue
        if any(old.get(name) != new.get(name) for name in ("mapping", "partition")):
            continue  # another partition is read, so of course its data is another
        old_parts, new_parts = parts_of(old["data_version"]), parts_of(new["data_version"])
        is_many = new.get("mapping") is not None and new.get("partition") is None
        if is_many and old_parts and new_parts and all(old_parts.get(k, v) == v for k, v in new_parts.items()):
            continue  # only the set of partitions is another
        told.add(key)
        named = _moved_parts(old_parts, new_parts, None if is_many else new["columns"])
        place = key if new.get("partition") is None else f"{key}[{new['partition']}]"
        message = f"data of {place} changed" + (f": {named}" if named else "")
        yield Cause("data", key, old["data_version"], new["data_version"], message)


def _same_inputs(before: Components, after: Components) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """Yield each input that is read as it was, as it stood then and as it stands now."""
    old_edges, new_edges = _edges(before), _edges(after)
    for key in sorted(set(old_edges) & set(new_edges)):
        old = {_way(edge): edge for edge in old_edges[key]}
        new = {_way(edge): edge for edge in new_edges[key]}
        for way in sorted(set(old) & set(new)):
            yield key, old[way], new[way]


def _more_and_fewer(more: list[str], fewer: list[str]) -> str:
    texts = []
    for word, names in (("new ", more), ("without ", fewer)):
        if names:
            texts.append(word + ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else ""))  # noqa: PLR2004
    return "; ".join(texts)


def _moved_parts(old: Mapping[str, str], new: Mapping[str, str], columns: list[str] | None) -> str:
    if not old or not new:
        return ""
    texts = []
    for label, names in (
        ("", [name for name in new if name in old and old[name] != new[name]]),
        ("new ", [name for name in new if name not in old]),
        ("without ", [name for name in old if name not in new]),
    ):
        chosen = [name for name in names if columns is None or name in columns]
        if chosen:
            texts.append(label + ", ".join(chosen[:5]) + (f" and {len(chosen) - 5} more" if len(chosen) > 5 else ""))  # noqa: PLR2004
    return "; ".join(texts)


def _edges(components: Components) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for edge in components.get("inputs", ()):
        found.setdefault(edge["key"], []).append(edge)
    return found


def _way(edge: Mapping[str, Any]) -> str:
    texts = [f"parameter {edge['parameter']}" if edge["parameter"] else "a dependency that is not loaded"]
    if edge["load"]:
        texts.append(edge["load"])
    if edge["columns"] is not None:
        texts.append(f"columns {', '.join(edge['columns'])}")
    return ", ".join(texts)


def _differences(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[tuple[str, str | None, str | None]]:
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            yield name, old.get(name), new.get(name)


def _part(part: list[str] | None) -> str | None:
    return None if part is None else part[1] or _short(part[0])


def _short(version: str | None) -> str | None:
    return None if version is None else version[:12]


def _secret(part: list[Any] | None) -> str | None:
    return None if part is None else "(secret)"


def _text(value: object) -> str:
    return "(none)" if value is None else str(value)
