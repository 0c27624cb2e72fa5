"""Dataclasses that cost little to define: ``dataclass``, ``field`` and ``replace``, as in the standard library.

The standard library compiles up to eight methods for each class when it is defined, and imports ``inspect`` to do so: a
third of the start of a command that defines a hundred classes. Here ``__init__`` is compiled when the first instance is
made, and the other methods are no code of the class's own. For type checkers these are the standard library's, whose
functions (``fields``, ``asdict``, ``replace``) take these classes too.

Supported are ``frozen``, ``slots``, ``eq``, ``init`` and ``kw_only``; for fields ``default``, ``default_factory``,
``init``, ``repr`` and ``compare``. Annotations must be strings, as ``from __future__ import annotations`` makes them.
"""

from __future__ import annotations

from operator import attrgetter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from inspect import Signature
    from typing import Any, TypeVar

    T = TypeVar("T")

__all__ = ["dataclass", "field", "replace"]

_MISSING = object()


class _Field:
    """What is said about one field, by ``field`` or by its default."""

    __slots__ = ("compare", "default", "factory", "init", "is_keyword", "repr")

    def __init__(self, default: Any, factory: Any, *, init: bool, repr: bool, compare: bool) -> None:  # noqa: A002  # as the library's
        self.default = default
        self.factory = factory
        self.init = init
        self.repr = repr
        self.compare = compare
        self.is_keyword = False


class _Computed:
    """An attribute of a class that is made when it is asked for, from the class that has it."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self._make = make

    def __get__(self, instance: object, owner: type) -> Any:
        return self._make(owner)


def _field(
    *,
    default: Any = _MISSING,
    default_factory: Any = _MISSING,
    init: bool = True,
    repr: bool = True,  # noqa: A002  # as the library's
    compare: bool = True,
) -> Any:
    return _Field(default, default_factory, init=init, repr=repr, compare=compare)


def _dataclass(
    cls: type | None = None,
    /,
    *,
    frozen: bool = False,
    slots: bool = False,
    eq: bool = True,
    init: bool = True,
    kw_only: bool = False,
) -> Any:
    def decorate(cls: type) -> type:
        own = _own_fields(cls, is_keyword=kw_only)
        added = _methods(cls, own, frozen=frozen, slots=slots, eq=eq)
        made: type = _with_slots(cls, own, added) if slots else _with_attributes(cls, own, added)
        if init and "__init__" not in cls.__dict__:
            _compile_later(made)
        return made

    return decorate if cls is None else decorate(cls)


def _replace(instance: T, /, **changes: Any) -> T:
    for name, said in type(instance)._fields_.items():  # type: ignore[attr-defined]  # ours
        if said.init and name not in changes:
            changes[name] = getattr(instance, name)
    return type(instance)(**changes)


def _own_fields(cls: type, *, is_keyword: bool) -> dict[str, _Field]:
    """Return the fields that a class body names."""
    found = {}
    for name, annotation in cls.__annotations__.items():
        if not annotation.startswith("ClassVar"):
            said = cls.__dict__.get(name, _MISSING)
            if not isinstance(said, _Field):
                said = _Field(said, _MISSING, init=True, repr=True, compare=True)
            said.is_keyword = is_keyword
            found[name] = said
    return found


def _methods(cls: type, own: dict[str, _Field], *, frozen: bool, slots: bool, eq: bool) -> dict[str, Any]:
    """Return what a class gets beside its fields; what its body defines stays."""
    fields: dict[str, _Field] = {}
    for base in cls.__mro__[:0:-1]:
        fields.update(base.__dict__.get("_fields_", {}))
    fields.update(own)
    added: dict[str, Any] = {"__repr__": _repr, "__replace__": _replace}
    if eq:
        names = [name for name, said in fields.items() if said.compare]
        values = attrgetter(*names) if names else lambda _one: ()
        added["__eq__"] = lambda one, other: (
            values(one) == values(other) if one.__class__ is other.__class__ else NotImplemented
        )
        if "__eq__" not in cls.__dict__:
            added["__hash__"] = (lambda one: hash(values(one))) if frozen else None
    if frozen:
        added |= {"__setattr__": _refuse, "__delattr__": _refuse}
        if slots:
            added |= {"__getstate__": _getstate, "__setstate__": _setstate}
    added["__match_args__"] = tuple(name for name, said in fields.items() if said.init and not said.is_keyword)
    added["__dataclass_fields__"] = _Computed(lambda owner: _standard(owner).__dataclass_fields__)
    added["__dataclass_params__"] = _Computed(lambda owner: _standard(owner).__dataclass_params__)
    # A class body that says __eq__ has __hash__ None in its dictionary, which is not what it said.
    stays = {name for name, value in cls.__dict__.items() if value is not None}
    return {name: value for name, value in added.items() if name not in stays} | {
        "_fields_": fields,
        "_frozen_": frozen,
    }


def _with_slots(cls: type, own: dict[str, _Field], added: dict[str, Any]) -> Any:
    """Return the class once more, with a slot for each field that no base has."""
    left = own.keys() | {"__dict__", "__weakref__"}
    space = {name: value for name, value in cls.__dict__.items() if name not in left} | added
    inherited = {name for base in cls.__mro__[1:] for name in base.__dict__.get("__slots__", ())}
    space["__slots__"] = tuple(name for name in own if name not in inherited)
    space["__qualname__"] = cls.__qualname__
    return type(cls)(cls.__name__, cls.__bases__, space)


def _with_attributes(cls: type, own: dict[str, _Field], added: dict[str, Any]) -> Any:
    for name, said in own.items():
        if said.default is not _MISSING:
            setattr(cls, name, said.default)
        elif name in cls.__dict__:
            delattr(cls, name)
    for name, value in added.items():
        setattr(cls, name, value)
    return cls


def _compile_later(cls: Any) -> None:
    def first(self: Any, /, *args: Any, **keywords: Any) -> None:
        cls.__init__ = _compiled_init(cls)
        cls.__init__(self, *args, **keywords)

    cls.__init__ = first
    cls.__signature__ = _Computed(lambda owner: _signature(owner, cls))


def _compiled_init(cls: Any) -> Any:
    """Return ``__init__``: the only method whose code depends on the fields, for speed and for its signature."""
    space: dict[str, Any] = {"_MISSING": _MISSING, "_set": object.__setattr__}
    lines: list[str] = []
    positional, keyword = ["self"], list[str]()
    for number, (name, said) in enumerate(cls._fields_.items()):
        value, argument = name, name
        if said.factory is not _MISSING:
            space[f"_factory{number}"] = said.factory
            value = f"_factory{number}() if {name} is _MISSING else {name}" if said.init else f"_factory{number}()"
            argument = f"{name}=_MISSING"
        elif said.default is not _MISSING:
            space[f"_default{number}"] = said.default
            value = name if said.init else f"_default{number}"
            argument = f"{name}=_default{number}"
        elif not said.init:
            continue
        if said.init:
            (keyword if said.is_keyword else positional).append(argument)
        lines.append(f"_set(self, {name!r}, {value})" if cls._frozen_ else f"self.{name} = {value}")
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    arguments = ", ".join([*positional, *(["*", *keyword] if keyword else [])])
    exec("\n ".join([f"def __init__({arguments}):", *lines, "return None"]), space)  # noqa: S102  # what a dataclass is
    made = space["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    made.__module__ = cls.__module__
    return made


def _signature(owner: Any, cls: Any) -> Signature:
    import inspect  # noqa: PLC0415  # only for documentation

    if owner.__init__ is not cls.__init__:
        raise AttributeError  # a subclass has an __init__ of its own
    found = inspect.signature(_standard(cls).__init__)
    return found.replace(parameters=list(found.parameters.values())[1:])


def _standard(owner: Any) -> Any:
    """Return the class that the standard library makes of the same fields."""
    import dataclasses  # noqa: PLC0415  # only when somebody asks

    cls = next(base for base in owner.__mro__ if "_fields_" in base.__dict__)
    annotations: dict[str, str] = {}
    for base in cls.__mro__[::-1]:
        annotations |= base.__annotations__ if base is not object else {}
    space: dict[str, Any] = {"__annotations__": {name: annotations[name] for name in cls._fields_}}
    for name, said in cls._fields_.items():
        given = {"default": said.default, "default_factory": said.factory}
        space[name] = dataclasses.field(
            **{key: value for key, value in given.items() if value is not _MISSING},
            init=said.init,
            repr=said.repr,
            compare=said.compare,
            kw_only=said.is_keyword,
        )
    made = type(cls.__name__, (), {**space, "__module__": cls.__module__, "__qualname__": cls.__qualname__})
    return dataclasses.dataclass(frozen=cls._frozen_)(made)


def _repr(self: Any) -> str:
    shown = (f"{name}={getattr(self, name)!r}" for name, said in self._fields_.items() if said.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _refuse(_self: object, name: str, *_value: object) -> None:
    from dataclasses import FrozenInstanceError  # noqa: PLC0415  # seldom

    message = f"cannot change field {name!r}"
    raise FrozenInstanceError(message)


def _getstate(self: Any) -> list[Any]:
    return [getattr(self, name) for name in self._fields_]


def _setstate(self: Any, state: list[Any]) -> None:
    for name, value in zip(self._fields_, state, strict=True):
        object.__setattr__(self, name, value)


if TYPE_CHECKING:
    from dataclasses import dataclass, field, replace
else:
    dataclass, field, replace = _dataclass, _field, _replace
