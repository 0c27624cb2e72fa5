"""The leaves: what is needed to take an edit of asset functions into the manifest without importing the user's code.

    .assetbuild/leaves    header line, hash of the manifest it belongs to, hash of the rest, marshal of a dict:
                          path of a module -> (its outline, the names that it binds, its leaves by name)

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
from collections.abc import Callable, Container, Mapping
from pathlib import Path
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from assetbuild import __version__
from assetbuild.dataclass import dataclass, replace
from assetbuild.fingerprint.code.source import FirstParty
from assetbuild.fingerprint.encoding import digest, hash_bytes
from assetbuild.fingerprint.recipe import Recipe, Shown

if TYPE_CHECKING:
    from assetbuild.load.definitions import Definitions
    from assetbuild.load.reads import Reads
    from assetbuild.load.recipes import Recipes

__all__ = ["Edited", "Leaves", "edited", "leaves_of", "packed", "relative_shifts", "unpacked"]

Leaves: TypeAlias = dict[str, tuple[Any, ...]]
"""Path to (hash of the outline, ranges of lines, bound names, leaves by name)."""

_HEADER: Final = f"assetbuild leaves 1 {__version__}\n".encode()
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
    functions: dict[str, tuple[ast.FunctionDef | ast.AsyncFunctionDef, str]]
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
    paths = [entry.path for entry in entries.values()]
    keys: dict[int, list[str]] = {}
    for key, asset in definitions.graph.assets.items():
        keys.setdefault(id(asset.definition.function), []).append(key)
    found: dict[str, dict[str, tuple[Any, ...]]] = {}
    for asset in definitions.graph.assets.values():
        function = asset.definition.function
        if not isinstance(function, FunctionType) or function.__name__ in named or asset.definition.code_version:
            continue
        module = entries.get(function.__module__)
        if module is None or module.path != function.__code__.co_filename or asset.definition.checks:
            continue
        if module.path in reads.modules or paths.count(module.path) > 1:  # its text was read, or it was loaded twice
            continue
        leaf = recipes.leaf(asset.key)
        if leaf is not None:
            flags = function.__code__.co_flags & _KINDS
            own = {key: tuple(recipes.own(key).items()) for key in keys[id(function)]}
            found.setdefault(module.path, {})[function.__name__] = (own, flags, leaf)
    kept: Leaves = {}
    for path, leaves in found.items():
        outline = _outline(definitions.importer.files[path].data, leaves, recipes.tree(path))
        module_names = next(vars(entry.module) for entry in entries.values() if entry.path == path)
        if outline is not None:
            whole = {name: (*leaves[name], outline.functions[name][1]) for name in outline.functions}
            kept[path] = (outline.version, outline.ranges, tuple(map(str, module_names)), whole)
        outline = None  # its trees go before those of the next file come
    return kept


def packed(leaves: Leaves, manifest: bytes) -> bytes:
    """Return the bytes of the file for the bytes of the manifest that it belongs to."""
    data = marshal.dumps(leaves)
    return b"".join((_HEADER, hash_bytes((manifest,)).encode(), hash_bytes((data,)).encode(), data))


def unpacked(data: bytes, manifest: bytes) -> Leaves:
    """Return the leaves; none when they are damaged or belong to another manifest."""
    head, rest = data[: len(_HEADER)], data[len(_HEADER) :]
    if (
        head != _HEADER
        or rest[:32] != hash_bytes((manifest,)).encode()
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
    from assetbuild.fingerprint.code.closure import CODE_SCHEME  # noqa: PLC0415  # only after an edit
    from assetbuild.fingerprint.code.leaf import again  # noqa: PLC0415

    version, ranges, bound, kept = result.leaves[path]
    try:
        data = Path(path).read_bytes()
    except OSError:
        return False
    outline = _outline(data, kept)
    if outline is None or outline.version != version or outline.functions.keys() != kept.keys():
        return False
    shift = _shift(ranges, outline.ranges)
    if shift:
        result.shifts[path] = shift
    names_of_module = frozenset(bound)
    now = dict(kept)
    for name, (tree, body) in outline.functions.items():
        own, flags, (leaf, subject, names), before = kept[name]
        if body == before:
            continue
        told = again(leaf, tree, names_of_module, CODE_SCHEME, has_walrus=b":=" in data)
        if told is None or _flags(tree, path) != flags:
            return False
        first, last = _first_line(tree), tree.end_lineno or 0
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
        now[name] = (own, flags, (leaf, subject, names), body)
    result.versions[path] = hash_bytes((data,))
    result.leaves[path] = (version, outline.ranges, bound, now)
    return True


def _outline(data: bytes, leaves: Container[str], tree: ast.Module | None = None) -> _Outline | None:
    """Return the outline of a file whose leaves have these names; None when it is not valid Python."""
    try:
        tree = tree or ast.parse(data)
        lines = importlib.util.decode_source(data).split("\n")
    except (SyntaxError, ValueError):
        return None
    said: list[str] = []
    ranges: list[tuple[int, int]] = []
    functions: dict[str, tuple[ast.FunctionDef | ast.AsyncFunctionDef, str]] = {}
    doubtful: set[str] = set()
    for node in tree.body:
        first, last = _first_line(node), node.end_lineno or node.lineno
        ranges.append((first, last))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name in leaves:
            begin = _body_begins(node)
            if begin is not None and node.name not in functions and node.name not in doubtful:
                said.append("def\0" + "\n".join(lines[first - 1 : begin - 1]))
                functions[node.name] = node, hash_bytes(("\n".join(lines[begin - 1 : last]).encode(),))
                continue
            functions.pop(node.name, None)
            doubtful.add(node.name)
        said.append("text\0" + "\n".join(lines[first - 1 : last]))
    return _Outline(digest("outline", said), tuple(ranges), functions, lines)


def _body_begins(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int | None:
    """Return the line where the body begins after the docstring; None where that is no line of its own."""
    body = node.body
    if (
        isinstance(body[0], ast.Expr)
        and isinstance(body[0].value, ast.Constant)
        and isinstance(body[0].value.value, str)
    ):
        before, body = body[0].end_lineno or 0, body[1:]
    else:
        given = node.args
        parts = (
            *given.posonlyargs, *given.args, *given.kwonlyargs, *given.defaults, *given.kw_defaults, given.vararg,
            given.kwarg, node.returns,
        )  # fmt: skip
        before = max([node.lineno, *(part.end_lineno or 0 for part in parts if part is not None)])
    return before + 1 if body and _first_line(body[0]) > before else None


def _first_line(node: ast.AST) -> int:
    lines: list[int] = [decorator.lineno for decorator in getattr(node, "decorator_list", ())]
    return min([getattr(node, "lineno", 1), *lines])


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
