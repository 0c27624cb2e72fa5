"""What the benchmark knows of a tool: the files of its project and the commands that people give it."""

from __future__ import annotations

import platform
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.measure.environments import NotInstalledError, packages, python_of
from benchmarks.measure.graph import HELPER, TALLY, Layered

__all__ = ["PYARROW", "Peer", "Place"]

PYARROW = "pyarrow==26.0.1"
"""The same reader and writer of Parquet for everybody."""

WHERE = 'def where(name):\n    return f"warehouse/{name}.parquet"\n'

READ = """
import sys
import pyarrow.parquet as pq
from where import where
table = pq.read_table(where(sys.argv[1]))
print(sum(table["x"].to_pylist()), sum(table["y"].to_pylist()), table.num_rows)
"""

TAMPER = """
import sys
import pyarrow as pa
import pyarrow.parquet as pq
from where import where
pq.write_table(pa.table({"x": [7] * 100, "y": [7.0] * 100}), where(sys.argv[1]))
"""

DELETE = """
import os
import sys
from where import where
os.unlink(where(sys.argv[1]))
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """A tool. In commands, ``{python}`` is the interpreter of its environment and ``{bin}`` the folder of its programs.

    ``slow`` tools are measured once where others are measured several times, and those with a ``once_from`` from that
    number of assets on. One that never ``skips`` is not asked often whether nothing is to do. ``largest`` is the number
    of assets above which it is left out, for the sake of everybody's patience. ``note`` is what a reader should know.
    """

    key: str
    name: str
    files: Callable[[Layered], Mapping[str, str]]
    build: tuple[str, ...]
    requirements: tuple[str, ...] = ()
    program: str = ""
    version: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    help: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    where: str = WHERE
    cases: tuple[str, ...] = ("cold", "noop", "leaf", "equal", "root")
    slow: bool = False
    skips: bool = True
    once_from: int = 1_000_000
    largest: int = 1_000_000
    note: str = ""


class Place:
    """A project of one tool in a folder, as it stands after some edits."""

    def __init__(self, peer: Peer, folder: Path) -> None:
        """Find or make the tool's environment. Raises NotInstalledError."""
        if peer.program and shutil.which(peer.program) is None:
            message = f"{peer.program} is not on this machine"
            raise NotInstalledError(message)
        self.peer = peer
        self.folder = folder
        self.python = python_of(peer.requirements)

    def write(self, graph: Layered) -> None:
        """Write those files of the project whose text is not what it was."""
        limit = f'{{"limit": {graph.limit}}}\n'
        common = {
            "helper.py": HELPER.format(value=graph.helper),
            "tally.py": TALLY,
            "config.json": limit,
            "where.py": self.peer.where,
            "read.py": READ,
            "tamper.py": TAMPER,
            "delete.py": DELETE,
        }
        for name, text in {**common, **self.peer.files(graph)}.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and path.read_text() == text:
                continue
            # As an edit by hand: Python tells by whole seconds whether what it has compiled is of this text.
            while path.exists() and int(time.time()) <= int(path.stat().st_mtime):
                time.sleep(0.02)
            path.write_text(text)
        (self.folder / "warehouse").mkdir(exist_ok=True)

    def sources(self) -> list[Path]:
        """Return the files that hold the assets' functions."""
        found = [*self.folder.glob("steps/*.py"), *self.folder.glob("*.py")]
        return [path for path in found if "def a0(" in (text := path.read_text()) or "def build(" in text]

    def command(self, template: tuple[str, ...]) -> list[str]:
        """Return an argument vector."""
        return [part.format(python=self.python, bin=self.python.parent) for part in template]

    def ran(self) -> list[str]:
        """Return the assets that ran since the last call, as they said themselves."""
        log = self.folder / "ran.log"
        if not log.exists():
            return []
        names = log.read_text().split()
        log.unlink()
        return names

    @property
    def env(self) -> dict[str, str]:
        """The environment variables of the tool's commands."""
        return {name: value.format(folder=self.folder) for name, value in self.peer.env.items()}

    @property
    def version(self) -> str:
        """The tool's version; that of Python where there is no tool."""
        if self.peer.program:
            done = subprocess.run([self.peer.program, "--version"], capture_output=True, text=True, check=True)
            return done.stdout.split("\n", 1)[0].removeprefix("GNU Make ")
        first = self.peer.requirements[0].partition("==")[0]
        return platform.python_version() if first == "pyarrow" else packages(self.python, [first])[first]
