"""What a piece of code takes from outside itself, as data: chains of names, imports, calls.

``scope`` fills it in; ``walk`` and ``dynamic`` ask what it means.
"""

from __future__ import annotations

import ast
from typing import Final, NamedTuple

from assetbuild.dataclass import dataclass, field
from assetbuild.fingerprint.code.normalise import NOTHING, Keep

__all__ = ["READERS", "Access", "Chain", "ImportTarget", "Names", "chain_of", "children"]


class ImportTarget(NamedTuple):
    """What an import statement brings: a module (``name`` is None) or a name of a module."""

    module: str
    level: int
    name: str | None
    line: int


class Chain(NamedTuple):
    """A name from outside and the attributes that follow it: ``helpers.text.clean``.

    ``imported`` is set when the first name is bound by an import inside the code itself.
    """

    root: str
    attributes: tuple[str, ...]
    line: int
    imported: ImportTarget | None = None


class Access(NamedTuple):
    """A call ``chain(argument, ...)``, or a lookup ``chain[argument]`` (``is_call`` is false)."""

    chain: Chain
    arguments: tuple[ast.expr, ...]
    is_call: bool


@dataclass(slots=True)
class Names:
    """Everything that a piece of code takes from outside itself, in the order of the source."""

    chains: dict[Chain, None] = field(default_factory=dict)
    imports: dict[ImportTarget, None] = field(default_factory=dict)
    accesses: list[Access] = field(default_factory=list)
    mentions: set[str] = field(default_factory=set)

    def reads(self) -> Keep:
        """Return which properties of code are read at run time, and so must be kept."""
        if not self.mentions:
            return NOTHING
        return Keep(
            bool(self.mentions & _DOC_READERS),
            bool(self.mentions & _ANNOTATION_READERS),
            bool(self.mentions & _NAME_READERS),
        )


_DOC_READERS: Final = frozenset({"__doc__", "getdoc", "getcomments"})
_ANNOTATION_READERS: Final = frozenset(
    [
        "__annotations__",
        "__annotate__",
        "__dataclass_fields__",
        "__signature__",
        "beartype",
        "create_model",
        "get_annotations",
        "get_type_hints",
        "getfullargspec",
        "make_dataclass",
        "signature",
        "TypeAdapter",
        "typechecked",
        "validate_arguments",
        "validate_call",
        "model_fields",
        "__struct_fields__",
    ]
)
_NAME_READERS: Final = frozenset({"__name__", "__qualname__", "co_name", "co_qualname", "getmembers"})
READERS: Final = _DOC_READERS | _ANNOTATION_READERS | _NAME_READERS | {"getsource", "getsourcelines"}


_child_fields: dict[type[ast.AST], tuple[str, ...]] = {}
_NO_CHILDREN: Final = frozenset(
    [
        "arg",
        "asname",
        "attr",
        "conversion",
        "ctx",
        "id",
        "is_async",
        "kind",
        "level",
        "module",
        "op",
        "ops",
        "simple",
        "type_comment",
    ]
)


def children(node: ast.AST) -> list[ast.AST]:
    """Return the child nodes, operators and contexts left out; twice as fast as ``ast.iter_child_nodes``."""
    kind = type(node)
    fields = _child_fields.get(kind)
    if fields is None:
        fields = _child_fields[kind] = tuple(name for name in kind._fields if name not in _NO_CHILDREN)
    found: list[ast.AST] = []
    for name in fields:
        value = getattr(node, name, None)
        if isinstance(value, ast.AST):
            found.append(value)
        elif type(value) is list:
            found += [item for item in value if isinstance(item, ast.AST)]
    return found


def chain_of(node: ast.expr) -> tuple[str, tuple[str, ...]] | None:
    """Return the name and attributes of ``a.b.c``, or None for anything else."""
    if isinstance(node, ast.Name):
        return node.id, ()
    attributes: list[str] = []
    while isinstance(node, ast.Attribute):
        attributes.append(node.attr)
        node = node.value
    return (node.id, tuple(reversed(attributes))) if isinstance(node, ast.Name) else None
