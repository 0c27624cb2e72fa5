"""The selection grammar: the text of one selection becomes an expression. Nothing here knows a graph.

It is Dagster's grammar, with ``status:`` and ``changed:`` added::

    any_of     = all_of { "or" all_of }
    all_of     = negated { "and" negated }
    negated    = "not" negated | around
    around     = [ [ digits ] "+" ] atom [ "+" [ digits ] ]
    atom       = "(" any_of ")" | function "(" any_of ")" | attribute ":" value [ "=" value ] | "*" | word
    value      = word | "text in quotes"

Words end at space, parenthesis, ``+``, ``"`` or ``:``; the value of an attribute may hold ``:`` too. Keywords may be
written in capitals. Written by hand, because the messages matter more than the parsing: each points at its place.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final, NoReturn, TypeAlias

from assetbuild.dataclass import dataclass
from assetbuild.errors import Problem, UsageError, closest

__all__ = [
    "ATTRIBUTES",
    "AllOf",
    "AnyOf",
    "Around",
    "Attribute",
    "Edge",
    "Everything",
    "Expression",
    "Named",
    "Not",
    "parse",
    "pointer",
]

ATTRIBUTES: Final = ("key", "group", "tag", "owner", "kind", "status", "changed")
_FUNCTIONS: Final = ("roots", "sinks")
_KEYWORDS: Final = frozenset({"and", "or", "not"})
_MAX_NESTING: Final = 50  # Parentheses inside parentheses; Python's stack would hold about 150.

_SPACE = re.compile(r"\s*")
_WORD = re.compile(r'[^\s()+":]+')
_VALUE = re.compile(r'[^\s()+"]*')
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"|\'([^\']*)\'')
_UP = re.compile(r"([0-9]{0,9})\s*\+")
_DOWN = re.compile(r'\+(?:\s*([0-9]{1,9})(?![^\s()+":]))?')


@dataclass(frozen=True, slots=True)
class Everything:
    """``*``: all assets."""


@dataclass(frozen=True, slots=True)
class Named:
    """A key, or a pattern over keys with ``*`` in it; ``start`` and ``end`` are its place in the text."""

    key: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Attribute:
    """``name:value``, or ``name:value=second``."""

    name: str
    value: str
    second: str | None
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Around:
    """``2+x+``: what is so many levels upstream and downstream of an expression; None is all the way."""

    of: Expression
    up: int | None
    down: int | None


@dataclass(frozen=True, slots=True)
class Edge:
    """``roots(x)`` or ``sinks(x)``: what nothing else of the set lies upstream, or downstream, of."""

    function: str
    of: Expression


@dataclass(frozen=True, slots=True)
class Not:
    """All assets but these."""

    of: Expression


@dataclass(frozen=True, slots=True)
class AllOf:
    """Parts joined by ``and``."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Parts joined by ``or``."""

    parts: tuple[Expression, ...]


Expression: TypeAlias = Everything | Named | Attribute | Around | Edge | Not | AllOf | AnyOf


def parse(text: str) -> Expression:
    """Return the expression that a selection says; raise UsageError, pointing at the place, when it says none."""
    return _Parser(text).whole()


def pointer(text: str, start: int, end: int) -> str:
    """Return the text with a line of carets under the part from ``start`` to ``end``."""
    flat = "".join(" " if character.isspace() else character for character in text)
    return f"{flat}\n{' ' * _cells(flat[:start])}{'^' * max(1, _cells(flat[start:end]))}"


def _cells(text: str) -> int:
    # A terminal shows Chinese, Japanese and Korean characters two cells wide, and combining ones none.
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 0 if unicodedata.combining(c) else 1 for c in text)


class _Parser:
    """Recursive descent; each method leaves ``at`` behind what it read, on the next token or the end."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.nesting = 0
        self.before = "here"

    def whole(self) -> Expression:
        self._skip_space()
        if self.at == len(self.text):
            self._fail("it is empty", advice="Name an asset, or leave the selection out to mean all assets.")
        expression = self._any_of()
        if self.at < len(self.text):
            self._fail_left_over()
        return expression

    def _any_of(self) -> Expression:
        parts = [self._all_of()]
        while self._take_keyword("or"):
            parts.append(self._all_of())
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _all_of(self) -> Expression:
        parts = [self._negated()]
        while self._take_keyword("and"):
            parts.append(self._negated())
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _negated(self) -> Expression:
        negated = False
        while self._take_keyword("not"):
            negated = not negated
        around = self._around()
        return Not(around) if negated else around

    def _around(self) -> Expression:
        up: int | None = 0
        down: int | None = 0
        if found := _UP.match(self.text, self.at):
            up = int(found[1]) if found[1] else None
            self._advance(found)
        atom = self._atom()
        if found := _DOWN.match(self.text, self.at):
            down = int(found[1]) if found[1] else None
            self._advance(found)
        return atom if up == 0 and down == 0 else Around(atom, up, down)

    def _atom(self) -> Expression:
        start = self.at
        if self.text.startswith("(", start):
            return self._bracketed()
        if found := _QUOTED.match(self.text, start):
            self._advance(found)
            return Named(_unquoted(found), start, found.end())
        if self.text[start : start + 1] in {'"', "'"}:
            self._fail("the quotation mark is never closed", start, len(self.text))
        found = _WORD.match(self.text, start)
        if found is None or found[0].lower() in _KEYWORDS:
            self._fail(f"an asset is missing {self.before}", start, found.end() if found else start)
        word = found[0]
        if self.text.startswith(":", found.end()):
            return self._attribute(word, start)
        self._advance(found)
        if self.text.startswith("(", self.at):
            return self._function(word, start, found.end())
        return Everything() if word == "*" else Named(word, start, found.end())

    def _bracketed(self) -> Expression:
        opened = self.at
        self.nesting += 1
        if self.nesting > _MAX_NESTING:
            self._fail(f"more than {_MAX_NESTING} parentheses are open", opened, opened + 1)
        self._move(opened + 1, "after '('")
        inner = self._any_of()
        if not self.text.startswith(")", self.at):
            if self.at < len(self.text):
                self._fail_left_over()
            self._fail("the parenthesis is never closed", opened, opened + 1)
        self._move(self.at + 1, "after ')'")
        self.nesting -= 1
        return inner

    def _function(self, word: str, start: int, end: int) -> Expression:
        if word.lower() not in _FUNCTIONS:
            near = closest(word.lower(), _FUNCTIONS)
            self._fail(
                f"there is no function {word!r}",
                start,
                end,
                facts=(("functions", ", ".join(_FUNCTIONS)), *((("closest", near),) if near else ())),
                advice="Use one of these, or put 'and' or 'or' before the parenthesis.",
            )
        return Edge(word.lower(), self._bracketed())

    def _attribute(self, name: str, start: int) -> Expression:
        if name.lower() not in ATTRIBUTES:
            near = closest(name.lower(), ATTRIBUTES)
            self._fail(
                f"there is no attribute {name!r}",
                start,
                start + len(name) + 1,
                facts=(("attributes", ", ".join(ATTRIBUTES)), *((("closest", near),) if near else ())),
                advice="Use one of these; put a key that holds ':' in quotes.",
            )
        name = name.lower()
        value, end, quoted = self._value(start + len(name) + 1)
        second: str | None = None
        if name == "tag":
            if not quoted and "=" in value:
                value, _, second = value.partition("=")
            if self.text.startswith("=", end) or (second == "" and self.text.startswith('"', end)):
                second, end, _ = self._value(end + (second is None))
        if not value and not quoted and name != "changed":
            self._fail(f"'{name}:' has no value", start, end, advice=f"Write it right behind: {_EXAMPLES[name]}.")
        self._move(end, f"after '{name}:'")
        return Attribute(name, value, second, start, end)

    def _value(self, start: int) -> tuple[str, int, bool]:
        if found := _QUOTED.match(self.text, start):
            return _unquoted(found), found.end(), True
        if self.text.startswith('"', start):
            self._fail("the quotation mark is never closed", start, len(self.text))
        found = _VALUE.match(self.text, start)
        assert found is not None  # noqa: S101  # the pattern matches the empty text
        return found[0], found.end(), False

    def _take_keyword(self, keyword: str) -> bool:
        found = _WORD.match(self.text, self.at)
        if found is None or found[0].lower() != keyword or self.text.startswith(":", found.end()):
            return False
        self._advance(found)
        return True

    def _advance(self, found: re.Match[str]) -> None:
        self._move(found.end(), f"after {found[0]!r}")

    def _move(self, at: int, before: str) -> None:
        self.at = at
        self.before = before
        self._skip_space()

    def _skip_space(self) -> None:
        found = _SPACE.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def _fail_left_over(self) -> NoReturn:
        found = _WORD.match(self.text, self.at)
        end = found.end() if found else self.at + 1
        if self.text[self.at] == ")":
            self._fail("this parenthesis closes nothing", self.at, end)
        shown = self.text[self.at : end]
        self._fail(
            f"{shown!r} was not expected {self.before}",
            self.at,
            end,
            advice="Join selections by 'and' or 'or', and put a key that holds spaces or signs in quotes.",
        )

    def _fail(
        self, what: str, start: int = 0, end: int = 0, *, facts: tuple[tuple[str, str], ...] = (), advice: str = ""
    ) -> NoReturn:
        raise UsageError(
            Problem(
                f"selection {self.text!r} cannot be read: {what}",
                (("at", pointer(self.text, start, end)), *facts),
                advice
                or 'The grammar: names, +x, x+, group:raw, tag:k=v, key:"raw/*", status:stale, and, or, not, ( ).',
            )
        )


_EXAMPLES: Final = {
    "key": 'key:"raw/*"',
    "group": "group:raw",
    "tag": "tag:team=ops",
    "owner": "owner:ana",
    "kind": "kind:parquet",
    "status": "status:stale",
    "changed": "changed:code",
}


def _unquoted(found: re.Match[str]) -> str:
    text = re.sub(r"\\(.)", r"\1", found[1]) if found[1] is not None else found[2]
    return unicodedata.normalize("NFC", text)
