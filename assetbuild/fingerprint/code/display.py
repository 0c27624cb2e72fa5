"""A short display of a value, the same in every process, for people who compare before and after.

Environment values are never shown, nor anything long or not plain.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import os
import pathlib
import re
from typing import Any

__all__ = ["value_text"]

_ATOMS = (type(None), bool, int, float, str, bytes)
_LONGEST_TEXT = 200
_DEEPEST = 6


def value_text(value: Any) -> str:
    """Return a short display of a value, the same in every process; nothing when it is long or not plain."""
    text = _shown(value)
    return text if text is not None and len(text) <= _LONGEST_TEXT else ""


def _shown(value: Any, depth: int = 0) -> str | None:
    kind = type(value)
    if depth > _DEEPEST or (kind is int and value.bit_length() > _LONGEST_TEXT * 4):
        return None
    if kind is str:
        return None if _is_environment_value(value) else repr(value)
    if kind in _ATOMS or kind in (
        complex,
        decimal.Decimal,
        dt.date,
        dt.datetime,
        dt.timedelta,
        range,
    ):
        return repr(value)
    if isinstance(value, enum.Enum):
        return f"{kind.__name__}.{value.name}"
    if kind in (list, tuple, set, frozenset):
        if len(value) > _LONGEST_TEXT:
            return None
        items = [_shown(item, depth + 1) for item in value]
        if any(item is None for item in items):
            return None
        shown = [item for item in items if item is not None]
        if kind is list:
            return f"[{', '.join(shown)}]"
        if kind is tuple:
            return f"({', '.join(shown)}{',' if len(shown) == 1 else ''})"
        inner = ", ".join(sorted(shown))
        return f"{{{inner}}}" if kind is set else f"frozenset({{{inner}}})"
    if kind is dict:
        if len(value) > _LONGEST_TEXT:
            return None
        pairs = [(_shown(key, depth + 1), _shown(item, depth + 1)) for key, item in value.items()]
        if any(key is None or item is None for key, item in pairs):
            return None
        return "{" + ", ".join(f"{key}: {item}" for key, item in pairs) + "}"
    if isinstance(value, pathlib.PurePath) or kind is re.Pattern:
        return repr(value) if not str(value).startswith(os.sep) else None
    return None


def _is_environment_value(text: str) -> bool:
    """Say whether a text is the value of an environment variable: those are hashed, never shown."""
    return len(text) > 3 and text in os.environ.values()  # noqa: PLR2004
