"""Collect the definitions that are made while the user's modules load.

Collecting at the moment of declaration, and not from module namespaces
afterwards, sees definitions made in loops and factories, and two functions of
one name in one module.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeAlias

from assetbuild.declare.definitions import AssetDefinition, Origin, SourceDefinition

if TYPE_CHECKING:
    from assetbuild.declare.automation import AutomationDefinition  # most projects have none, and import nothing

__all__ = ["Definition", "caller_origin", "collecting", "declare"]

Definition: TypeAlias = "AssetDefinition | SourceDefinition | AutomationDefinition"

_collected: ContextVar[list[Definition] | None] = ContextVar("assetbuild_collected", default=None)


@contextmanager
def collecting() -> Iterator[list[Definition]]:
    """Collect every definition made inside the ``with`` block, in order."""
    definitions: list[Definition] = []
    token = _collected.set(definitions)
    try:
        yield definitions
    finally:
        _collected.reset(token)


def declare(definition: Definition) -> None:
    """Add a definition to what is being collected, if anything collects."""
    collected = _collected.get()
    if collected is not None:
        collected.append(definition)


def caller_origin(depth: int) -> Origin:
    """Return the place in the user's code ``depth`` frames above the caller of this function."""
    frame = sys._getframe(depth + 1)  # noqa: SLF001  # inspect.stack() reads source files and costs 10 ms
    return Origin(frame.f_code.co_filename, frame.f_lineno)
