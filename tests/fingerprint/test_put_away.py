"""Syntax trees that were put away and parsed again are those of the whole file, and give the same versions."""

from __future__ import annotations

import ast
import email.message
import inspect
import json.decoder
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from assetbuild.fingerprint.code import index as index_module
from assetbuild.fingerprint.code import modules as modules_module
from assetbuild.fingerprint.code.closure import CodeFingerprinter
from assetbuild.fingerprint.code.index import FileIndex, Shelf
from assetbuild.fingerprint.code.source import SourceFile

AWKWARD = '''# -*- coding: latin-1 -*-
"""A module."""
import os
def first(x=lambda y: y): return lambda z: z; x = 1
@property
def second(self):
    """Tête."""
    text = """two
lines at the margin
"""
    def inner(n):
        return f"""{n}
and {n + 1}"""
    return inner, text
x = 1; y = 2
if x:
    def third(): return 3
def fourth():
    class Local:
        def method(self): return 1
    return Local

# a comment between
async def fifth(): pass
def fifth(): return "again"
def last(): return "é"'''
SOURCES = {
    "empty": b"",
    "no functions": b"x = 1\n",
    "awkward": AWKWARD.encode("latin-1"),
    "awkward, CRLF": AWKWARD.replace("\n", "\r\n").encode("latin-1"),
    "all ASCII, but not ASCII": "# coding: iso-2022-jp\ndef one(): return '日本'\ndef two(): return 2\n".encode(
        "iso-2022-jp"
    ),
    "utf-8 with a mark": b"\xef\xbb\xbfdef one():\n    return 'x\xc3\xa9'\n\n\ndef two():\n    return 2\n",
    "inspect": Path(inspect.__file__).read_bytes(),
    "json.decoder": Path(json.decoder.__file__).read_bytes(),
    "email.message": Path(email.message.__file__).read_bytes(),
    "ast": Path(ast.__file__).read_bytes(),
}


def codes_in(code: types.CodeType) -> Iterator[types.CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from codes_in(constant)


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize(("size", "far"), [(1, 20_000), (4000, 20_000), (1, 1)])
def test_trees_are_the_same(name: str, size: int, far: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "_BLOCK", size)
    monkeypatch.setattr(index_module, "_FAR", far)
    monkeypatch.setattr(index_module, "_OPEN", 2)
    source = SourceFile.of("/module.py", SOURCES[name])
    whole, parted = FileIndex(source), FileIndex(source)
    parted.put_away(Shelf())
    assert parted.tree is None
    for mine, other in zip(whole.statements, parted.statements, strict=True):
        assert ast.dump(mine.node, include_attributes=True) == ast.dump(other.node, include_attributes=True)
        assert whole.text(mine.node) == parted.text(other.node)
    count = 0
    for code in codes_in(compile(source.data, source.path, "exec", dont_inherit=True)):
        one, two = whole.function(code), parted.function(code)
        assert (one is None) == (two is None), code
        if one is not None and two is not None:
            count += 1
            assert ast.dump(one, include_attributes=True) == ast.dump(two, include_attributes=True)
    assert count >= 2 or len(source.data) < 10


def test_memory_of_trees_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "_BLOCK", 1)
    monkeypatch.setattr(index_module, "_OPEN", 3)
    index = FileIndex(SourceFile.of("/module.py", b"\n".join(b"def f%d(): return 1" % n for n in range(50))))
    index.put_away(Shelf())
    blocks = [statement.tree for statement in index.statements]
    assert all(isinstance(block, index_module.Block) for block in blocks)
    for statement in index.statements:
        assert statement.node.lineno == statement.line
    assert sum(block._nodes is not None for block in blocks if isinstance(block, index_module.Block)) == 3


def test_versions_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\n\n".join(
        ["K = 3", "def helper(x):\n    return x + K", *(f"def f{n}(a):\n    return helper(a) + {n}" for n in range(40))]
    )
    path = tmp_path / "parted_module.py"
    path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    module = types.ModuleType("parted_module")
    module.__file__ = str(path)
    monkeypatch.setitem(__import__("sys").modules, "parted_module", module)
    exec(compile(text, str(path), "exec"), vars(module))
    files = {str(path): SourceFile.of(str(path), text.encode())}

    def versions() -> list[object]:
        fingerprinter = CodeFingerprinter(tmp_path, files)
        functions = [vars(module)[f"f{n}"] for n in range(40)]
        found = [fingerprinter.code_version(function) for function in functions]
        return [*found, *(fingerprinter.leaf(*pair) for pair in zip(functions, found, strict=True))]

    before = versions()
    assert all(before)
    monkeypatch.setattr(modules_module, "_WHOLE", 0)
    monkeypatch.setattr(index_module, "_BLOCK", 100)
    monkeypatch.setattr(index_module, "_OPEN", 1)
    assert versions() == before
