"""Project settings: which folder is the project, and what its ``pyproject.toml`` or ``assetbuild.toml`` says.

[tool.assetbuild]                          (in assetbuild.toml the same without the 'tool.assetbuild' prefix)
definitions = ["shop.assets"]              modules with assets; default: assets
warehouse = "warehouse"                    where current values are published
packages = "exact"                         which third-party versions count: exact, minor, off
[tool.assetbuild.config.ASSET]             the config values of an asset
[tool.assetbuild.io_managers.NAME]         class = "module:Class", and its options
[tool.assetbuild.pools]                    NAME = limit
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assetbuild.dataclass import dataclass, field
from assetbuild.errors import Problem, ProjectNotFoundError, UsageError, closest

__all__ = ["Settings", "find_root", "line_of_error", "line_of_table", "read_settings"]

_KEYS: dict[str, type | tuple[type, ...]] = {
    "definitions": list,
    "warehouse": str,
    "packages": str,
    "config": dict,
    "io_managers": dict,
    "pools": dict,
}
_POLICIES = ("exact", "minor", "off")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a project's settings file says, with defaults filled in. ``file`` is None without such a file."""

    root: Path
    file: Path | None = None
    text: str = ""
    table: str = ""
    definitions: tuple[str, ...] = ("assets",)
    warehouse: str = "warehouse"
    packages: str = "exact"
    config: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    io_managers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    pools: Mapping[str, int] = field(default_factory=dict)

    @property
    def state_folder(self) -> Path:
        """The folder of the state database, objects and logs."""
        return self.root / ".assetbuild"

    def place(self, *path: str) -> tuple[str | None, int | None]:
        """Return file and line of a setting, as near as it can be found."""
        if self.file is None:
            return None, None
        return self.file.name, line_of_table(self.text, [*([] if not self.table else self.table.split(".")), *path])


def find_root(start: Path | None = None) -> Path:
    """Return the project folder at or above ``start`` (default: the working directory).

    A folder with settings is preferred to a bare ``assets.py`` further down. Raises ProjectNotFoundError.
    """
    try:
        begin = (start or Path.cwd()).absolute()
    except FileNotFoundError as error:
        problem = Problem("the working directory is gone", advice="Go to a project folder, or name one with --project.")
        raise ProjectNotFoundError(problem) from error
    folders = [begin, *begin.parents]
    for folder in folders:
        if _settings_file(folder) is not None:
            return folder
    for folder in folders:
        if (folder / "assets.py").is_file():
            return folder
    raise ProjectNotFoundError(_not_found(begin, "at or above"))


def read_settings(root: Path) -> Settings:
    """Read the settings of the project in exactly this folder; raise ProjectNotFoundError or UsageError."""
    root = root.absolute()
    try:
        os.getcwd()
    except FileNotFoundError:  # gone: whatever is relative is the project's from now on
        os.chdir(root)
    found = _settings_file(root)
    if found is None:
        if (root / "assets.py").is_file():
            return Settings(root)
        raise ProjectNotFoundError(_not_found(root, "in"))
    file, text, table, said = found
    problems = _problems(said, file, text, table)
    if problems:
        raise UsageError(*problems)
    known = {name: said[name] for name in ("warehouse", "packages", "config", "io_managers", "pools") if name in said}
    definitions = tuple(said.get("definitions", ("assets",)))
    return Settings(root, file, text, table, definitions, **known)


def line_of_table(text: str, path: list[str]) -> int | None:
    """Return the line of ``key`` in table ``[a.b]`` of TOML text, for the path ``a, b, key``; None when not found."""
    at: list[str] = []
    best: int | None = None
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if match := re.match(r"\[+\s*(.*?)\s*\]+\s*(#.*)?$", stripped):
            at = _parts(match[1])
        elif match := re.match(
            r"""((?:"[^"]*"|'[^']*'|[\w-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[\w-]+))*)\s*=""", stripped
        ):
            if [*at, *_parts(match[1])] == path:
                return number
            continue
        else:
            continue
        if at == path:
            return number
        if (best is None and at and path[: len(at)] == at) or (at and path[: len(at)] == at):
            best = number
    return best


def line_of_error(error: ValueError) -> int | None:
    """Return the line that the error of a TOML or JSON parser names; None where it names none."""
    match = re.search(r"\bline (\d+)", str(error))
    return int(match[1]) if match else None


def _parts(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in re.findall(r""""[^"]*"|'[^']*'|[^.\s]+""", dotted)]


def _settings_file(folder: Path) -> tuple[Path, str, str, dict[str, Any]] | None:
    own = folder / "assetbuild.toml"
    if own.is_file():
        text, said = _toml(own)
        return own, text, "", said
    project = folder / "pyproject.toml"
    if project.is_file():
        text = _text(project)
        if "assetbuild" in text:  # most folders above have another tool's file: do not parse it
            text, said = _toml(project)
            tool = said.get("tool", {})
            if isinstance(tool, dict) and isinstance(tool.get("assetbuild"), dict):
                return project, text, "tool.assetbuild", tool["assetbuild"]
    return None


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise UsageError(
            Problem(f"the settings cannot be read: {error.strerror}", (), "Check its permissions.", str(path))
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(
            Problem("the settings are not UTF-8 text", file=str(path), advice="Save it as UTF-8.")
        ) from error


def _toml(path: Path) -> tuple[str, dict[str, Any]]:
    import tomllib  # noqa: PLC0415  # a worker gets the settings from its parent

    text = _text(path)
    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        headline = f"the settings are not valid TOML: {error}"
        raise UsageError(Problem(headline, (), "Correct the line.", path.name, line_of_error(error))) from error


def _problems(said: dict[str, Any], file: Path, text: str, table: str) -> list[Problem]:
    prefix = table.split(".") if table else []
    problems: list[Problem] = []

    def problem(headline: str, *path: str, advice: str = "", facts: tuple[tuple[str, str], ...] = ()) -> None:
        problems.append(Problem(headline, facts, advice, file.name, line_of_table(text, [*prefix, *path])))

    for name, value in said.items():
        if name not in _KEYS:
            near = closest(name, _KEYS)
            problem(
                f"unknown setting {name!r}",
                name,
                facts=(("known", ", ".join(_KEYS)), *([("closest", near)] if near else [])),
                advice=f"Rename it to {near!r}." if near else "Remove it.",
            )
        elif not isinstance(value, _KEYS[name]):
            kind = {list: "a list", str: "text", dict: "a table"}[_KEYS[name]]  # type: ignore[index]
            problem(f"setting {name!r} is {kind}, not {type(value).__name__}", name)
    definitions = said.get("definitions", [])
    if isinstance(definitions, list) and not all(isinstance(name, str) and name for name in definitions):
        problem("setting 'definitions' is a list of module names", "definitions")
    if isinstance(definitions, list) and "definitions" in said and not definitions:
        problem("setting 'definitions' names no module", "definitions", advice='Name one: definitions = ["assets"].')
    if said.get("packages", "exact") not in _POLICIES:
        problem(f"setting 'packages' is {said['packages']!r}", "packages", advice=f"Say one of {', '.join(_POLICIES)}.")
    for name in ("config", "io_managers"):
        for key, value in (said.get(name) if isinstance(said.get(name), dict) else {}).items():  # type: ignore[union-attr]
            if not isinstance(value, dict):
                problem(f"{name}.{key} is a table, not {type(value).__name__}", name, key)
    for key, value in (said.get("pools") if isinstance(said.get("pools"), dict) else {}).items():  # type: ignore[union-attr]
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            problem(f"pool {key!r} has the limit {value!r}", "pools", key, advice="Say a whole number, 1 or more.")
    return problems


def _not_found(folder: Path, where: str) -> Problem:
    return Problem(
        f"no project found {where} {str(folder)!r}",
        (("looked for", "[tool.assetbuild] in pyproject.toml, assetbuild.toml, assets.py"),),
        "Go to a project folder, name one with --project, or make one with 'assetbuild init'.",
    )
