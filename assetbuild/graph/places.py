"""Where things are declared, as people know it. Apart from ``build``, which an answer from the manifest needs not."""

from __future__ import annotations

import os
from pathlib import Path

from assetbuild.declare.definitions import Origin

__all__ = ["relative_place"]


def relative_place(origin: Origin, root: Path) -> tuple[str, int]:
    """Return file and line of an origin, the file relative to the project folder where it lies inside."""
    file = origin.file
    prefix = f"{root}{os.sep}"
    return (Path(file[len(prefix) :]).as_posix() if file.startswith(prefix) else file), origin.line
