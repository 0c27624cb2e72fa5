"""What test assets call to leave a trace that is no input: ``executed`` logs, ``pause`` waits for the test.

The module lies outside every test project and has no distribution, so assetbuild sees
third-party code that never changes.
"""

from __future__ import annotations

import os
from pathlib import Path


def _channel() -> Path:
    return Path(os.environ["EXECUTIONS"])


def executed(*names: str) -> None:
    """Append the names to the log; one write, so that parallel assets do not mix."""
    log = os.open(_channel() / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(log, "".join(f"{name}\n" for name in names).encode())
    finally:
        os.close(log)


def pause(name: str) -> None:
    """Tell the test that this place is reached, and wait until it opens the gate; without a gate go on."""
    reached, release = _channel() / f"{name}.reached", _channel() / f"{name}.release"
    if not reached.exists():
        return
    with reached.open("wb", buffering=0) as out:
        out.write(b"x")
    with release.open("rb", buffering=0) as gate:
        gate.read(1)


def once(name: str) -> bool:
    """Return True on the first call under this name and False ever after, across processes."""
    try:
        os.close(os.open(_channel() / f"{name}.once", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True
