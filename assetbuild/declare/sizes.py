"""Sizes as people write them."""

from __future__ import annotations

import re

__all__ = ["size_bytes"]


def size_bytes(text: str) -> int:
    """Return the bytes that ``2GB``, ``1.5 TB``, ``500 MiB`` or ``1000`` mean; raise ValueError for other text."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?(?:([kmgt])(i?)b?|b)?", text.strip().lower())
    if match is None:
        message = f"{text!r} is no size: write bytes, or text such as '500 MB' or '2 GiB'"
        raise ValueError(message)
    number, unit, binary = match.groups()
    power = " kmgt".index(unit) if unit else 0
    return int(float(number) * (1024 if binary else 1000) ** power)
