"""Classes made by ``assetbuild.dataclass`` behave as those of the standard library, for what is supported."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from typing import Any, ClassVar

import pytest

from assetbuild import dataclass as ours


def shapes(library: Any) -> dict[str, type]:
    """Return the same classes, as a library makes them."""

    @library.dataclass(frozen=True, slots=True)
    class Point:
        """A point."""

        count: ClassVar[int] = 3
        x: int
        y: int = 0
        tags: dict[str, int] = library.field(default_factory=dict, compare=False)
        hidden: str = library.field(default="h", repr=False)

        def total(self) -> int:
            return self.x + self.y

    @library.dataclass(frozen=True, slots=True)
    class Deep(Point):
        z: float = 0.5

    @library.dataclass(frozen=True, slots=True, kw_only=True)
    class Named:
        name: str
        size: int = 1

    @library.dataclass(slots=True)
    class Counter:
        items: list[int] = library.field(default_factory=list)
        made: list[str] = library.field(init=False, default_factory=list)

    @library.dataclass
    class Loose:
        a: int
        b: int = 2

        def __post_init__(self) -> None:
            self.c = self.a + self.b

    @library.dataclass(frozen=True, slots=True, eq=False)
    class ByIdentity:
        a: int

    @library.dataclass(frozen=True, slots=True, init=False)
    class Own:
        a: int

        def __init__(self, text: str) -> None:
            object.__setattr__(self, "a", int(text))

    @library.dataclass(frozen=True, slots=True)
    class OwnEquality:
        a: int

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 7

    @library.dataclass(frozen=True)
    class Empty:
        pass

    found = locals()
    return {name: kind for name, kind in found.items() if isinstance(kind, type)}


@pytest.fixture(params=[dataclasses, ours], ids=["standard", "ours"])
def library(request):
    return request.param


@pytest.fixture
def kinds(library):
    made = shapes(library)
    globals().update(made)  # pickle finds classes by name
    for kind in made.values():
        kind.__qualname__ = kind.__name__
    return made


def test_instances_have_their_fields_and_methods(kinds):
    point = kinds["Point"](1, y=2)
    assert (point.x, point.y, point.tags, point.hidden, point.count, point.total()) == (1, 2, {}, "h", 3, 3)
    assert kinds["Point"](1).tags is not kinds["Point"](1).tags
    assert kinds["Deep"](1, 2, z=3).z == 3
    assert kinds["Counter"]().made == []
    assert (kinds["Loose"](1).c, kinds["Own"]("5").a) == (3, 5)
    assert kinds["Point"].__doc__ == "A point."
    assert kinds["Point"].__match_args__ == ("x", "y", "tags", "hidden")
    assert kinds["Named"].__match_args__ == ()


@pytest.mark.parametrize(
    ("name", "args", "keywords", "message"),
    [
        ("Point", (), {}, "missing 1 required positional argument: 'x'"),
        ("Point", (1,), {"z": 1}, "unexpected keyword argument 'z'"),
        ("Named", ("a",), {}, "takes 1 positional argument but 2 "),
        ("Counter", (), {"made": []}, "unexpected keyword argument 'made'"),
    ],
)
def test_wrong_arguments_are_errors(kinds, name, args, keywords, message):
    for _ in range(2):  # the first call compiles
        with pytest.raises(TypeError, match=message):
            kinds[name](*args, **keywords)


def test_equality_and_hash(kinds):
    point, deep = kinds["Point"], kinds["Deep"]
    assert point(1, 2, {"a": 1}) == point(1, 2, {"b": 1}) != point(1, 3)
    assert hash(point(1, 2, {"a": 1})) == hash(point(1, 2))
    assert point(1, 2) != deep(1, 2)
    assert kinds["Named"](name="a") == kinds["Named"](name="a")
    assert kinds["Counter"]([1]) == kinds["Counter"]([1]) != kinds["Counter"]([2])
    with pytest.raises(TypeError, match="unhashable"):
        hash(kinds["Counter"]())
    one = kinds["ByIdentity"](1)
    assert one == one != kinds["ByIdentity"](1)  # noqa: PLR0124  # what is asked
    assert hash(kinds["ByIdentity"](1)) != hash(one) or one is None
    assert kinds["OwnEquality"](1) == kinds["OwnEquality"](2)
    assert hash(kinds["OwnEquality"](1)) == 7
    assert kinds["Empty"]() == kinds["Empty"]()


def test_repr(kinds):
    assert repr(kinds["Deep"](1, tags={"a": 2})) == "Deep(x=1, y=0, tags={'a': 2}, z=0.5)"
    assert repr(kinds["Empty"]()) == "Empty()"


def test_frozen_and_slots(kinds):
    point = kinds["Point"](1)
    with pytest.raises(dataclasses.FrozenInstanceError, match="'x'"):
        point.x = 2
    with pytest.raises(dataclasses.FrozenInstanceError, match="'x'"):
        del point.x
    assert not hasattr(point, "__dict__")
    assert not hasattr(kinds["Deep"](1), "__dict__")
    assert kinds["Deep"].__slots__ == ("z",)
    counter = kinds["Counter"]()
    counter.items = [3]
    assert counter.items == [3]
    with pytest.raises(AttributeError):
        counter.other = 1
    loose = kinds["Loose"](1)
    loose.other = 1
    assert vars(loose) == {"a": 1, "b": 2, "c": 3, "other": 1}
    assert kinds["Loose"].b == 2


@pytest.mark.parametrize("name", ["Point", "Deep", "Named", "Counter", "Loose", "Own", "Empty"])
def test_copies_and_pickles_are_equal(kinds, name):
    given: dict[str, dict[str, Any]] = {
        "Named": {"name": "n"},
        "Own": {"text": "4"},
        "Counter": {"items": [1]},
        "Loose": {"a": 1},
        "Empty": {},
    }
    one = kinds[name](**given.get(name, {"x": 5}))
    for other in (copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert other == one
        assert type(other) is kinds[name]
        assert repr(other) == repr(one)


def test_the_functions_of_the_standard_library_take_them(library, kinds):
    deep = kinds["Deep"](1, tags={"a": 1})
    assert [each.name for each in dataclasses.fields(deep)] == ["x", "y", "tags", "hidden", "z"]
    assert [each.compare for each in dataclasses.fields(deep)] == [True, True, False, True, True]
    assert dataclasses.asdict(deep) == {"x": 1, "y": 0, "tags": {"a": 1}, "hidden": "h", "z": 0.5}
    assert dataclasses.is_dataclass(kinds["Own"])
    for replace in (dataclasses.replace, library.replace):
        assert replace(deep, y=4) == kinds["Deep"](1, 4)
        with pytest.raises(TypeError):
            replace(deep, no=1)
        with pytest.raises((TypeError, ValueError)):
            replace(kinds["Counter"](), made=[])


def test_signatures(kinds):
    assert str(inspect.signature(kinds["Named"])) == "(*, name: 'str', size: 'int' = 1) -> None"
    first = "(x: 'int', y: 'int' = 0, tags: 'dict[str, int]' = <factory>, hidden: 'str' = 'h') -> None"
    assert str(inspect.signature(kinds["Point"])) == first

    named: Any = kinds["Named"]

    class Sub(named):  # type: ignore[misc]
        def __init__(self, other: int) -> None:
            super().__init__(name=str(other))

    assert str(inspect.signature(Sub)) == "(other: 'int') -> 'None'"
    assert Sub(3).name == "3"


def test_the_standard_library_can_extend_them(kinds):
    point: Any = kinds["Point"]

    @dataclasses.dataclass(frozen=True)
    class More(point):  # type: ignore[misc]
        extra: int = 9

    more = More(1, 2)
    assert (more.x, more.y, more.extra) == (1, 2, 9)
    assert more == More(1, 2) != More(1, 3)


def test_a_subclass_inherits_what_was_made(kinds):
    point: Any = kinds["Point"]

    class Plain(point):  # type: ignore[misc]
        pass

    assert repr(Plain(1)).endswith("Plain(x=1, y=0, tags={})")
    assert Plain(1) == Plain(1) != kinds["Point"](1)
    assert [each.name for each in dataclasses.fields(Plain)] == ["x", "y", "tags", "hidden"]
