"""A worker process: loads the project once, then runs tasks until its pipe closes.

Started with ``spawn`` semantics, a fresh interpreter: polars and duckdb have threads that do not survive a fork.
It compiles the very bytes that the parent hashed. It lives in a session of its own, so that Ctrl-C reaches only the
parent, and it dies with the parent: a thread waits on a pipe that closes when the parent is gone.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from multiprocessing.connection import Connection
from pathlib import Path

from assetbuild.errors import AssetbuildError
from assetbuild.load.definitions import load_definitions
from assetbuild.load.errors import user_traceback
from assetbuild.materialize.pool import restore_environment
from assetbuild.materialize.step import Runtime, run_task
from assetbuild.materialize.task import Began, Progress, Task, TaskResult, WorkerSetup
from assetbuild.store.objects import Objects
from assetbuild.store.registry import IOManagers

__all__ = ["runtime_of"]


def runtime_of(setup: WorkerSetup) -> Runtime:
    """Load the project from the bytes of the setup."""
    settings = setup.settings
    io_managers = IOManagers(settings.root, settings.root / settings.warehouse, settings.io_managers)
    definitions = load_definitions(settings, io_managers, bundle=setup.bundle)
    return Runtime(settings, definitions.graph, io_managers, Objects(settings.state_folder / "objects"))


def _main(pipe: Connection, lifeline: int) -> None:
    for inherited in (pipe.fileno(), lifeline):  # not by what an asset starts: os.system closes nothing
        os.set_inheritable(inherited, False)  # noqa: FBT003  # takes no keywords
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, args=(lifeline,), daemon=True).start()
    _redirect(None)
    setup: WorkerSetup = pipe.recv()
    os.chdir(setup.settings.root)
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a real stream, as the process began
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("assetbuild.asset").setLevel(logging.INFO)
    try:
        runtime = runtime_of(setup)
    except AssetbuildError as error:
        pipe.send(TaskResult(0.0, error=f"the worker cannot load the project: {error}"))
        return
    environment = dict(os.environ)
    while True:
        try:
            task: Task = pipe.recv()
        except EOFError:
            return
        _redirect(task.log)
        os.chdir(setup.settings.root)
        if task.has_timeout:
            pipe.send(Began())
        try:
            result = run_task(task, runtime, lambda done, total: pipe.send(Progress(done, total)))
        except Exception as error:  # noqa: BLE001  # a bug of ours must fail one asset, not hang the build
            result = TaskResult(0.0, error=f"assetbuild failed here; this is a bug\n{user_traceback(error)}")
        _redirect(None)
        restore_environment(environment)
        pipe.send(result)


def _redirect(log: Path | None) -> None:
    # On the level of file descriptors, so that native code and child processes are captured as well.
    sys.stdout.flush()
    sys.stderr.flush()
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    try:
        target = os.open(log or os.devnull, flags, 0o666)
    except OSError:  # a full disk: the asset may still have something to say that is no output
        target = os.open(os.devnull, flags)
    os.dup2(target, 1)
    os.dup2(target, 2)
    os.close(target)


def _die_with_parent(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    _main(Connection(int(sys.argv[1])), int(sys.argv[2]))
