"""Reads the corpus: labelled edits, each written as a diff with what it should make stale.

### title
late: stale LIMIT, helpers.clean      an asset, its label, and the parts that must be named
early: fresh
because: ...                          needed where running both versions cannot prove the label
with: {"x": 3}                        arguments for the run
env: MODE=fast                        the environment of both versions
@ shop/helpers.py                     a file; every line starts with two columns:
  common to both                      "  " both, "- " only before, "+ " only after
@- old.py                             a file that is only there before; "@+" only after
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"


@dataclass
class Case:
    """One edit: the files before and after, and the label of each asset."""

    group: str
    title: str
    labels: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    because: str = ""
    arguments: dict[str, object] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    before: dict[str, str] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)


def read_corpus() -> list[Case]:
    """Return every case of every file of the corpus."""
    return [case for path in sorted(CORPUS.glob("*.edits")) for case in _read(path)]


def _read(path: Path) -> list[Case]:
    cases: list[Case] = []
    files: list[dict[str, str]] = []
    name = ""
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if line.startswith("### "):
            cases.append(Case(path.stem, line[4:].strip()))
            name = ""
        elif not cases:
            continue
        elif line.startswith(("@ ", "@- ", "@+ ")):
            mark, name = line.split(" ", 1)
            files = [side for side, absent in ((cases[-1].before, "@+"), (cases[-1].after, "@-")) if mark != absent]
            for side in files:
                side.setdefault(name, "")
        elif name and (line[:2] in {"  ", "- ", "+ "} or not line.strip() or line in "+-"):
            for side in files:
                if not (line.startswith("-") and side is cases[-1].after) and not (
                    line.startswith("+") and side is cases[-1].before
                ):
                    side[name] += line[2:] + "\n"
        elif line.strip():
            _header(cases[-1], line, f"{path.name}:{number}")
    return cases


def _header(case: Case, line: str, where: str) -> None:
    word, colon, said = line.partition(":")
    said = said.strip()
    if not colon:
        message = f"{where}: not understood: {line!r}"
        raise ValueError(message)
    if word == "because":
        case.because = said
    elif word == "with":
        case.arguments = ast.literal_eval(said)
    elif word == "env":
        case.env = dict(pair.split("=", 1) for pair in said.split())
    else:
        label, _, subjects = said.partition(" ")
        if label not in {"stale", "fresh"}:
            message = f"{where}: a label is 'stale' or 'fresh', not {label!r}"
            raise ValueError(message)
        case.labels[word] = label, tuple(part.strip() for part in subjects.split(",") if part.strip())
