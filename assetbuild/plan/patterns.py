"""Sources whose path is a pattern, such as ``data/{date}.csv``: which file belongs to which partition key.

A name in braces stands for one or more characters other than a slash; ``*`` and ``**`` mean what they mean in a
glob. Several names give keys such as ``2013-01-01|UA``, in the order of the path.
"""

from __future__ import annotations

import glob
import re
from pathlib import Path

from assetbuild.declare.definitions import NAME_IN_PATH

__all__ = ["files_by_key", "path_of_key"]


def path_of_key(path: str, key: str) -> str:
    """Return the path of a partition, as people look for it."""
    parts = iter(key.split("|"))
    return NAME_IN_PATH.sub(lambda match: next(parts, match[0]), path)


def files_by_key(root: Path, path: str) -> dict[str, list[Path]]:
    """Return the files that match, sorted, by partition key, in the order of the keys."""
    expression = _expression(path)
    found: dict[str, list[Path]] = {}
    for name in sorted(glob.glob(NAME_IN_PATH.sub("*", path), root_dir=root, recursive=True)):
        match = expression.fullmatch(name)
        if match is not None and not (file := root / name).is_dir():
            found.setdefault("|".join(match.groups()), []).append(file)
    return dict(sorted(found.items()))


def _expression(path: str) -> re.Pattern[str]:
    text, seen, place = "", set[str](), 0
    for match in NAME_IN_PATH.finditer(path):
        text += _glob_text(path[place : match.start()])
        # A name that comes again must mean the same there: data/{date}/{date}.csv.
        text += f"(?P={match[1]})" if match[1] in seen else f"(?P<{match[1]}>[^/]+?)"
        seen.add(match[1])
        place = match.end()
    return re.compile(text + _glob_text(path[place:]))


def _glob_text(text: str) -> str:
    parts = re.split(r"(\*\*/|\*|\?|\[[^]]+\])", text)
    said = {"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}
    return "".join(
        said.get(part, part if part.startswith("[") and part.endswith("]") else re.escape(part)) for part in parts
    )
