"""Metadata values: what can be said about an asset or added to a materialization.

Numbers, text, booleans, lists and dicts of these, and the three kinds below.
``as_json`` gives the recorded form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assetbuild.dataclass import dataclass

__all__ = ["Markdown", "Table", "Url", "as_json"]


@dataclass(frozen=True, slots=True)
class Markdown:
    """Text to be rendered as Markdown."""

    text: str


@dataclass(frozen=True, slots=True)
class Url:
    """A link."""

    url: str


@dataclass(frozen=True, slots=True)
class Table:
    """A small table: a sequence of rows, each a mapping of column to value."""

    rows: Sequence[Mapping[str, Any]]


def as_json(value: Any) -> Any:
    """Return the JSON form of a metadata value; raise TypeError when it has none."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Markdown):
        return {"markdown": value.text}
    if isinstance(value, Url):
        return {"url": value.url}
    if isinstance(value, Table):
        return {"table": [{str(name): as_json(cell) for name, cell in row.items()} for row in value.rows]}
    if isinstance(value, Mapping):
        return {str(name): as_json(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(item) for item in value]
    if hasattr(value, "item") and callable(value.item):  # a NumPy scalar
        return as_json(value.item())
    if hasattr(value, "isoformat"):
        return value.isoformat()
    message = f"metadata takes numbers, text, lists, dicts, Markdown, Url and Table, not {type(value).__name__}"
    raise TypeError(message)
