"""The surroundings of an asset function: folder, environment and import path; put back when it has ended."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from assetbuild.dataclass import dataclass
from assetbuild.load.folder import working_in

__all__ = ["Environment", "Surroundings", "one_process", "surroundings"]


class Environment:
    """The environment as it was at one moment; what one asset sets must not reach the next, which may run elsewhere."""

    def __init__(self) -> None:
        """Remember it."""
        self._raw = dict(_raw())
        self._variables = dict(os.environ)

    def restore(self) -> None:
        """Put it back."""
        if _raw() != self._raw:
            os.environ.clear()
            os.environ.update(self._variables)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What loading the project found: it may change it, and loading it again must begin from the same."""

    environment: Environment
    path: tuple[str, ...]

    @classmethod
    def now(cls) -> Surroundings:
        """Remember those of this moment."""
        return cls(Environment(), tuple(sys.path))

    def restore(self) -> None:
        """Put them back."""
        self.environment.restore()
        sys.path[:] = self.path


@contextmanager
def surroundings(folder: Path) -> Iterator[None]:
    """Work in a folder, and put back folder and environment as they were."""
    environment = Environment()
    try:
        with working_in(folder):
            yield
    finally:
        environment.restore()


@contextmanager
def one_process() -> Iterator[None]:
    """Go on in the process that came in: one that was forked in the block, and comes out of it too, ends there."""
    own = os.getpid()
    try:
        yield
    except BaseException as error:
        if os.getpid() != own:
            if not isinstance(error, SystemExit):
                sys.excepthook(type(error), error, error.__traceback__)
            _end()
        raise
    if os.getpid() != own:
        _end()


def _end() -> NoReturn:
    with suppress(Exception):  # whatever the streams are by now
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(0)


def _raw() -> Mapping[Any, Any]:
    """Return the dict under ``os.environ``: comparing that takes 0.1 us and not 80, which each asset would pay."""
    raw: Mapping[Any, Any] = getattr(os.environ, "_data", os.environ)
    return raw
