"""Launch a worker process: its command, and what it inherits.

Apart from ``process.py``, and light, because after an edit this is the first thing that a command does.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys

from assetbuild.materialize.mailbox import Mailbox

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Launched", "launch_early", "take_early"]


class Launched:
    """A process that waits for its setup and imports libraries meanwhile, with our ends of what connects it with us."""

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        threads: bool,
        libraries: Sequence[str] = (),
        has_all: bool = False,
    ) -> None:
        """Start the process; ``has_all`` says that the libraries are all that any module of the project imports.

        Raises OSError where that cannot be done.
        """
        self.environment = environment
        self.threads = threads
        self.libraries = tuple(libraries)
        ours, theirs = socket.socketpair()
        self.mailbox = Mailbox.new()
        lifeline, self.lifeline = os.pipe()
        descriptors = (theirs.fileno(), lifeline, self.mailbox.fileno())
        kind = "threads" if threads else "prepared" if has_all else "tasks"
        module = "assetbuild.materialize.worker"
        self.process = subprocess.Popen(  # noqa: S603  # our own interpreter and module
            [sys.executable, "-m", module, *map(str, descriptors), kind, *libraries],
            pass_fds=descriptors,
            stdin=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
        self.pipe = ours.detach()
        theirs.close()
        os.close(lifeline)


_early: list[Launched] = []


def launch_early(libraries: Sequence[str]) -> None:
    """Start a process before anything else is known, for the first worker that is asked for; it ends with this one.

    The libraries are all that any module of the project imports.
    """
    try:
        _early.append(Launched(dict(os.environ), threads=False, libraries=libraries, has_all=True))
    except OSError:
        return  # then the build will say it


def take_early() -> Launched | None:
    """Return the process that was started early, if there is one that nobody took."""
    return _early.pop() if _early else None
