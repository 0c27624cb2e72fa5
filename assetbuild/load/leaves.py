"""The leaves: what is needed to take an edit of asset functions into the manifest without importing the user's code.

    .assetbuild/leaves    header line, hash of the manifest it belongs to, hash of the rest, marshal of a dict:
                          path of a module -> marshal of (its outline, the names that it binds, its leaves by name)

Most edits change the body of an asset function, and nothing else. Such a function is a leaf when it stands at the top
level of its module, only assetbuild's own decorators are on it, and no code of the project names it: then nothing ran
it while the project loaded, and no other closure counts it. If the rest of the file says what it said and the new body
means the same things by its names (``fingerprint/code/leaf.py``), then what loading would give is what the manifest
holds, apart from this function's code version, and from line numbers. Everything else goes the long way.

About 1 KB an asset.
"""

from __future__ import annotations

import ast
import importlib.util
import marshal
import textwrap
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping
from pathlib import Path
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from assetbuild import __version__
from assetbuild.dataclass import dataclass, replace
from assetbuild.fingerprint.code.shapes import Shape, shape_of
from assetbuild.fingerprint.code.source import FirstParty
from assetbuild.fingerprint.encoding import digest, hash_bytes
from assetbuild.fingerprint.recipe import Recipe, Shown

if TYPE_CHECKING:
    from assetbuild.load.definitions import Definitions
    from assetbuild.load.reads import Reads
    from assetbuild.load.recipes import Recipes

__all__ = ["Edited", "Leaves", "edited", "leaves_of", "packed", "relative_shifts", "unpacked"]

Leaves: TypeAlias = dict[str, bytes]
"""Path to (hash of the outline, ranges of lines, bound names, leaves by name), marshalled."""

_HEADER: Final = f"assetbuild leaves 2 {__version__}\n".encode()
_KINDS: Final = 0x20 | 0x80 | 0x100 | 0x200 | 0x0C
"""The flags of code that say what calling it gives: a generator, a coroutine; and how it takes arguments."""
_SOURCE_READERS: Final = frozenset(
    {"getsource", "getsourcelines", "linecache", "findsource", "f_lineno", "co_firstlineno"}
)


@dataclass(frozen=True, slots=True)
class _Outline:
    """A file without the bodies of its leaves: a hash, the lines of each statement, and the leaves."""

    version: str
    ranges: tuple[tuple[int, int], ...]
    bodies: dict[str, str]
    """The hash of each leaf's body."""
    lines: list[str]


@dataclass(frozen=True, slots=True)
class Edited:
    """What edits of leaves change in a manifest."""

    recipes: dict[str, Recipe]
    """The recipes that are others now."""
    versions: dict[str, str]
    """Path to the hash of the file's bytes."""
    shifts: dict[str, dict[int, int]]
    """Path to line before and line now, where they differ."""
    leaves: Leaves


# -- keeping ---------------------------------------------------------------------------------------------------------


def leaves_of(recipes: Recipes, definitions: Definitions, reads: Reads) -> Leaves:
    """Return the leaves of what was loaded."""
    from assetbuild.load.affected import imported_names, is_blind  # noqa: PLC0415  # an answer from the manifest needs neither
    from assetbuild.load.journal import words_of  # noqa: PLC0415

    entries = definitions.importer.journal.entries
    if recipes.has_secrets or not recipes.is_told_by_names or any(is_blind(entry) for entry in entries.values()):
        return {}
    named: dict[str, set[str]] = {}
    for name, entry in entries.items():
        words = set(imported_names(entry.code))
        for constant in entry.code.co_consts:
            if isinstance(constant, CodeType):
                words |= words_of(constant)
        if words & _SOURCE_READERS:
            return {}
        for word in words:
            named.setdefault(word, set()).add(name)
    paths = Counter(entry.path for entry in entries.values())
    keys: dict[int, list[str]] = {}
    possible: dict[str, dict[str, str]] = {}
    for key, asset in definitions.graph.assets.items():
        function = asset.definition.function
        keys.setdefault(id(function), []).append(key)
        if not isinstance(function, FunctionType) or function.__name__ in named or asset.definition.code_version:
            continue
        module = entries.get(function.__module__)
        if module is None or module.path != function.__code__.co_filename or asset.definition.checks:
            continue
        if module.path in reads.modules or paths[module.path] > 1:  # its text was read, or it was loaded twice
            continue
        possible.setdefault(module.path, {})[function.__name__] = key
    kept: Leaves = {}
    for entry in entries.values():
        leaves: dict[str, tuple[Any, ...]] = {}
        for name, key in possible.get(entry.path, {}).items():
            leaf, function = recipes.leaf(key), definitions.graph.assets[key].definition.function
            if leaf is not None:
                own = {key: tuple(recipes.own(key).items()) for key in keys[id(function)]}
                leaves[name] = (own, function.__code__.co_flags & _KINDS, leaf)
        if leaves:
            outline = _outline(definitions.importer.files[entry.path].data, leaves, recipes.shapes(entry.path))
            whole = {name: (*leaves[name], body) for name, body in outline.bodies.items()}
            content = (outline.version, outline.ranges, tuple(map(str, vars(entry.module))), whole)
            kept[entry.path] = marshal.dumps(content)
    return kept


def packed(leaves: Leaves, manifest: Iterable[bytes]) -> tuple[bytes, ...]:
    """Return the bytes of the file for the bytes of the manifest that it belongs to."""
    data = marshal.dumps(leaves)
    return _HEADER, hash_bytes(manifest).encode(), hash_bytes((data,)).encode(), data


def unpacked(data: bytes, manifest: Iterable[bytes]) -> Leaves:
    """Return the leaves; none when they are damaged or belong to another manifest."""
    head, rest = data[: len(_HEADER)], data[len(_HEADER) :]
    if (
        head != _HEADER
        or rest[:32] != hash_bytes(manifest).encode()
        or rest[32:64] != hash_bytes((rest[64:],)).encode()
    ):
        return {}
    leaves: Leaves = marshal.loads(rest[64:])  # noqa: S302  # our own file, and whole
    return leaves


# -- taking an edit in -----------------------------------------------------------------------------------------------


def edited(leaves: Leaves, paths: frozenset[str], recipe: Callable[[str], Recipe]) -> Edited | None:
    """Return what these files, which are others now, change; None when more than the bodies of leaves may have."""
    result = Edited({}, {}, {}, dict(leaves))
    for path in paths:
        if path not in leaves or not _take_in(path, result, recipe):
            return None
    return result


def _take_in(path: str, result: Edited, recipe_of: Callable[[str], Recipe]) -> bool:
    from assetbuild.fingerprint.code.leaf import again  # noqa: PLC0415  # only after an edit
    from assetbuild.fingerprint.code.model import CODE_SCHEME  # noqa: PLC0415

    version, ranges, bound, kept = marshal.loads(result.leaves[path])  # noqa: S302  # our own file, and whole
    try:
        data = Path(path).read_bytes()
        tree = ast.parse(data)
        outline = _outline(data, kept, map(shape_of, tree.body))
    except (OSError, SyntaxError, ValueError):
        return False
    if outline.version != version or outline.bodies.keys() != kept.keys():
        return False
    shift = _shift(ranges, outline.ranges)
    if shift:
        result.shifts[path] = shift
    names_of_module = frozenset(bound)
    now = dict(kept)
    for function, (first, last) in zip(tree.body, outline.ranges, strict=True):
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)) or function.name not in outline.bodies:
            continue
        name, body = function.name, outline.bodies[function.name]
        own, flags, packed_leaf, before = kept[name]
        if body == before:
            continue
        leaf, subject, names = marshal.loads(packed_leaf)  # noqa: S302  # our own file, and whole
        told = again(leaf, function, names_of_module, CODE_SCHEME, has_walrus=b":=" in data)
        if told is None or _flags(function, path) != flags:
            return False
        text = textwrap.dedent("\n".join(outline.lines[first - 1 : last])).strip("\n")
        part = digest("code-part", ["function", told[1], [list(pair) for pair in names]])
        for key, said in own.items():
            recipe = recipe_of(key)
            old = recipe.code[subject]
            result.recipes[key] = replace(
                recipe,
                code_version=digest("code", [recipe.declared, told[0], dict(said)]),
                code={**recipe.code, subject: Shown(part, old.shown, old.place)},
                texts={
                    **{version: text for version, text in recipe.texts.items() if version != old.version},
                    part: text,
                },
            )
        now[name] = (own, flags, packed_leaf, body)
    result.versions[path] = hash_bytes((data,))
    result.leaves[path] = marshal.dumps((version, outline.ranges, bound, now))
    return True


def _outline(data: bytes, leaves: Container[str], shapes: Iterable[Shape]) -> _Outline:
    """Return the outline of a file whose statements have these shapes, and its leaves these names."""
    lines = importlib.util.decode_source(data).split("\n")
    said: list[str] = []
    ranges: list[tuple[int, int]] = []
    bodies: dict[str, str] = {}
    doubtful: set[str] = set()
    for name, first, last, begin in shapes:
        ranges.append((first, last))
        if name and name in leaves:
            if begin and name not in bodies and name not in doubtful:
                said.append("def\0" + "\n".join(lines[first - 1 : begin - 1]))
                bodies[name] = hash_bytes(("\n".join(lines[begin - 1 : last]).encode(),))
                continue
            bodies.pop(name, None)
            doubtful.add(name)
        said.append("text\0" + "\n".join(lines[first - 1 : last]))
    return _Outline(digest("outline", said), tuple(ranges), bodies, lines)


def _shift(before: tuple[tuple[int, int], ...], now: tuple[tuple[int, int], ...]) -> dict[int, int]:
    return {
        line: line + new[0] - old[0]
        for old, new in zip(before, now, strict=True)
        if new[0] != old[0]
        for line in range(old[0], old[1] + 1)
    }


def relative_shifts(shifts: Mapping[str, Mapping[int, int]], root: Path) -> dict[str, Mapping[int, int]]:
    """Return the shifts by the relative paths that stand in recipes."""
    first_party = FirstParty(root)
    return {first_party.relative(path): shift for path, shift in shifts.items()}


def _flags(tree: ast.FunctionDef | ast.AsyncFunctionDef, path: str) -> int | None:
    """Return the flags of the compiled function, as far as they say what it is; None when it does not compile."""
    try:
        code = compile(ast.Module([tree], []), path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return None
    return next(
        one.co_flags & _KINDS for one in code.co_consts if isinstance(one, CodeType) and one.co_name == tree.name
    )
