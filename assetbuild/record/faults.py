"""Faults on request, for the tests of safety and for nothing else: die, or fail, at a named point of the protocol.

``ASSETBUILD_FAULT=POINT:ASSET:ACTION`` is read once, when a process starts; unset, ``reach`` does nothing. ASSET may
be ``*``. The points, in the order in which a value passes them:

    before-function  before-write  before-add  before-publish  in-publish  after-publish      in a worker
    before-record  in-record  after-record  before-end                                        in the main process
    in-duckdb  before-duckdb-close                                                            there, in the lane

The actions: ``kill`` this process, ``kill-parent``, ``kill-both``, ``stop`` (SIGSTOP, so that a test can look around),
``error`` and ``enospc`` (an OSError, as from the disk).
"""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from typing import Final

__all__ = ["VARIABLE", "reach"]

VARIABLE: Final = "ASSETBUILD_FAULT"


def _nothing(point: str, asset: str = "") -> None:
    """Do nothing: no fault was asked for."""


def _striking(asked: str) -> Callable[..., None]:
    """Return what strikes at the point, the asset and in the way that were asked for."""
    at, _, rest = asked.partition(":")
    which, _, action = rest.rpartition(":")

    def strike(point: str, asset: str = "") -> None:
        if point == at and which in {"*", asset}:
            _strike(point, action)

    return strike


def _strike(point: str, action: str) -> None:
    if action in {"error", "enospc"}:
        code = errno.EIO if action == "error" else errno.ENOSPC
        raise OSError(code, f"{os.strerror(code)} (fault at {point})")
    if action == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
        return
    if action in {"kill-parent", "kill-both"}:
        os.kill(os.getppid(), signal.SIGKILL)
    if action in {"kill", "kill-both"}:
        os.kill(os.getpid(), signal.SIGKILL)


reach: Callable[..., None] = _striking(os.environ[VARIABLE]) if VARIABLE in os.environ else _nothing
"""Say that this process has come to a point of the protocol, for an asset."""
