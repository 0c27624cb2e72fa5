"""Ask a user's function: in a thread of its own, with a deadline, so that it can neither stop nor end the loop.

A function that does not answer in time counts as failed; its thread cannot be ended, so it is left alone, what it says
later is thrown away, and it is not asked again before it has come back. It runs in the process of the watcher; what it
prints and logs is kept with the tick.
"""

from __future__ import annotations

import inspect
import logging
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from assetbuild.dataclass import dataclass
from assetbuild.declare.automation import RunRequest, SkipReason
from assetbuild.declare.durations import duration_text
from assetbuild.load.errors import user_traceback
from assetbuild.watch.printing import Prints

__all__ = ["Answer", "Call", "Evaluation"]

_LOG_CHARACTERS = 8_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What a function said at one tick: requests, or why there are none, or how it failed."""

    asked: tuple[RunRequest, ...] = ()
    reason: str = ""
    error: str = ""
    cursor: str | None = None
    seconds: float = 0.0
    log: str = ""
    value: Any = None


@dataclass(frozen=True, slots=True)
class Call:
    """What to call, and how long it may take. When ``is_raw`` the answer is the value itself, whatever it is."""

    function: Callable[..., Any]
    context: Any
    timeout_s: float
    is_raw: bool = False


class Evaluation:
    """One call of a function, from its start to its answer."""

    def __init__(self, call: Call, *, now: float, root: Path, wake: Callable[[], None] = lambda: None) -> None:
        """Start the call; ``wake`` is called from its thread when it has come back."""
        self._call = call
        self._deadline = now + call.timeout_s
        self._root = root
        self._wake = wake
        self._answer: Answer | None = None
        self._prints = Prints()
        self._thread = threading.Thread(target=self._run, name="assetbuild tick", daemon=True)
        self._thread.start()

    @property
    def deadline(self) -> float:
        """When it must have answered."""
        return self._deadline

    @property
    def is_running(self) -> bool:
        """Whether the function has not come back yet."""
        return self._thread.is_alive()

    def answer(self, now: float) -> Answer | None:
        """Return what the function said; a failure when it is too late; None while it may still answer."""
        if self._answer is None and now >= self._deadline:
            waited_s = self._call.timeout_s
            return Answer(error=f"it did not answer within {duration_text(waited_s)}", seconds=waited_s)
        return self._answer

    def wait(self) -> Answer:
        """Wait for the answer, no longer than the function may take."""
        self._thread.join(self._call.timeout_s)
        return self.answer(self._deadline) or Answer()

    def settle(self, timeout_s: float) -> None:
        """Wait until the function has come back, or so long."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        began = time.monotonic()
        lines = _Lines()
        self._prints.begin(lines.keep)
        function, context = self._call.function, self._call.context
        logger = getattr(context, "log", None)
        if isinstance(logger, logging.Logger):
            logger.setLevel(logging.INFO)
            logger.addHandler(lines)
        try:
            said = function(context) if _takes_one(function) else function()
            answer = Answer(value=said) if self._call.is_raw else _read(said, context)
        except BaseException as error:  # noqa: BLE001  # even SystemExit: a sensor never ends the watcher
            answer = Answer(error=user_traceback(error, self._root))
        finally:
            self._prints.end()
            if isinstance(logger, logging.Logger):
                logger.removeHandler(lines)
        self._answer = Answer(
            answer.asked,
            answer.reason,
            answer.error,
            answer.cursor,
            time.monotonic() - began,
            lines.text(),
            answer.value,
        )
        self._wake()


class _Lines(logging.Handler):
    """Keeps what a function prints and logs, up to a limit."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
        self._texts: list[str] = []
        self._left = _LOG_CHARACTERS

    def emit(self, record: logging.LogRecord) -> None:
        self.keep(f"{self.format(record)}\n")

    def keep(self, text: str) -> None:
        if self._left > 0:
            self._texts.append(text if len(text) <= self._left else f"{text[: self._left]}...")
        self._left -= len(text)

    def text(self) -> str:
        return "".join(self._texts).rstrip("\n")


def _takes_one(function: Callable[..., Any]) -> bool:
    """Return whether the function takes the context; one without parameters need not."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return True
    return any(parameter.kind is not inspect.Parameter.VAR_KEYWORD for parameter in parameters)


def _read(said: Any, context: Any) -> Answer:
    items = _items(said)
    for item in items:
        if not isinstance(item, (RunRequest, SkipReason)):
            message = f"it gave {type(item).__name__}: return or yield RunRequest, SkipReason, or nothing"
            return Answer(error=message)
    cursor = getattr(context, "cursor", None)
    if cursor is not None and not isinstance(cursor, str):
        return Answer(error=f"the cursor is text, not {type(cursor).__name__}: write context.cursor = str(...)")
    asked = tuple(item for item in items if isinstance(item, RunRequest))
    reason = "" if asked else "; ".join(item.reason for item in items if isinstance(item, SkipReason))
    return Answer(asked, reason, "", cursor)


def _items(said: Any) -> list[Any]:
    if said is None:
        return []
    if isinstance(said, (RunRequest, SkipReason, str, bytes)) or not isinstance(said, Iterable):
        return [said]
    return [item for item in said if item is not None]
