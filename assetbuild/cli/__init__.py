"""The command line: renders what ``Project`` says, and decides nothing.

    entry        the group of commands; every error becomes a message and an exit code
    options      what commands share: selections, --set, --config, --json
    terminal     where text goes: stdout and stderr, colour, width
    formats      numbers, sizes, durations and times as people read them

    materialize  materialize, with progress.py (lines and the live view)
    status       status, and the listing of a plan that ``materialize -n`` prints too
    why          why
    catalog      list, graph
    details      show
    history      runs, logs
    automation   sensors, schedules
    upkeep       accept, clean, gc
    diagnosis    doctor
    scaffold     init
    completion   completion, and the completion of asset keys

Importing it imports the standard library and click alone; a command's own module is imported when it runs.

Exit codes: 0 done (or fresh), 1 an asset or check failed or another build holds the project, 2 bad usage or bad
definitions, 3 stale under ``--exit-code`` or ``--frozen``, 70 a bug in assetbuild, 130 interrupted.
"""

from __future__ import annotations

from assetbuild.cli.entry import main

__all__ = ["main"]
