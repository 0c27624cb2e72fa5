"""Exchange two names in one atomic step, where the system can: Linux ``renameat2``, macOS ``renamex_np``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import cache

__all__ = ["exchange"]

_AT_CURRENT_FOLDER = -100
_EXCHANGE = 2


def exchange(one: str, other: str) -> bool:
    """Let two existing paths swap what they name; return False, and do nothing, where that is not possible."""
    call = _system_call()
    return call is not None and call(os.fsencode(one), os.fsencode(other)) == 0


@cache
def _system_call() -> Callable[[bytes, bytes], int] | None:
    try:
        import ctypes  # noqa: PLC0415  # 5 ms, needed only when something is replaced

        library = ctypes.CDLL(None)
        if sys.platform == "linux":
            rename = library.renameat2
            return lambda one, other: int(rename(_AT_CURRENT_FOLDER, one, _AT_CURRENT_FOLDER, other, _EXCHANGE))
        if sys.platform == "darwin":
            swap = library.renamex_np
            return lambda one, other: int(swap(one, other, _EXCHANGE))
    except (ImportError, OSError, AttributeError):
        pass
    return None
