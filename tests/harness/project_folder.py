"""``ProjectFolder``: a throw-away project, what a user does to it, and what a build of it really ran.

``build`` cross-checks three accounts of every build: the plan printed before it,
the report printed after it, and the log that the assets themselves wrote.
"""

from __future__ import annotations

import ctypes
import os
import select
import shutil
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

from tests.harness.commands import TIMEOUT_S, Ran, base_environment, cold_command, run_cold, run_warm
from tests.harness.contract import check_errors, check_plan, check_report
from tests.harness.warehouse import values_in

Causes = dict[str, list[str]]

_RESTED_NS = 80_000_000
"""What moved longer ago than this is noted by its stamp."""

HEADER = """\
from executions import executed, once, pause

from assetbuild import asset, source
"""


class ProjectFolder:
    """A project in a temporary folder."""

    def __init__(self, root: Path, channel: Path | None = None) -> None:
        """Make an empty project; ``channel`` is the folder in which its assets leave their log."""
        self.root = root
        self.channel = channel or root.with_name(f"{root.name}.executions")
        self.report: Any = None
        self.jobs: str | None = None
        """How many workers ``build`` asks for when a test does not say; '0' builds inside the command's process."""
        self.deterministic = True
        self.settled = False
        """Nothing changed since the last whole build, which was a success."""
        self.env: dict[str, str] = {**base_environment(self.channel), "EXECUTIONS": str(self.channel)}
        for folder in (root, self.channel):
            folder.mkdir(parents=True, exist_ok=True)

    # What the user does.

    def assets(self, body: str, file: str = "assets.py") -> None:
        """Write a module of assets under the imports that all of them need."""
        self.write(file, HEADER + dedent(body))

    def write(self, file: str, text: str | bytes) -> Path:
        """Write a file of the project."""
        self.settled = False
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else dedent(text).encode())
        return path

    def edit(self, old: str, new: str, file: str = "assets.py") -> None:
        """Replace the one occurrence of a piece of text."""
        text = (self.root / file).read_text()
        assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times in {file}"
        self.write(file, text.replace(old, new))

    def delete(self, file: str) -> None:
        """Delete a file or a folder of the project."""
        self.settled = False
        path = self.root / file
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()

    def path(self, file: str) -> Path:
        """Return the path of a file of the project."""
        return self.root / file

    # Commands.

    def run(self, *arguments: str, exit_code: int | None = 0, cold: bool = False, **env: Any) -> Ran:
        """Run one command in the project; None accepts every exit code."""
        run = run_cold if cold else run_warm
        ran = run(["--project", str(self.root), *arguments], cwd=self.channel, env={**self.env, **env})
        assert exit_code is None or ran.exit_code == exit_code, str(ran)
        assert "Traceback (most recent call last)" not in ran.stderr or exit_code == 1, str(ran)
        if "--json" in arguments and ran.exit_code == 2:
            check_errors(ran.json)
        return ran

    def build(self, *arguments: str, exit_code: int = 0, plan: bool = True, cold: bool = False, **env: Any) -> Causes:
        """Materialize; return the assets that were built, each with the kinds of its causes."""
        flags = {"-k", "--keep-going", "--no-wait", "--frozen"}
        planned = None
        if plan:
            without = [argument for argument in arguments if argument not in flags]
            planned = self.run("materialize", "-n", "--json", *without, cold=cold, **env).json
            check_plan(planned)
        log_before = len(self.log())
        jobs = ["-j", self.jobs] if self.jobs and "-j" not in arguments else []
        self.report = self.run("materialize", "--json", *jobs, *arguments, exit_code=exit_code, cold=cold, **env).json
        check_report(self.report)
        self._compare_with_log(self.log()[log_before:])
        if planned is not None:
            self._compare_with_plan(planned)
        self.settled = exit_code == 0 and not env and not [argument for argument in arguments if argument not in flags]
        return {
            entry["asset"]: sorted({cause["kind"] for cause in entry["causes"]})
            for entry in self.report["assets"]
            if entry["outcome"] == "built"
        }

    def refuse(self, *arguments: str, exit_code: int = 2, **env: Any) -> str:
        """Run a command that must be refused before anything runs; return all that it says."""
        before = self.log()
        ran = self.run(*arguments, exit_code=exit_code, **env)
        assert "Traceback" not in ran.text, str(ran)
        assert self.log() == before
        return ran.text

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start a command in a process group of its own and return while it runs."""
        return subprocess.Popen(
            cold_command(["--project", str(self.root), *arguments]),
            cwd=self.channel,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **options,
        )

    def rest(self) -> None:
        """Let all files become so old that their times say when they changed, as between two commands of a person."""
        files = [path for path in self.root.rglob("*") if ".assetbuild" not in path.parts]
        moved_ns = max((path.lstat().st_ctime_ns for path in [self.root, *files]), default=0)
        while (left_ns := moved_ns + _RESTED_NS - time.time_ns()) > 0:
            time.sleep(left_ns / 1e9)

    # What is to be seen.

    @property
    def outcomes(self) -> dict[str, str]:
        """Return the outcome of every asset in the last report, in its order."""
        return {entry["asset"]: entry["outcome"] for entry in self.report["assets"]}

    def entry(self, key: str) -> Any:
        """Return what the last report says of an asset."""
        (found,) = (entry for entry in self.report["assets"] if entry["asset"] == key)
        return found

    def status(self, *arguments: str, **env: Any) -> dict[str, str]:
        """Return the status of every asset."""
        return {entry["asset"]: entry["status"] for entry in self.plan(*arguments, **env)}

    def plan(self, *arguments: str, **env: Any) -> list[Any]:
        """Return the entries of ``status --json``."""
        document = self.run("status", "--json", *arguments, **env).json
        check_plan(document)
        entries: list[Any] = document["assets"]
        return entries

    def causes(self, key: str, *arguments: str, **env: Any) -> list[Any]:
        """Return the causes that ``status`` gives for an asset."""
        (found,) = (entry["causes"] for entry in self.plan(*arguments, **env) if entry["asset"] == key)
        return list(found)

    def why(self, key: str, *arguments: str, **env: Any) -> str:
        """Return the explanation for one asset as a person reads it."""
        return self.run("why", key, *arguments, **env).stdout

    def log(self) -> list[str]:
        """Return the names that assets logged so far, in the order of their execution."""
        log = self.channel / "log"
        return log.read_text().split() if log.exists() else []

    def value(self, key: str) -> Any:
        """Return the published value of an asset."""
        return self.values()[key]

    def values(self) -> dict[str, Any]:
        """Return every published value."""
        return values_in(self.root / "warehouse")

    def published(self, key: str) -> Path:
        """Return the one file in which an asset is published."""
        (path,) = (self.root / "warehouse").glob(f"{key}.*")
        return path

    def stamps(self, folder: str = "warehouse") -> dict[str, tuple[int, int, int]]:
        """Return inode, size and modification time of every file in a folder."""
        return {
            str(path.relative_to(self.root)): (stat.st_ino, stat.st_size, stat.st_mtime_ns)
            for path in sorted((self.root / folder).rglob("*"))
            if path.is_file()
            for stat in [path.stat()]
        }

    def state_bytes(self) -> bytes:
        """Return the bytes of the state database and its write-ahead log."""
        logged = self.path(".assetbuild/state.db-wal")
        return self.database().read_bytes() + (logged.read_bytes() if logged.exists() else b"")

    def database(self) -> Path:
        """Return the path of the state database."""
        return self.path(".assetbuild/state.db")

    def stored_bytes(self) -> bytes:
        """Return the bytes of every file that assetbuild wrote."""
        folders = (self.root / ".assetbuild", self.root / "warehouse")
        return b"".join(path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file())

    def copy(self, name: str, *, state: bool = True) -> ProjectFolder:
        """Copy the project beside itself, with or without its state and values."""
        target = self.root.parent / name
        ignore = None if state else shutil.ignore_patterns(".assetbuild", "warehouse", "__pycache__")
        shutil.copytree(self.root, target, ignore=ignore, symlinks=True)
        twin = ProjectFolder(target)
        twin.env = {**self.env, "EXECUTIONS": str(twin.channel)}
        return twin

    def clean_values(self) -> dict[str, Any]:
        """Return what a build of today's project in an empty store gives."""
        twin = self.copy(f"{self.root.name}.clean", state=False)
        try:
            twin.run("materialize", *(["-j", self.jobs] if self.jobs else []))
            return twin.values()
        finally:
            shutil.rmtree(twin.root)
            shutil.rmtree(twin.channel)

    def check_equals_clean_build(self) -> None:
        """Compare the value of every asset with that of a clean build."""
        clean = self.clean_values()
        values = self.values()
        assert {key: values.get(key) for key in clean} == clean

    # Cross-checks.

    def _compare_with_log(self, log: Sequence[str]) -> None:
        ran = {key for key, outcome in self.outcomes.items() if outcome in {"built", "failed"}}
        assert set(log) <= ran, f"executed {sorted(set(log))} but reported {self.outcomes}"
        silent = {key for key in ran - set(log) if self.entry(key)["outcome"] == "built"}
        logging = {name for name in self.outcomes if self._logs(name)}
        assert not silent & logging, f"reported as built but never executed: {sorted(silent)}"
        for key, times in Counter(log).items():
            assert times == self.entry(key)["attempts"], f"{key} executed {times} times"

    def _logs(self, key: str) -> bool:
        return any(f'executed("{key}"' in path.read_text() for path in self.root.rglob("*.py"))

    def _compare_with_plan(self, planned: Any) -> None:
        actions = {entry["asset"]: entry["action"] for entry in planned["assets"]}
        assert list(actions) == list(self.outcomes), "the plan and the report list different assets"
        allowed = {
            "run": {"built", "failed", "skipped"},
            "restore": {"restored", "skipped"},
            "check": {"built", "failed", "skipped", "restored", "fresh"},
            "none": {"fresh", "skipped"},
        }
        undecided = False
        for key, outcome in self.outcomes.items():
            # Behind an asset that runs, a changed asset may meet inputs that it was built from before.
            may = allowed["check"] if undecided and actions[key] == "run" else allowed[actions[key]]
            assert outcome in may, f"{key}: planned {actions[key]!r}, came out {outcome!r}"
            undecided = undecided or actions[key] in {"run", "check"}

    # Meeting a running build.

    def gate(self, name: str) -> Gate:
        """Make a place where the asset that calls ``pause(name)`` waits for the test."""
        return Gate(self.channel, name)


class Gate:
    """A place where an asset waits: two named pipes, so nothing depends on time."""

    def __init__(self, channel: Path, name: str) -> None:
        self._pipes = []
        for end in ("reached", "release"):
            path = channel / f"{name}.{end}"
            os.mkfifo(path)
            self._pipes.append(os.open(path, os.O_RDWR | os.O_NONBLOCK))

    def wait(self) -> None:
        """Return when the asset waits at the gate."""
        ready, _, _ = select.select([self._pipes[0]], [], [], TIMEOUT_S)
        assert ready, "the asset was not reached"
        os.read(self._pipes[0], 1)

    def open(self) -> None:
        """Let one waiting asset go on."""
        os.write(self._pipes[1], b"x")


def finish(process: subprocess.Popen[str], *arguments: str) -> Ran:
    """Wait for a started command and return what it printed."""
    stdout, stderr = process.communicate(timeout=TIMEOUT_S)
    return Ran(arguments, process.returncode, stdout, stderr)


def kill_group(process: subprocess.Popen[str]) -> None:
    """Kill a started command and its workers at once, as a crash of the machine would."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=TIMEOUT_S)


def without_privileges() -> None:
    """Give up root's right to pass over file permissions; a ``preexec_fn``."""
    drop_from_bounding_set = 24
    for dac_capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        ctypes.CDLL(None).prctl(drop_from_bounding_set, dac_capability, 0, 0, 0)


@contextmanager
def opened_files(folder: Path) -> Iterator[set[str]]:
    """Collect the names of the files in a folder that any process opens meanwhile (Linux inotify)."""
    in_open, nonblocking = 0x20, os.O_NONBLOCK
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(nonblocking)
    assert descriptor >= 0, "this system has no inotify"
    libc.inotify_add_watch(descriptor, os.fsencode(folder), in_open)
    names: set[str] = set()
    try:
        yield names
        with open(descriptor, "rb", buffering=0, closefd=False) as events:
            while data := events.read(65536):
                while data:
                    length = int.from_bytes(data[12:16], "little")
                    names.add(data[16 : 16 + length].rstrip(b"\0").decode())
                    data = data[16 + length :]
    finally:
        os.close(descriptor)
    names.discard("")


def user_version(database: Path) -> int:
    """Return the schema version of a state database."""
    connection = sqlite3.connect(database)
    try:
        return int(connection.execute("pragma user_version").fetchone()[0])
    finally:
        connection.close()
