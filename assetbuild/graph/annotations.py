"""What an annotation asks for: the words of load types, and whether a value keeps its promise.

The words, used in inputs and in return types:

    arrow.Table  arrow.Dataset  arrow.Reader  pandas.DataFrame  polars.DataFrame  polars.LazyFrame
    duckdb.Relation  path  paths (list[Path])  bytes  str  none (returns only)  value (anything else)

Types are recognised by module and name, so that no library is imported to look at an annotation.
"""

from __future__ import annotations

import builtins
import re
import sys
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any

from assetbuild.dataclass import dataclass, replace
from assetbuild.declare.context import Context
from assetbuild.declare.inputs import Input

__all__ = ["Annotation", "is_config", "keeps_promise", "read_annotation", "shown"]

_BY_NAME = {
    ("pyarrow", "Table"): "arrow.Table",
    ("pyarrow", "Dataset"): "arrow.Dataset",
    ("pyarrow", "FileSystemDataset"): "arrow.Dataset",
    ("pyarrow", "RecordBatchReader"): "arrow.Reader",
    ("pandas", "DataFrame"): "pandas.DataFrame",
    ("polars", "DataFrame"): "polars.DataFrame",
    ("polars", "LazyFrame"): "polars.LazyFrame",
    ("duckdb", "DuckDBPyRelation"): "duckdb.Relation",
    ("_duckdb", "DuckDBPyRelation"): "duckdb.Relation",
    ("_duckdb", "Relation"): "duckdb.Relation",
    ("duckdb", "Relation"): "duckdb.Relation",
}
# The usual spellings, for annotations that exist only while type checking (`if TYPE_CHECKING: import polars as pl`).
_BY_SPELLING = {
    re.compile(r"(pa|pyarrow)\.Table"): "arrow.Table",
    re.compile(r"(ds|pa\.dataset|pyarrow\.dataset)\.Dataset"): "arrow.Dataset",
    re.compile(r"(pa|pyarrow)\.RecordBatchReader"): "arrow.Reader",
    re.compile(r"(pd|pandas)\.DataFrame"): "pandas.DataFrame",
    re.compile(r"(pl|polars)\.DataFrame"): "polars.DataFrame",
    re.compile(r"(pl|polars)\.LazyFrame"): "polars.LazyFrame",
    re.compile(r"duckdb\.(DuckDBPyRelation|Relation)"): "duckdb.Relation",
    re.compile(r"(pathlib\.)?Path"): "path",
}


@dataclass(frozen=True, slots=True)
class Annotation:
    """One annotation, read: the load word, the type itself, and what ``Annotated`` added.

    ``as_mapping`` is set for ``dict[str, T]`` and ``Mapping[str, T]``, and ``element`` is then the word of T: how one
    partition is loaded where the input is many. ``load`` stays that of the whole, as for a value that is a dict.
    """

    load: str | None = None
    type: Any = None
    input: Input | None = None
    config: type | None = None
    context: bool = False
    allows_none: bool = False
    as_mapping: bool = False
    element: str | None = None
    problem: str = ""


def read_annotation(annotation: Any, namespace: Mapping[str, Any]) -> Annotation:
    """Read an annotation, evaluating text in the namespace of the function that bears it."""
    if isinstance(annotation, str):
        try:
            # The user's own code, as typing.get_type_hints does.
            annotation = eval(annotation, {}, _Names(namespace))  # type: ignore[arg-type]  # noqa: S307
        except Exception as error:  # noqa: BLE001  # whatever the user's expression raises is the message
            return Annotation(problem=f"the annotation {annotation!r} cannot be read: {error}")
    if type(annotation) is type and annotation is not Context:  # most are plain classes, and thousands are read
        return Annotation(load=_class_word(annotation), type=annotation)
    if typing.get_origin(annotation) is typing.Annotated:
        annotation, *extras = typing.get_args(annotation)
        said = next((extra for extra in extras if isinstance(extra, Input)), None)
        if isinstance(annotation, (str, typing.ForwardRef)):
            annotation = annotation if isinstance(annotation, str) else annotation.__forward_arg__
        inner = read_annotation(annotation, namespace)
        return replace(inner, input=said or inner.input)
    allows_none = False
    if typing.get_origin(annotation) in {typing.Union, types.UnionType}:
        members = [member for member in typing.get_args(annotation) if member is not type(None)]
        allows_none = len(members) < len(typing.get_args(annotation))
        if len(members) == 1 and allows_none:
            whole, annotation = annotation, members[0]
            return replace(read_annotation(annotation, namespace), type=whole, allows_none=True)
    if annotation is Context:
        return Annotation(type=annotation, context=True)
    if is_config(annotation):
        return Annotation(type=annotation, config=annotation)
    if (element := _mapped(annotation)) is not _NO_MAPPING:
        word = None if element is Any else read_annotation(element, namespace).load
        whole = Mapping if isinstance(annotation, _Unbound) else annotation
        return Annotation(load="value", type=whole, allows_none=allows_none, as_mapping=True, element=word)
    if isinstance(annotation, _Unbound):
        load = next((word for spelling, word in _BY_SPELLING.items() if spelling.fullmatch(annotation.text)), None)
        if load is None:
            return Annotation(problem=f"the annotation {annotation.text!r} names nothing that exists at run time")
        return Annotation(load=load)
    return Annotation(load=_load_word(annotation), type=annotation, allows_none=allows_none)


def _mapped(annotation: Any) -> Any:
    """Return the T of ``dict[str, T]`` or ``Mapping[str, T]``."""
    if isinstance(annotation, _Unbound):
        is_mapping = re.fullmatch(r"([A-Za-z_.]*\.)?(Mapping|Dict)", annotation.text) is not None
        arguments = annotation.arguments
    else:
        is_mapping = typing.get_origin(annotation) in {dict, Mapping}
        arguments = typing.get_args(annotation)
    return arguments[1] if is_mapping and len(arguments) == 2 and arguments[0] is str else _NO_MAPPING  # noqa: PLR2004


_NO_MAPPING = object()


class _Unbound:
    """A name that exists only while type checking, with what was asked of it: ``pl.DataFrame``, ``Mapping[str, T]``."""

    def __init__(self, text: str, arguments: tuple[Any, ...] = ()) -> None:
        self.text = text
        self.arguments = arguments

    def __getattr__(self, name: str) -> _Unbound:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Unbound(f"{self.text}.{name}")

    def __getitem__(self, arguments: Any) -> _Unbound:
        return _Unbound(self.text, arguments if isinstance(arguments, tuple) else (arguments,))

    def __call__(self) -> None:
        """Be callable, which typing asks of the arguments of Annotated and Union."""

    def __or__(self, other: Any) -> Any:
        return typing.Union[self, other]  # noqa: UP007  # no class: the operator is what is defined here


class _Names:
    """The names that an annotation can see; one that is bound nowhere is unbound, not an error."""

    def __init__(self, namespace: Mapping[str, Any]) -> None:
        self._namespace = namespace

    def __getitem__(self, name: str) -> Any:
        try:
            return self._namespace[name]
        except KeyError:
            return getattr(builtins, name) if hasattr(builtins, name) else _Unbound(name)


def is_config(annotation: Any) -> bool:
    """Return whether this is a subclass of ``Config``; pydantic is not imported to find out."""
    module = sys.modules.get("assetbuild.declare.config")
    return module is not None and isinstance(annotation, type) and issubclass(annotation, module.Config)


def _load_word(annotation: Any) -> str:
    if typing.get_origin(annotation) in {list, tuple} and _is_path(typing.get_args(annotation)[0]):
        return "paths"
    return _class_word(annotation) if isinstance(annotation, type) else "none" if annotation is None else "value"


def _class_word(kind: type) -> str:
    if kind is type(None):
        return "none"
    if kind is str or kind is bytes:
        return kind.__name__
    if issubclass(kind, PurePath):
        return "path"
    return _BY_NAME.get((kind.__module__.split(".")[0], kind.__name__), "value")


def _is_path(annotation: Any) -> bool:
    if isinstance(annotation, _Unbound):
        return annotation.text in {"Path", "pathlib.Path"}
    return isinstance(annotation, type) and issubclass(annotation, PurePath)


def keeps_promise(value: Any, annotation: Any) -> bool:
    """Return whether a value is what a type annotation promises: its class, or the class behind a generic.

    Elements of containers are not looked at: a promise about a million items must not cost a million checks.
    """
    if annotation is Any or annotation is None or isinstance(annotation, (str, typing.TypeVar)):
        return annotation is not None or value is None
    origin = typing.get_origin(annotation)
    if origin in {typing.Union, types.UnionType}:
        return any(keeps_promise(value, type(None) if m is None else m) for m in typing.get_args(annotation))
    if origin is typing.Literal:
        return value in typing.get_args(annotation)
    if origin is typing.Annotated:
        return keeps_promise(value, typing.get_args(annotation)[0])
    kind = origin or annotation
    if typing.is_typeddict(kind):
        kind = dict
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if not isinstance(kind, type):
        return True
    try:
        return isinstance(value, kind)
    except TypeError:  # a protocol that cannot be checked at run time
        return True


def shown(annotation: Any) -> str:
    """Return an annotation as the user would write it."""
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return (
            annotation.__qualname__
            if annotation.__module__ == "builtins"
            else f"{annotation.__module__.split('.')[0]}.{annotation.__qualname__}"
        )
    return str(annotation)


def namespace_of(function: Callable[..., Any]) -> Mapping[str, Any]:
    """Return the names that annotations of this function can see: its module's globals and its closure."""
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    function = getattr(function, "__func__", function)
    found: dict[str, Any] = getattr(function, "__globals__", {})
    code = getattr(function, "__code__", None)
    if not getattr(code, "co_freevars", ()):
        return found
    names = dict(found)
    for name, cell in zip(getattr(code, "co_freevars", ()), getattr(function, "__closure__", None) or (), strict=False):
        try:
            names[name] = cell.cell_contents
        except ValueError:  # the cell is still empty
            continue
    return names
