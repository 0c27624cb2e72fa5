"""A function that nobody else's code names: its code version can be told again from its new source alone.

In: the built node of an asset's function. Out: a ``Leaf``, with the versions of all that its names stand for. After an
edit of the body that leaves what the names stand for as it was, ``again`` gives the code version and the part that a
fresh walk would give, and nothing needs to be imported. Where that cannot be proved, there is no answer.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Container, Iterable
from types import FunctionType
from typing import TYPE_CHECKING, Final, TypeAlias

from assetbuild.fingerprint.code.components import Node
from assetbuild.fingerprint.code.modules import External, Meaning, View
from assetbuild.fingerprint.code.names import Access, Chain, Names
from assetbuild.fingerprint.code.normalise import Keep, Normaliser
from assetbuild.fingerprint.code.scope import names_of_function
from assetbuild.fingerprint.encoding import SCHEME, Encodable, digest, hash_bytes

if TYPE_CHECKING:
    from assetbuild.fingerprint.code.walk import Walk

__all__ = ["FunctionTree", "Leaf", "again", "leaf_of", "version_of"]

Leaf: TypeAlias = tuple[
    tuple[bool, bool, bool],
    str,
    tuple[str, ...],
    tuple[tuple[str, ...], ...],
    str,
    tuple[str, ...],
    tuple[tuple[str, str], ...],
]
"""What is kept of names and such; the hash of the names; those of other libraries; those of functions and classes; the
edges as they are hashed; the versions of what importing the project sets; packages. Plain tuples: ten thousand of them
are read in a moment."""

_TELLING: Final = frozenset(
    [
        "__getitem__",
        "__import__",
        "attrgetter",
        "compile",
        "environ",
        "environb",
        "expandvars",
        "eval",
        "exec",
        "get",
        "getattr",
        "getenv",
        "getenvb",
        "getsource",
        "getsourcelines",
        "globals",
        "import_module",
        "methodcaller",
        "modules",
        "pop",
        "reload",
        "setdefault",
    ]
)
"""Names of calls and lookups of other libraries whose arguments say something about the code."""

FunctionTree = ast.FunctionDef | ast.AsyncFunctionDef


def leaf_of(  # all that the version was put together from
    walk: Walk,
    node: Node,
    tree: FunctionTree,
    view: View,
    effects: Iterable[str],
    packages: Iterable[tuple[str, str]],
) -> Leaf | None:
    """Return the leaf of a function's built node; None when its version depends on more than can be kept."""
    names = walk.names_of_function(tree, view.index, annotations=False)
    if node.widened or node.env or names.imports or any(chain.imported is not None for chain in names.chains):
        return None
    roots: set[str] = set()
    plain: set[tuple[str, ...]] = set()
    for chain in names.chains:
        if chain.root in view.namespace:
            found = walk.modules.resolve(Chain(chain.root, (), 0), view, view.namespace)
            meant = walk.modules.resolve(chain, view, view.namespace)
            if isinstance(meant, Meaning) and isinstance(meant.value, (FunctionType, type)):
                plain.add((chain.root, *chain.attributes))
            if isinstance(found, External):
                if {found.name, found.module.rpartition(".")[2]} & _TELLING:
                    return None
                roots.add(chain.root)
        elif isinstance(vars(builtins).get(chain.root), FunctionType):
            return None  # somebody's own function in the place of a builtin
    said = _said(names, roots, plain, view.namespace)
    keep = (walk.keep.docstrings, walk.keep.annotations, walk.keep.names)
    edges = tuple(sorted({f"{len(label)}:{label}{target.version}" for label, target in node.edges}))
    return keep, said, tuple(sorted(roots)), tuple(sorted(plain)), "".join(edges), tuple(effects), tuple(packages)


def again(  # what is kept, and what is new
    leaf: Leaf, tree: FunctionTree, bound: Container[str], scheme: str, *, has_walrus: bool
) -> tuple[str, str] | None:
    """Return the code version and the function's own hash; None when its names may stand for something else now."""
    kept, said, roots, plain, *_ = leaf
    keep = Keep(*kept)
    if _imports(tree):
        return None
    names = names_of_function(tree, keep, has_walrus=has_walrus)
    if _said(names, roots, set(plain), bound) != said:
        return None
    own = digest("code-function", Normaliser(keep, _never).function(tree, annotations=False))
    return version_of(leaf, own, scheme), own


def version_of(leaf: Leaf, own: str, scheme: str) -> str:
    """Return the code version of the function, given the hash of what it says itself."""
    _, _, _, _, edges, effects, packages = leaf
    function = _colour("function", own, edges)
    root = _colour("link", "asset", f"8:function{function}")
    keyed: Encodable = [[name, version] for name, version in packages]
    return digest(scheme, [root, sorted(effects), keyed])


def _colour(kind: str, own: str, edges: str) -> str:
    # As ``components`` hashes a node that is in no cycle.
    return hash_bytes((f"{SCHEME};code-node;{kind};{own};{edges}".encode("utf-8", "surrogatepass"),))


def _imports(tree: FunctionTree) -> bool:
    return any(isinstance(part, (ast.Import, ast.ImportFrom)) for part in ast.walk(tree))


def _never(module: str, level: int) -> bool:
    raise AssertionError(module, level)  # there are no import statements


def _said(names: Names, roots: Iterable[str], plain: set[tuple[str, ...]], bound: Container[str]) -> str:
    """Return the hash of all that decides what names stand for, given those that belong to other libraries.

    What is given to ``plain`` functions and classes says nothing about the code.
    """
    libraries = set(roots)
    exact: set[tuple[str, ...]] = set()
    used: set[str] = set()
    for chain in names.chains:
        if chain.root in libraries and chain.imported is None:
            used.add(chain.root)
        elif chain.imported is not None or chain.root in bound or not hasattr(builtins, chain.root):
            exact.add((chain.root, *chain.attributes, "" if chain.imported is None else "imported"))
    accesses = [_access(access) for access in names.accesses if _is_telling(access, libraries, plain, bound)]
    reads = names.reads()
    return digest(
        "leaf-names",
        [
            sorted(list(chain) for chain in exact),
            sorted(used),
            sorted(accesses),
            [reads.docstrings, reads.annotations, reads.names],
            len(names.imports),
        ],
    )


def _is_telling(access: Access, libraries: set[str], plain: set[tuple[str, ...]], bound: Container[str]) -> bool:
    chain = access.chain
    if chain.imported is None and (chain.root, *chain.attributes) in plain:
        return False
    if chain.root in libraries or (chain.root not in bound and hasattr(builtins, chain.root)):
        return (chain.attributes or (chain.root,))[-1] in _TELLING or "environ" in chain.attributes
    return True


def _access(access: Access) -> str:
    chain = access.chain
    arguments = [ast.dump(argument) for argument in access.arguments]
    return repr((chain.root, chain.attributes, arguments, access.is_call))
