"""The errors of assetbuild, and the one shape in which they are shown.

    AssetbuildError            anything that assetbuild reports; has problems and an exit code
    |-- UsageError             bad command line, selection or setting                (exit 2)
    |   `-- ProjectNotFoundError
    |-- DefinitionError        bad definitions, all problems at once                 (exit 2)
    |-- RecordError            the state database cannot be read or written          (exit 2)
    |-- StoreError             a value cannot be written, read or published          (exit 1)
    |-- AssetError             an asset failed: its function, or the value it gave   (exit 1)
    |-- RequestError           what a sensor or schedule asked for cannot be built   (exit 1)
    `-- BusyError              another build holds the project                       (exit 1)

A problem is a headline (lower case, names in quotes, no full stop), aligned
facts, and one last line that says what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from assetbuild.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "AssetError",
    "AssetbuildError",
    "BusyError",
    "DefinitionError",
    "Problem",
    "ProjectNotFoundError",
    "RecordError",
    "RequestError",
    "StoreError",
    "UsageError",
    "closest",
]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: what, where, and how to mend it."""

    headline: str
    facts: tuple[tuple[str, str], ...] = ()
    advice: str = ""
    file: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        """Render headline, aligned facts, place and advice as lines of text."""
        facts = list(self.facts)
        if self.file is not None:
            facts.append(("at", f"{self.file}:{self.line}" if self.line else self.file))
        width = max((len(name) for name, _ in facts), default=0)
        lines = [self.headline]
        for name, text in facts:
            first, *rest = text.split("\n") if text else [""]
            lines.append(f"  {name:<{width}}  {first}")
            lines.extend(f"  {'':<{width}}  {more}" for more in rest)
        if self.advice:
            lines.append(self.advice)
        return "\n".join(lines)


class AssetbuildError(Exception):
    """Anything that assetbuild reports; carries one or more problems."""

    exit_code: ClassVar[int] = 2

    def __init__(self, *problems: Problem | str) -> None:
        """Take the problems; a bare string becomes a problem with only a headline."""
        self.problems: tuple[Problem, ...] = tuple(
            Problem(problem) if isinstance(problem, str) else problem for problem in problems
        )
        super().__init__(*problems)

    def __str__(self) -> str:
        """Render every problem, separated by an empty line."""
        return "\n\n".join(str(problem) for problem in self.problems)


class UsageError(AssetbuildError):
    """Bad command line, selection or setting."""


class ProjectNotFoundError(UsageError):
    """No project at or above the given folder."""


class DefinitionError(AssetbuildError):
    """Bad definitions; holds all problems that were found."""


class RecordError(AssetbuildError):
    """The state database cannot be read or written."""


class StoreError(AssetbuildError):
    """A value cannot be written, read or published."""

    exit_code = 1


class AssetError(AssetbuildError):
    """An asset failed: its function raised, or the value it gave is not what was promised."""

    exit_code = 1


class RequestError(AssetbuildError):
    """What a sensor or schedule asked for cannot be built: an unknown partition, a value that config refuses."""

    exit_code = 1


class BusyError(AssetbuildError):
    """Another build holds the project."""

    exit_code = 1


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name most like ``name``, or None when none is near."""
    import difflib  # noqa: PLC0415  # only mistakes need it

    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return found[0] if found else None
