"""One first-party file, indexed: its functions and classes by place and name, and its module-level statements.

The tree is parsed once, from the bytes that were compiled, and walked once. Trees take ninety times the memory of their
source, so in large projects those of functions are put away, some neighbours together as a ``Block``, and
parsed again from their own lines when they are asked for. A ``Shelf`` holds the few that were asked for last.
"""

from __future__ import annotations

import ast
import importlib.util
import textwrap
from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from itertools import accumulate
from types import CodeType
from typing import Final, TypeAlias

from assetbuild.dataclass import dataclass
from assetbuild.fingerprint.code.names import ImportTarget
from assetbuild.fingerprint.code.quiet import is_quiet
from assetbuild.fingerprint.code.shapes import Shapes, first_line
from assetbuild.fingerprint.code.source import SourceFile

__all__ = ["FileIndex", "FunctionNode", "Shelf", "Statement", "distinct"]

FunctionNode: TypeAlias = "ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda"
Defined: TypeAlias = "ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef"


_BLOCK: Final = 4_000
"""The characters of source from which on a block is full: what is parsed again at once."""
_OPEN: Final = 16
"""The blocks whose trees are held."""
_FAR: Final = 20_000
"""The line from which on it takes longer to parse empty lines in the place of those before a block than to shift it."""
_FunctionTable: TypeAlias = dict[tuple[int, str], list[FunctionNode]]


@dataclass(slots=True, eq=False)
class Statement:
    """One module-level statement, compound ones whole: which names it binds, and which objects it may change."""

    tree: ast.stmt | Block
    """Its tree, or the block that parses it again."""
    line: int
    is_definition: bool
    """A ``def`` or ``class`` statement."""
    binds: Collection[str]
    changes: Collection[str]
    imports: Mapping[str, ImportTarget]

    @property
    def node(self) -> ast.stmt:
        """The syntax tree."""
        return self.tree.node(self.line) if isinstance(self.tree, Block) else self.tree


_NO_IMPORTS: Final[Mapping[str, ImportTarget]] = {}


@dataclass(slots=True)
class _Gathered:
    """What a statement binds, changes and imports, while it is read."""

    binds: set[str]
    changes: set[str]
    imports: dict[str, ImportTarget]


class Shelf:
    """The blocks of one project that were asked for last: the trees of the others are let go."""

    def __init__(self) -> None:
        """Begin with none."""
        self._blocks: deque[Block] = deque()

    def put(self, block: Block) -> None:
        """Hold a block that was parsed just now, in the place of the one that was parsed first."""
        self._blocks.append(block)
        if len(self._blocks) > _OPEN:
            self._blocks.popleft().close()

    def clear(self) -> None:
        """Let the trees of all blocks go."""
        while self._blocks:
            self._blocks.pop().close()


class Block:
    """Neighbouring functions of a file, each on lines of its own, whose trees are parsed when they are asked for."""

    __slots__ = ("_functions", "_index", "_nodes", "_shelf", "first", "last")

    def __init__(self, index: FileIndex, shelf: Shelf, first: int, last: int) -> None:
        """Take the file, and the lines with which the block begins and ends."""
        self._index = index
        self._shelf = shelf
        self.first = first
        self.last = last
        self._nodes: dict[int, ast.stmt] | None = None
        self._functions: _FunctionTable = {}

    def node(self, line: int) -> ast.stmt:
        """Return the tree of the function whose ``def`` is on this line."""
        return self._opened()[line]

    def functions(self, key: tuple[int, str]) -> list[FunctionNode]:
        """Return the trees of the functions on this line by this name, nested ones too."""
        self._opened()
        return self._functions.get(key, [])

    def close(self) -> None:
        """Let the trees go."""
        self._nodes, self._functions = None, {}

    def _opened(self) -> dict[int, ast.stmt]:
        if self._nodes is None:
            tree = _parsed(self._index.source_text(self.first, self.last), self.first)
            self._nodes = {node.lineno: node for node in tree.body}
            self._functions = self._index.functions_in(tree.body)
            self._shelf.put(self)
        return self._nodes


class FileIndex:
    """The parsed source of one file."""

    def __init__(self, source: SourceFile) -> None:
        """Parse the bytes; they are known to compile."""
        self.source = source
        self.tree: ast.Module | None = ast.parse(source.data)
        """The whole tree; None when parts of it were put away."""
        self._functions: _FunctionTable = {}
        self._classes: dict[str, list[ast.ClassDef]] = {}
        self.is_quiet = is_quiet(self.tree)
        self._blocks: list[Block] = []
        self.has_walrus = b":=" in source.data
        self._has_lambdas = b"lambda" in source.data
        self._walk(self.tree.body, "")
        self.statements: list[Statement] = [_statement(node) for node in self.tree.body]
        """The module-level statements, in order."""
        self.shapes = Shapes(self.tree)

    @cached_property
    def _text(self) -> bytes | str:
        """The source as text, with the encoding that it declares; where that is ASCII the very bytes, held once."""
        data = self.source.data
        names_encoding = b"coding" in b"".join(data.split(b"\n", 2)[:2])  # some encodings write all in ASCII
        is_same = data.isascii() and b"\r" not in data and not names_encoding
        return data if is_same else importlib.util.decode_source(data)

    @cached_property
    def _starts(self) -> array[int]:
        """Where in the text each line starts, and where one after the last would."""
        lines = self._text.split(b"\n") if isinstance(self._text, bytes) else self._text.split("\n")
        return array("L", accumulate((len(line) + 1 for line in lines), initial=0))

    def source_text(self, first: int, last: int) -> str:
        """Return the source from one line to another, both included, without the last line break."""
        found = self._text[self._starts[first - 1] : self._starts[last] - 1]
        return found.decode("ascii") if isinstance(found, bytes) else found

    @cached_property
    def bindings(self) -> dict[str, list[Statement]]:
        """The module-level statements that bind a name, in order."""
        found: dict[str, list[Statement]] = {}
        for statement in self.statements:
            for name in statement.binds:
                found.setdefault(name, []).append(statement)
        return found

    @cached_property
    def changes(self) -> dict[str, list[Statement]]:
        """The module-level statements that may change the object that a name stands for."""
        found: dict[str, list[Statement]] = {}
        for statement in self.statements:
            for name in statement.changes:
                found.setdefault(name, []).append(statement)
        return found

    def function(self, code: CodeType) -> FunctionNode | None:
        """Return the tree of the function that a code object was compiled from."""
        key = code.co_firstlineno, code.co_name
        found = self._functions.get(key, [])
        if not found and (block := self._block_of(key[0])) is not None:
            found = block.functions(key)
        if len(found) > 1:
            found = sorted([node for node in found if _holds(node, code)] or found, key=_extent)
        return found[0] if found else None

    def class_(self, cls: type) -> ast.ClassDef | None:
        """Return the tree of a class; of several by one name, the one that holds its methods, else the last."""
        found = self._classes.get(cls.__qualname__, [])
        if len(found) > 1:
            line = vars(cls).get("__firstlineno__")
            codes = [getattr(member, "__code__", None) for member in vars(cls).values()]
            lines = [code.co_firstlineno for code in codes if code and code.co_filename == self.source.path]
            for node in found:
                first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                last = node.end_lineno or node.lineno
                if line == first or (line is None and lines and all(first <= at <= last for at in lines)):
                    return node
        return found[-1] if found else None

    def text(self, node: ast.AST) -> str:
        """Return the source of a statement or lambda, dedented, with its decorators."""
        first, last = first_line(node), getattr(node, "end_lineno", None) or first_line(node)
        lines = self.source_text(first, last).split("\n")
        if lines and lines[0][:1] not in {"", " ", "\t"}:  # nothing to dedent: only what 'dedent' does to blank lines
            return "\n".join([line if line.strip(" \t") else "" for line in lines]).strip("\n")
        return textwrap.dedent("\n".join(lines)).strip("\n")

    # -- putting away ----------------------------------------------------------------------------------------

    def put_away(self, shelf: Shelf) -> None:
        """Let the trees of functions at the module's top level go, until they are asked for."""
        if self.tree is None:
            return
        classes = sorted(node.lineno for nodes in self._classes.values() for node in nodes)
        blocks: list[Block] = []
        size, end, following = 0, 0, [*(statement.node for statement in self.statements[1:]), None]
        for statement, after in zip(self.statements, following, strict=False):
            node, before = statement.node, end
            first, end = first_line(node), node.end_lineno or node.lineno
            is_alone = first > before and (after is None or first_line(after) > end)
            holds_class = bisect_right(classes, end) > bisect_right(classes, first)
            if not is_alone or holds_class or not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                size = _BLOCK  # the next one begins a block
                continue
            if size >= _BLOCK or not blocks:
                blocks.append(Block(self, shelf, first, end))
                size = 0
            blocks[-1].last = end
            size += self._starts[end] - self._starts[first - 1]
            statement.tree = blocks[-1]
        self._blocks = blocks
        self._functions = {key: nodes for key, nodes in self._functions.items() if self._block_of(key[0]) is None}
        self.tree = None

    def forget(self) -> None:
        """Let go of everything; it refers to itself through its blocks, and would wait for a garbage collection."""
        vars(self).clear()

    def _block_of(self, line: int) -> Block | None:
        place = bisect_right(self._blocks, line, key=_begins) - 1
        return self._blocks[place] if place >= 0 and line <= self._blocks[place].last else None

    def functions_in(self, nodes: list[ast.stmt]) -> _FunctionTable:
        """Return the functions in these statements, which hold no classes, by line and name."""
        kept, self._functions = self._functions, {}
        self._walk(nodes, "")
        found, self._functions = self._functions, kept
        return found

    def _walk(self, nodes: list[ast.stmt], prefix: str) -> None:
        for node in nodes:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                self._functions.setdefault((first_line(node), node.name), []).append(node)
                self._expressions([*node.decorator_list, node.args])
                self._walk(node.body, f"{prefix}{node.name}.<locals>.")
            elif isinstance(node, ast.ClassDef):
                self._classes.setdefault(prefix + node.name, []).append(node)
                self._expressions([*node.decorator_list, *node.bases, *node.keywords])
                self._walk(node.body, f"{prefix}{node.name}.")
            else:
                self._compound(node, prefix)

    def _compound(self, node: ast.AST, prefix: str) -> None:
        for name, value in ast.iter_fields(node):
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                self._walk(value, prefix)
            elif isinstance(value, list) and name in {"handlers", "cases"}:
                for item in value:
                    self._compound(item, prefix)
            elif isinstance(value, ast.AST):
                self._expressions([value])
            elif isinstance(value, list):
                self._expressions([item for item in value if isinstance(item, ast.AST)])

    def _expressions(self, nodes: list[ast.AST]) -> None:
        if self._has_lambdas:
            for root in nodes:
                for node in ast.walk(root):
                    if isinstance(node, ast.Lambda):
                        self._functions.setdefault((node.lineno, "<lambda>"), []).append(node)


def _extent(node: FunctionNode) -> tuple[int, int]:
    last = node.end_lineno or node.lineno
    return last - node.lineno, (node.end_col_offset or 0) - (node.col_offset if last == node.lineno else 0)


def _holds(node: FunctionNode, code: CodeType) -> bool:
    """Say whether all positions of a code object lie inside a node; several lambdas can start on one line."""
    start, end = (node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0)
    for line, end_line, column, end_column in code.co_positions():
        if line is None or end_line is None or column is None or end_column is None or column == end_column == 0:
            continue
        if (line, column) < start or (end_line, end_column) > end:
            return False
    names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
    return list(code.co_varnames[: len(names)]) == names and code.co_argcount == len(names)


def _parsed(text: str, first: int) -> ast.Module:
    """Return the tree of some lines of a file; all positions are those of the file."""
    if first < _FAR:
        return ast.parse("\n" * (first - 1) + text)
    return ast.increment_lineno(ast.parse(text), first - 1)


def _begins(block: Block) -> int:
    return block.first


def _statement(node: ast.stmt) -> Statement:
    found = _Gathered(set(), set(), {})
    _gather(node, found)
    # As tuples: a set takes 216 bytes, and there are as many statements as functions.
    binds, changes = tuple(found.binds), tuple(found.changes)
    is_definition = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    return Statement(node, node.lineno, is_definition, binds, changes, found.imports or _NO_IMPORTS)


def _gather(node: ast.AST, found: _Gathered) -> None:
    """Note what a statement binds and changes; function and class bodies run in scopes of their own."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        found.binds.add(node.name)
        for decorator in node.decorator_list:
            _gather(decorator, found)
        return
    if isinstance(node, ast.Lambda):
        return
    if isinstance(node, ast.Import):
        for alias in node.names:
            bound = alias.asname or alias.name.partition(".")[0]
            found.binds.add(bound)
            found.imports[bound] = ImportTarget(alias.name, 0, None if alias.asname else "", node.lineno)
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            found.binds.add(alias.asname or alias.name)
            found.imports[alias.asname or alias.name] = ImportTarget(
                node.module or "", node.level, alias.name, node.lineno
            )
    elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        found.binds.add(node.id)
    elif (isinstance(node, ast.ExceptHandler) and node.name) or (
        isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name
    ):
        found.binds.add(node.name)
    elif isinstance(node, (ast.Attribute, ast.Subscript)) and not isinstance(node.ctx, ast.Load):
        _change(node, found)
    elif isinstance(node, ast.Call):
        # 'X.append(1)' may change X, and so may 'fill(X)'.
        for part in (node.func, *node.args, *(keyword.value for keyword in node.keywords)):
            _change(part, found)
    for child in ast.iter_child_nodes(node):
        _gather(child, found)


def _change(node: ast.AST, found: _Gathered) -> None:
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred)):
        node = node.value
    if isinstance(node, ast.Name):
        found.changes.add(node.id)


def distinct(statements: Iterable[Statement]) -> list[Statement]:
    """Return the statements in order, each once."""
    found = {id(statement): statement for statement in statements}
    return sorted(found.values(), key=lambda statement: statement.line)
