"""No workers at all: tasks run in the main process, for debugging with ``--jobs 0``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from multiprocessing.connection import wait
from typing import Any

from assetbuild.materialize.cancel import Waitable
from assetbuild.materialize.interrupt import Interrupt
from assetbuild.materialize.step import Runtime, run_task
from assetbuild.materialize.surroundings import surroundings
from assetbuild.materialize.task import Progress, Task, TaskResult

__all__ = ["InlinePool"]


class InlinePool:
    """Runs each task in the main process at once, so that ``breakpoint()`` works."""

    jobs = 1
    has_killed = False

    def __init__(self, runtime: Runtime, interrupt: Interrupt) -> None:
        """Take the project as the main process loaded it."""
        self.runtime = runtime
        self.interrupt = interrupt
        self._done: list[tuple[Any, TaskResult]] = []

    def has_room(self) -> bool:
        """Return whether a task could start now."""
        return not self._done

    def has_room_ahead(self) -> bool:
        """Return False: nothing runs while the caller goes on."""
        return False

    def start_ahead(self, handle: Any, task: Task) -> bool:  # noqa: ARG002  # as the other pool has it
        """Return False: nothing runs while the caller goes on."""
        return False

    def share_out(self) -> list[Any]:
        """Return nothing: nobody waits."""
        return []

    take_back = share_out

    @property
    def running(self) -> list[Any]:
        """The handles of the tasks whose results wait."""
        return [handle for handle, _ in self._done]

    def start(self, handle: Any, task: Task, timeout_s: float | None) -> None:  # noqa: ARG002  # nobody can stop this process
        """Run the task now."""
        with self.interrupt.raised_here(), surroundings(self.runtime.settings.root):
            result = run_task(task, self.runtime)
            if not self.interrupt.requested:
                self._done.append((handle, result))

    def wait(self, others: Sequence[Waitable], timeout_s: float | None) -> Iterator[tuple[Any, TaskResult | Progress]]:
        """Yield the results that are there; wait for ``others`` only when there are none."""
        if not self._done:
            wait([other.fileno() for other in others], timeout_s)
        while self._done:
            yield self._done.pop(0)

    def cancel(self, handle: Any) -> None:
        """Do nothing: what was given is done."""

    def release(self) -> None:
        """Do nothing: there is no process to end."""

    def close(self) -> None:
        """Do nothing: there is no process to end."""
