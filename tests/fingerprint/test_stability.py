"""Code versions are the same under any hash seed, from any checkout, on every Python that is at hand."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from assetbuild.fingerprint.code.closure import CodeFingerprinter
from assetbuild.load.importer import Importer
from tests.fingerprint.corpus_cases import read_corpus

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
OTHER_PYTHONS = [
    path
    for path in sorted(Path("~/.pyenv/versions").expanduser().glob("3.1[1-9].*/bin/python"))
    if not path.parents[1].name.startswith(f"3.{sys.version_info.minor}.")
]
STAND_IN_FOR_XXHASH = """
import hashlib
class xxh3_128:
    def __init__(self): self._hash = hashlib.blake2b(digest_size=16)
    def update(self, data): self._hash.update(data)
    def hexdigest(self): return self._hash.hexdigest()
def xxh3_128_hexdigest(data): return hashlib.blake2b(data, digest_size=16).hexdigest()
"""


@pytest.fixture(scope="module")
def projects(tmp_path_factory) -> Path:
    """Every project of the corpus, before its edit, that needs the standard library alone."""
    folder: Path = tmp_path_factory.mktemp("projects")
    for number, case in enumerate(read_corpus()):
        if any(
            library in text
            for text in case.before.values()
            for library in ("pydantic", "numpy", "pandas", "polars", "pyarrow")
        ):
            continue
        root = folder / f"p{number:03}"
        for name, text in case.before.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        (root / "assets.txt").write_text(" ".join(case.labels))
    return folder


def versions(python: str | Path, projects: Path, *stubs: Path, seed: str = "0") -> dict[str, Any]:
    said = {"MODE": "fast", "MODE_A": "1", "MODE_B": "2", "PYTHONHASHSEED": seed}
    ran = subprocess.run(
        [python, HERE / "print_versions.py", ROOT, projects, *stubs],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **said},
    )
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def test_versions_and_parts_are_the_same_under_other_hash_seeds(projects):
    expected = versions(sys.executable, projects, seed="0")
    for seed in ("1", "2"):
        assert versions(sys.executable, projects, seed=seed) == expected


def test_versions_are_the_same_from_another_checkout(projects, tmp_path):
    elsewhere = tmp_path / "quite" / "another" / "place"
    shutil.copytree(projects, elsewhere)
    assert versions(sys.executable, elsewhere) == versions(sys.executable, projects)


@pytest.mark.parametrize("python", OTHER_PYTHONS, ids=[path.parents[1].name for path in OTHER_PYTHONS])
def test_versions_are_the_same_on_another_python(projects, tmp_path, python):
    (tmp_path / "xxhash.py").write_text(STAND_IN_FOR_XXHASH)
    expected = versions(sys.executable, projects, tmp_path)
    found = versions(python, projects, tmp_path)
    # What exec made is told by its bytecode, and that is another one on another Python.
    generated = {f"p{number:03}.a" for number, case in enumerate(read_corpus()) if case.title == "code made by exec"}
    different = {name for name, (version, _) in found.items() if version != expected[name][0]}
    assert different - generated == set()


def test_the_order_of_imports_and_of_questions_does_not_matter(tmp_path):
    (tmp_path / "one.py").write_text("import two\ndef f(n):\n    return n and two.g(n - 1)\n")
    (tmp_path / "two.py").write_text("import one\nLIMIT = 3\ndef g(n):\n    return one.f(n) + LIMIT\n")

    def ask(*order: str) -> dict[str, str]:
        with (importer := Importer(tmp_path)):
            for module, _ in (name.split(".") for name in order):
                importer.load(module)
            fingerprinter = CodeFingerprinter(tmp_path, importer.files, import_module=importer.load)
            found = {}
            for name in order:
                module, function = name.split(".")
                found[name] = fingerprinter.code_version(getattr(importer.load(module), function)).version
        importer.purge()
        importer.uninstall()
        return found

    assert ask("one.f", "two.g") == ask("two.g", "one.f")
    assert ask("two.g") == {"two.g": ask("one.f", "two.g")["two.g"]}
