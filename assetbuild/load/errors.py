"""Show an exception of the user's code with the user's own frames only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import traceback

__all__ = ["user_traceback"]

_OWN = str(Path(__file__).parent.parent)


def user_traceback(error: BaseException, root: Path | None = None) -> str:
    """Return the traceback as text without the frames of assetbuild and of libraries.

    Frames below ``root`` are the user's; without ``root``, or when none is, all but assetbuild's own are kept.
    """
    import traceback  # noqa: PLC0415  # with what it imports 5 ms, and only failures need it

    shown = traceback.TracebackException.from_exception(error, compact=True)
    _keep(shown, str(root) if root is not None else None)
    return "".join(shown.format()).rstrip("\n")


def _keep(shown: traceback.TracebackException, root: str | None) -> None:
    frames = [frame for frame in shown.stack if not frame.filename.startswith((_OWN, "<frozen "))]
    if root is not None:
        users = [frame for frame in frames if frame.filename.startswith(root) and "site-packages" not in frame.filename]
        frames = users or frames
    shown.stack[:] = frames
    for more in (shown.__cause__, shown.__context__, *(shown.exceptions or ())):
        if more is not None:
            _keep(more, root)
