"""What a code fingerprint is made of, as pure data: parts, packages, environment names, and what was widened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from assetbuild.dataclass import dataclass

__all__ = ["CODE_SCHEME", "CodePart", "CodeVersion", "Widened"]

CODE_SCHEME: Final = "code-1"
"""Names the rules of this package; a later scheme never equals this one by chance."""


@dataclass(frozen=True, slots=True)
class CodePart:
    """One unit that an asset's code reaches: a function, a class, a value, an import or a statement.

    ``version`` moves when this unit itself changes, and not when only something that it calls does, so a
    comparison of parts names what moved. Names and places are for people; they are not in any code version.
    """

    subject: str
    """What people call it: ``clean``, or ``helpers.clean`` for another module than the asset's own."""
    kind: str
    """``function``, ``class``, ``value``, ``import``, ``statement`` or ``module``."""
    version: str
    file: str | None
    line: int | None
    text: str
    """The source text, dedented; for a value a short display; empty where nothing may be shown."""


@dataclass(frozen=True, slots=True)
class Widened:
    """A place where more was counted than is proved to be used, and why."""

    subject: str
    reason: str
    file: str | None
    line: int | None


@dataclass(frozen=True, slots=True)
class CodeVersion:
    """The code version of one function: its hash, and everything that explains it."""

    version: str
    parts: Mapping[str, CodePart]
    """By subject."""
    packages: Mapping[str, str]
    """Distribution to version, as the package policy sees it."""
    env: frozenset[str]
    """Environment variables that the closure reads by a constant name."""
    widened: tuple[Widened, ...]
    modules: frozenset[str] = frozenset()
    """The modules that anything in the closure belongs to."""
