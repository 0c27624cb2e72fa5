"""Every labelled edit of the corpus: what the fingerprint says, and the proof of the label by running both versions."""

from __future__ import annotations

import asyncio
import copy
import gc
import inspect
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from assetbuild.fingerprint.code.closure import CodeFingerprinter
from assetbuild.fingerprint.code.model import CodeVersion
from assetbuild.load.importer import Importer
from tests.fingerprint.corpus_cases import Case, read_corpus

CASES = read_corpus()


@dataclass
class Outcome:
    """One side of an edit: what was fingerprinted, and what running gave."""

    versions: dict[str, CodeVersion]
    results: dict[str, Any]


def evaluate(root: Path, files: Mapping[str, str], case: Case) -> Outcome:
    """Write the files, load them, fingerprint the assets, then run them."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    importer = Importer(root)
    with importer:
        try:
            module = importer.load("assets")
            functions = {name: getattr(value := getattr(module, name), "function", value) for name in case.labels}
            fingerprinter = CodeFingerprinter(root, importer.files, import_module=importer.load)
            versions = {name: fingerprinter.code_version(function) for name, function in functions.items()}
            results = {name: result_of(function, case) for name, function in functions.items()}
        finally:
            importer.purge()
            importer.uninstall()
    return Outcome(versions, results)


def result_of(function: Any, case: Case) -> str:
    """Run an asset function to its end and return what it gave, or what it raised, as text."""
    try:
        result = function(**copy.deepcopy(case.arguments))
        if inspect.iscoroutine(result):
            result = asyncio.run(result)
        if inspect.isgenerator(result):
            result = list(result)
    except Exception as error:  # noqa: BLE001  # an asset that raises is a result too
        result = f"{type(error).__name__}: {error}"
    return repr(result)


@pytest.fixture
def leftovers(case: Case) -> Iterator[None]:
    """Collect the database that a module leaves open, while that is no error."""
    yield
    if any("sqlite3" in text for text in case.after.values()):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


@pytest.mark.usefixtures("leftovers")
@pytest.mark.parametrize("case", CASES, ids=[f"{case.group}: {case.title}" for case in CASES])
def test_an_edit_makes_stale_what_its_label_says(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in case.env.items():
        monkeypatch.setenv(name, value)
    before = evaluate(tmp_path / "before", case.before, case)
    after = evaluate(tmp_path / "after", case.after, case)
    for name, (label, subjects) in case.labels.items():
        old, new = before.versions[name], after.versions[name]
        moved = {
            subject
            for subject in {*old.parts, *new.parts}
            if getattr(old.parts.get(subject), "version", "") != getattr(new.parts.get(subject), "version", "")
        }
        assert ("fresh" if old.version == new.version else "stale") == label, f"{name}: moved parts: {sorted(moved)}"
        if label == "stale":
            assert moved or old.packages != new.packages, f"{name} is stale, and no part says why"
            assert set(subjects) <= moved
        if not case.because:
            same = before.results[name] == after.results[name]
            assert same == (label == "fresh"), f"{name}: the run gave {before.results[name]} and {after.results[name]}"


def test_the_corpus_is_large_and_its_titles_are_unique() -> None:
    assert len(CASES) >= 150
    assert len({(case.group, case.title) for case in CASES}) == len(CASES)
