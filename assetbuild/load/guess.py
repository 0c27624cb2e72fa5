"""Which libraries a project most likely needs, told from its text before anything of it was loaded.

For the workers of a first build: a later one knows it (``load/outlook.py``). A wrong guess costs a little time.
"""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from pathlib import Path

from assetbuild.load.outlook import CONFIG
from assetbuild.load.settings import Settings

__all__ = ["guessed_libraries"]

_IMPORTED = re.compile(r"^(?:from|import)[ \t]+([A-Za-z_][\w.]*)", re.MULTILINE)
_IMPORTS_CONFIG = re.compile(r"^from assetbuild import[^#]*\bConfig\b", re.MULTILINE)
_SETS_SOMETHING = re.compile(r"\benviron\b|\bputenv\b|\bsys\.path\b")
_MOST_GUESSED = 200
"""Modules of a package that are looked through."""


def guessed_libraries(settings: Settings) -> list[str]:
    """Return the libraries that the text of the project's modules imports at its left edge, before they were loaded."""
    texts: list[str] = []
    for name in settings.definitions:
        for folder in (settings.root, settings.root / "src"):
            place = folder.joinpath(*name.split("."))
            for path in (place.with_suffix(".py"), *sorted(place.glob("**/*.py"))[:_MOST_GUESSED]):
                with suppress(OSError, ValueError):
                    texts.append(path.read_text(encoding="utf-8"))
    if any(_SETS_SOMETHING.search(text) for text in texts):
        return []
    named = dict.fromkeys(name for text in texts for name in _IMPORTED.findall(text))
    found = [name for name in named if name.partition(".")[0] not in sys.stdlib_module_names | {"assetbuild"}]
    if any(_IMPORTS_CONFIG.search(text) for text in texts):
        found.append(CONFIG)
    return [name for name in found if not _is_own(name.partition(".")[0], settings.root)]


def _is_own(top: str, root: Path) -> bool:
    return any((folder / name).exists() for folder in (root, root / "src") for name in (top, f"{top}.py"))
