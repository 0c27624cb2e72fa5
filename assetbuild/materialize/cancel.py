"""Cancel: the seam by which a caller ends running work that has become obsolete, and lets the rest finish."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

__all__ = ["Cancel", "Waitable"]


class Waitable(Protocol):
    """What can be waited on: a pipe, a socket."""

    def fileno(self) -> int:
        """Return the file descriptor."""


class Cancel(Protocol):
    """Says, while a build runs, which of its assets are no longer worth their time.

    When there are any, those of them that run are ended, those that run beside them finish, and nothing else starts.
    """

    @property
    def connections(self) -> Sequence[Waitable]:
        """What to wait on beside other things; readable when there is something to look at."""

    def obsolete(self, unfinished: Callable[[], frozenset[str]]) -> frozenset[str]:
        """Return which of the unfinished assets are obsolete; called in the build's own thread, each time it wakes."""
