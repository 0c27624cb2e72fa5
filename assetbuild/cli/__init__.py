"""The command line: renders what ``Project`` says, and decides nothing.

    quick        help, version and "nothing to do": said before anything is imported; help/ holds the texts
    everything   materialize and status of everything, which need no click
    entry        the group of commands, for all else
    session      runs one in this process's terminal; every error becomes a message and an exit code
    options      what commands share: selections, --set, --config, --json
    terminal     where text goes: stdout and stderr, colour, width
    formats      numbers, sizes, durations and times as people read them

    screen       what is drawn anew in a terminal, below lines that scroll by; imported where there is one

    materialize  materialize, with building.py (what it does), progress.py (its lines) and live.py (its live view)
    watch        watch, with watch_lines.py and watch_view.py
    status       status, with plans.py, which ``materialize -n`` prints with too
    why          why
    catalog      list, graph
    details      show
    history      runs, logs
    automation   sensors, schedules
    upkeep       accept, clean, gc
    diagnosis    doctor
    scaffold     init
    completion   completion, and the completion of asset keys

Importing it imports the standard library alone, what is not answered at once click too; a command's own module is
imported when it runs.

Exit codes: 0 done (or fresh), 1 an asset or check failed or another build holds the project, 2 bad usage or bad
definitions, 3 stale under ``--exit-code`` or ``--frozen``, 70 a bug in assetbuild, 130 interrupted.
"""

from __future__ import annotations

import gc
import sys

from assetbuild.cli.quick import answer_at_once, note_news, plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main", "program"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    code = answer_at_once(given)
    if code is not None:
        return code
    try:
        if (understood := plain(given)) is not None:
            from assetbuild.cli.everything import run_plain  # noqa: PLC0415  # most of the program

            return run_plain(*understood)
        from assetbuild.cli.entry import main as run  # noqa: PLC0415  # click: 30 ms

        return run(given)
    finally:
        note_news()


def program() -> int:
    """Run the command of this process, which ends with it, and return its exit code."""
    try:
        return main()
    finally:
        if "duckdb" not in sys.modules:  # it complains of what is not collected, in fifty lines
            gc.freeze()  # or Python would search all that is left for garbage, for 50 ms and more
