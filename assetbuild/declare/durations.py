"""Lengths of time as users write them: ``"30s"``, ``"5m"``, ``"6h"``, ``"1d"``, ``"1h30m"``, or a number of seconds."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["duration_s", "duration_text"]

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|min|[smhdw])\s*")


def duration_s(said: Any) -> float:
    """Return a length of time in seconds; raise ValueError, with a sentence for the user, when it is none."""
    message = f"{said!r} is no length of time: write '30s', '5m', '6h', '1d', or seconds as a number"
    if isinstance(said, (int, float)) and not isinstance(said, bool):
        seconds = float(said)
    elif isinstance(said, str) and said.strip() and not _PART.sub("", said.strip()):
        seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(said))
    elif hasattr(said, "total_seconds"):  # a timedelta, without importing datetime for it
        seconds = float(said.total_seconds())
    else:
        raise ValueError(message)
    if not 0 < seconds < float("inf"):
        message = f"{said!r} is no length of time: it must be more than nothing"
        raise ValueError(message)
    return seconds


def duration_text(seconds: float) -> str:
    """Return a length of time as a user would write it: ``90`` is ``1m30s``."""
    if seconds < 1:
        return f"{seconds * 1000:g}ms"
    left, text = seconds, ""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        whole, left = divmod(left, size)
        text += f"{whole:g}{unit}" if whole else ""
    return text + (f"{left:g}s" if left else "")
