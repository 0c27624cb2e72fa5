"""Read a page of the documentation as a script: files to write, edits to make, commands to run.

The convention, which reads well as Markdown too:

    ```python title="assets.py"     a file of the page's project (any language; a second one replaces the first)
    ```diff title="assets.py"       an edit of it: the lines marked '-' or ' ' become those marked '+' or ' '
    ```console                      commands after '$ ', each with what it prints; '...' stands for any text, alone on a
                                    line for any lines; '# exits 3' after a command says its exit code, 0 otherwise.
                                    Durations, times, sizes, run ids and the width of gaps may differ
    ```python                       a fragment: it must compile, and is not run
    <!-- not run: REASON -->        before a block: it is left out
    <!-- new project -->            from here on, an empty folder
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^(?P<fence>```+)(?P<info>.*)$")
TITLE = re.compile(r'title="(?P<title>[^"]+)"')
EXITS = re.compile(r"\s+# exits (?P<code>\d+)$")
VARYING = (
    (re.compile(r"\d{8}T\d{6}-[0-9a-f]{6}"), "<run>"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"), "<time>"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "<version>"),
    (re.compile(r"\bjust now\b|\b\d+ (min|h) ago\b"), "<ago>"),
    (re.compile(r"\b\d+(\.\d+)? s\b"), "<duration>"),
    (re.compile(r"\b\d+(\.\d+)? (B|kB|MB)\b"), "<size>"),
    (re.compile(r" +"), " "),
)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: language, title, text, and the line where it begins."""

    language: str
    title: str | None
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a console block, what it should print, and its exit code."""

    text: str
    expected: tuple[str, ...]
    exit_code: int
    line: int


def blocks(page: Path) -> Iterator[Block | None]:
    """Give the blocks of a page in order; None where a new project begins."""
    lines = page.read_text(encoding="utf-8").split("\n")
    skip, at = False, 0
    while at < len(lines):
        line = lines[at].strip()
        if line == "<!-- new project -->":
            yield None
        elif line.startswith("<!-- not run:"):
            skip = True
        elif match := FENCE.match(line):
            indent = len(lines[at]) - len(lines[at].lstrip())
            end = next(n for n in range(at + 1, len(lines)) if lines[n].strip() == match["fence"])
            if not skip:
                language = match["info"].split(" ")[0]
                title = TITLE.search(match["info"])
                text = "\n".join(body[indent:] for body in lines[at + 1 : end])
                yield Block(language, title["title"] if title else None, text + "\n", at + 1)
            skip, at = False, end
        at += 1


def commands_of(block: Block) -> Iterator[Command]:
    """Give the commands of a console block."""
    text, line, expected = "", 0, list[str]()
    for number, shown in enumerate([*block.text.splitlines(), "$ "], block.line + 1):
        if not shown.startswith("$ "):
            expected.append(shown.rstrip())
            continue
        if text:
            exits = EXITS.search(text)
            yield Command(EXITS.sub("", text), tuple(expected), int(exits["code"]) if exits else 0, line)
        text, line, expected = shown[2:], number, []


def edited(text: str, diff: str) -> str:
    """Return a file's text with a diff block applied; its old lines must stand there exactly once."""
    marked = [line for line in diff.splitlines() if not line.startswith("@@")]
    old = "".join(f"{line[1:]}\n" for line in marked if not line.startswith("+"))
    new = "".join(f"{line[1:]}\n" for line in marked if not line.startswith("-"))
    assert text.count(old) == 1, f"these lines should be there once:\n{old}\nin:\n{text}"
    return text.replace(old, new)


def matches(printed: str, expected: tuple[str, ...]) -> bool:
    """Return whether printed text is what the page shows; a page that shows nothing promises nothing."""
    shown = "\n".join(expected).strip("\n").split("\n")
    lines = [_steady(line) for line in printed.strip("\n").split("\n")]
    if not any("..." in line for line in shown):  # in any order: assets that are built at once finish as they like
        return shown == [""] or sorted(lines) == sorted(map(_steady, shown))
    pattern = "".join(r"(?:.*\n)*?" if line.strip() == "..." else _line_pattern(line) for line in shown)
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in lines)) is not None


def _line_pattern(line: str) -> str:
    return ".*".join(re.escape(part) for part in _steady(line).split("...")) + r"\n"


def _steady(line: str) -> str:
    """Return a line without what differs from run to run."""
    for varying, word in VARYING:
        line = varying.sub(word, line)
    return line.rstrip()
