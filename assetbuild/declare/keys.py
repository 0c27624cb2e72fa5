"""Asset keys: their canonical text, and the path and table name they stand for.

A key is one or more parts joined by ``/``: ``flights``, ``raw/flights``. The
whole program passes keys as that text.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

__all__ = ["asset_key", "path_part"]

_SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
_PART_BYTES = 180  # A file name may have 255 bytes; room is left for the extension and a temporary suffix.


def asset_key(key: str | Sequence[str]) -> str:
    """Return the canonical text of a key given as text or as a sequence of parts.

    Raises ValueError, with a sentence for the user, when a part is empty, is
    ``.`` or ``..``, holds a control character or surrounding space, or is too long.
    """
    if isinstance(key, str):
        parts = key.split("/")
    elif isinstance(key, Sequence) and all(isinstance(part, str) for part in key):
        parts = list(key)
        if any("/" in part for part in parts):
            message = "a part of a key must not contain '/'"
            raise ValueError(message)
    else:
        message = f"a key is text or a list of texts, not {type(key).__name__}"
        raise ValueError(message)
    if not parts:
        message = "a key needs at least one part"
        raise ValueError(message)
    parts = [unicodedata.normalize("NFC", part) for part in parts]
    for part in parts:
        _check_part(part)
    return "/".join(parts)


def _check_part(part: str) -> None:
    message = ""
    if not part:
        message = "a part of a key must not be empty"
    elif part in {".", ".."}:
        message = f"a part of a key must not be {part!r}"
    elif part != part.strip():
        message = f"the part {part!r} begins or ends with a space"
    elif any(unicodedata.category(character)[0] == "C" for character in part):
        message = f"the part {part!r} has a control character"
    elif len(path_part(part)) > _PART_BYTES:
        message = f"the part {part[:24] + '...'!r} is too long for a file name"
    if message:
        raise ValueError(message)


def path_part(part: str) -> str:
    """Return one key part as a file name: unsafe characters percent-encoded."""
    if _SAFE.issuperset(part):
        return part
    return "".join(
        character if character in _SAFE else "".join(f"%{byte:02X}" for byte in character.encode())
        for character in part
    )
