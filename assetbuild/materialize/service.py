"""What a worker process does: load the project, run tasks, and load it again when the code has changed.

It runs the very bytes that the parent hashed, as the parent compiled them where it did. It lives in a session of its
own, so that Ctrl-C reaches only the parent, and it dies with the parent: a thread waits on a pipe that closes when the
parent is gone.
"""

from __future__ import annotations

import gc
import importlib
import logging
import os
import pickle
import select
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from operator import getitem

from assetbuild.errors import AssetbuildError
from assetbuild.graph.model import Graph
from assetbuild.load.compiled import Compiled
from assetbuild.load.definitions import load_definitions
from assetbuild.load.errors import user_traceback
from assetbuild.materialize.channel import Channel
from assetbuild.materialize.mailbox import Mailbox
from assetbuild.materialize.renewal import runs_more_threads
from assetbuild.materialize.step import Runtime, run_task
from assetbuild.materialize.surroundings import Environment, Surroundings
from assetbuild.materialize.task import Began, Progress, Ready, Secrets, Task, TaskResult, Unfit, WorkerSetup
from assetbuild.store.objects import Objects
from assetbuild.store.registry import IOManagers

__all__ = ["Service", "serve"]

_OF_TABLES = ("pyarrow.parquet", "assetbuild.fingerprint.data.tables", "assetbuild.store.publish", "ctypes")
_TIDY_AFTER_S = 1.0
_LITTER_MOST = 50
"""After so many loads without a second's rest the modules of earlier ones are collected in any case."""


def serve(pipe: Channel, lifeline: int, mailbox: int, *, kind: str, libraries: Sequence[str] = ()) -> None:
    """Answer the parent's messages until its pipe closes; import libraries before there are any.

    A worker of the kind "threads" runs tasks in threads; one that is "prepared" gets all libraries of the project.
    """
    for inherited in (pipe.fileno(), lifeline, mailbox):  # not by what an asset starts: os.system closes nothing
        os.set_inheritable(inherited, False)  # noqa: FBT003  # takes no keywords
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, args=(lifeline,), daemon=True).start()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    _redirect(nowhere)
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a real stream, as the process began
    made = Service
    if kind == "threads":
        from assetbuild.materialize.threads import ThreadedService  # noqa: PLC0415  # it is a Service

        made = ThreadedService
    with suppress(EOFError):
        service = made(pipe, Mailbox.of(mailbox), nowhere)
        service.is_prepared = kind == "prepared"
        if libraries:
            service.import_early(libraries)
        service.serve()


class Service:
    """What lives from one message to the next."""

    def __init__(self, pipe: Channel, mailbox: Mailbox, nowhere: int) -> None:
        """Take the pipe to the parent, where it puts tasks ahead, and the file descriptor of the null device."""
        self._pipe = pipe
        self._mailbox = mailbox
        self._arrivals = select.poll()
        self._arrivals.register(pipe.fileno(), select.POLLIN)
        self._nowhere = nowhere
        self._found = Surroundings.now()
        self._environment = self._found.environment
        self._setup: WorkerSetup | None = None
        self._runtime: Runtime | None = None
        self._litter = 0
        self._first: bytes | None = None
        self.is_prepared = False
        """Whether all libraries are there that any module of the project imports, so that one may be loaded apart."""

    def import_early(self, libraries: Sequence[str]) -> None:
        """Import libraries, and receive the first message meanwhile: a parent with a long one would wait."""
        receiver = threading.Thread(target=self._receive_first)
        receiver.start()
        _import_early(libraries)
        receiver.join()

    def _receive_first(self) -> None:
        with suppress(EOFError):  # then it comes again
            self._first = self._pipe.recv_bytes()

    def serve(self) -> None:
        """Answer messages until the pipe closes."""
        while True:
            message = self._next()
            if isinstance(message, WorkerSetup):
                unfit = self._load(message)
                if unfit is not None:
                    self.send(0, Unfit(unfit))
                    return
                self.send(0, Ready())
                self._look_forward()
            else:
                self.run(*message)

    def _look_forward(self) -> None:
        """Load what will be needed, while there is nothing to do yet: edited assets, and what writing tables takes."""
        assert self._setup is not None  # noqa: S101  # a setup was loaded
        assert self._runtime is not None  # noqa: S101
        assets = self._runtime.graph.assets
        ahead: list[Callable[[], object]] = [partial(getitem, assets, key) for key in self._setup.edited]
        if "pyarrow" in sys.modules and "pyarrow.parquet" not in sys.modules:
            ahead += [partial(importlib.import_module, name) for name in _OF_TABLES]
        for load in ahead:
            if self._arrivals.poll(0):
                return
            with suppress(Exception):  # then an asset will say it
                load()

    def _next(self) -> WorkerSetup | tuple[int, Task]:
        """Wait for a message; what comes by the pipe was sent before what lies in the box.

        After a failure the box is left alone until the pipe says that the build goes on.
        """
        message, self._first = self._first, None
        while message is None:
            if self._litter and (self._litter >= _LITTER_MOST or not self._arrivals.poll(_TIDY_AFTER_S * 1000)):
                self._tidy()
            arrived = {descriptor for descriptor, _ in self._arrivals.poll()}
            message = self._pipe.recv_bytes() if self._pipe.fileno() in arrived else self._mailbox.take()
        self._arrivals.register(self._mailbox.fileno(), select.POLLIN)
        return pickle.loads(message)  # type: ignore[no-any-return]  # noqa: S301  # our parent's

    def _load(self, setup: WorkerSetup) -> str | None:
        """Load the project, again if need be; return why it could not be."""
        settings = setup.settings
        os.chdir(settings.root)
        if self._setup is None:
            logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
            logging.getLogger("assetbuild.asset").setLevel(logging.INFO)
        else:
            # All first-party modules are loaded anew, or this process ends: never a mixture of old and new code. Also
            # those that did not change: what they hold, such as a cache of what a file said, may be of yesterday.
            if runs_more_threads():
                return "a thread of the old code runs"
            self._found.restore()
            self._litter += 1
        io_managers = IOManagers(settings.root, settings.root / settings.warehouse, settings.io_managers)
        try:
            graph = self._graph(setup, io_managers)
        except AssetbuildError as error:
            return str(error)
        objects = Objects(settings.state_folder / "objects")
        self._setup, self._runtime = setup, Runtime(settings, graph, io_managers, objects)
        self._environment = Environment()
        gc.freeze()  # the modules stay: no collection has to look at them
        gc.enable()
        return None

    def _graph(self, setup: WorkerSetup, io_managers: IOManagers) -> Graph:
        compiled = setup.compiled or Compiled()
        if compiled.homes and self.is_prepared and self._setup is None:
            # Imported here: seldom.
            from assetbuild.load.apart import graph_apart  # noqa: PLC0415

            return graph_apart(setup.settings, compiled.homes, bundle=setup.bundle, codes=compiled.codes)
        return load_definitions(
            setup.settings, io_managers, bundle=setup.bundle, codes=compiled.codes, on_demand=True
        ).graph

    def _tidy(self) -> None:
        """Let go of the modules of earlier loads, when there is time: nobody collects what is frozen."""
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        self._litter = 0

    def _opened(self, log: str | None) -> int:
        if log is None:
            return self._nowhere
        try:
            return os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        except OSError:  # a full disk: the asset may still have something to say that is no output
            return self._nowhere

    def send(self, number: int, message: object) -> None:
        """Send a message about the task of this number."""
        self._pipe.send_bytes(pickle.dumps((number, message), pickle.HIGHEST_PROTOCOL))

    def run(self, number: int, task: Task) -> None:
        """Run a task to its end, and send its result."""
        assert self._runtime is not None  # noqa: S101  # the pool sends the setup first
        os.chdir(self._runtime.settings.root)
        with suppress(Exception):  # then it comes again, where it is told
            self._runtime.graph.assets[task.asset]  # what has to be loaded for it is no part of its run
        log = self._opened(task.log)
        _redirect(log)
        if task.has_timeout:
            self.send(number, Began())
        result = self.result_of(number, task)
        _redirect(self._nowhere)
        if log != self._nowhere:
            os.close(log)
        self._environment.restore()
        if result.error is not None:
            self._arrivals.unregister(self._mailbox.fileno())
        self.send(number, result)

    def result_of(self, number: int, task: Task) -> TaskResult:
        """Return how a task ends."""
        assert self._runtime is not None  # noqa: S101  # the pool sends the setup first
        try:
            return run_task(
                task,
                self._runtime,
                lambda done, total: self.send(number, Progress(done, total)),
                lambda texts: self.send(number, Secrets(texts)),
            )
        except Exception as error:  # noqa: BLE001  # a bug of ours must fail one asset, not hang the build
            return TaskResult(0.0, error=f"assetbuild failed here; this is a bug\n{user_traceback(error)}")


def _import_early(libraries: Sequence[str]) -> None:
    # Not from the folder of the command: what lies there is loaded from the bytes that the parent hashed.
    own = [folder for folder in sys.path if folder in {"", os.getcwd()}]
    sys.path[:] = [folder for folder in sys.path if folder not in own]
    for name in libraries:
        with suppress(Exception):  # the project's own import will say it
            importlib.import_module(name)
    sys.path[:0] = own  # what a library has added stays


def _redirect(target: int) -> None:
    # On the level of file descriptors, so that native code and child processes are captured as well.
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(target, 1)
    os.dup2(target, 2)


def _die_with_parent(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.killpg(0, signal.SIGKILL)
