"""Whether a worker may load the project once more: only where it is then as good as a fresh process.

Loading the modules again replaces their functions and classes. It does not undo what loading the old ones did
elsewhere: a setting in a library, a patched method, a thread. So a worker whose modules do such a thing is replaced.
Environment, folder and import path are no reason: they are put back.
"""

from __future__ import annotations

import ast
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress

from assetbuild.fingerprint.code.syntax import is_main_guard

__all__ = ["runs_more_threads", "sets_elsewhere"]

_HARMLESS = frozenset({"print"})
_OWN_THREADS = 2
"""The main thread, and the one that waits for the end of the parent."""


def runs_more_threads() -> bool:
    """Return whether the project has started threads in this worker; they would go on with old code."""
    return threading.active_count() > _OWN_THREADS


def sets_elsewhere(files: Mapping[str, bytes]) -> bool:
    """Return whether loading one of these files changes something that loading it again would not put back."""
    with suppress(SyntaxError, ValueError):
        return any(True for data in files.values() for _ in _set_by(data))
    return True


def _set_by(data: bytes) -> Iterator[str]:
    """Yield what the module-level statements of a file call for effect, or set an attribute or item of."""
    if b"(" not in data and b"=" not in data:
        return
    tree = ast.parse(data)
    imported = {
        (alias.asname or alias.name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    own = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    for node in _run_at_import(tree.body):
        called = _called(node)
        if called is not None and called not in _HARMLESS and called in imported | own:
            yield called
        for target in _assigned(node):
            if (name := _root(target)) in imported and not ast.unparse(target).startswith("os.environ["):
                yield name


def _run_at_import(nodes: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in nodes:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) or is_main_guard(node):
            continue
        inner = [part for part in ast.iter_child_nodes(node) if isinstance(part, ast.stmt)]
        handlers = [part for handler in getattr(node, "handlers", ()) for part in handler.body]
        yield node
        yield from _run_at_import([*inner, *handlers])


def _called(node: ast.stmt) -> str | None:
    return _root(node.value) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else None


def _assigned(node: ast.stmt) -> Iterator[ast.expr]:
    if isinstance(node, (ast.Assign, ast.Delete)):
        yield from (target for target in node.targets if isinstance(target, (ast.Attribute, ast.Subscript)))
    elif isinstance(node, (ast.AugAssign, ast.AnnAssign)) and isinstance(node.target, (ast.Attribute, ast.Subscript)):
        yield node.target


def _root(node: ast.expr) -> str | None:
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None
