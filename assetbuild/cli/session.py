"""Run something in the terminal of this process: the one place where errors become messages and exit codes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from assetbuild import __version__
from assetbuild.cli.terminal import Terminal, terminal_of_process
from assetbuild.dataclass import replace
from assetbuild.errors import AssetbuildError, Problem

__all__ = ["in_terminal", "report_problems"]

INTERRUPTED = 130
BUG = 70  # EX_SOFTWARE of sysexits.h


def in_terminal(run: Callable[[Terminal], int], *, as_json: bool) -> int:
    """Run a command and return its exit code; what it raises is told."""
    with terminal_of_process(as_json=as_json) as terminal:
        code = _run(run, terminal)
        if terminal.output_lost:
            terminal.note(f"cannot write the output: {terminal.output_lost}")
            return code or 1
        return code


def _run(run: Callable[[Terminal], int], terminal: Terminal) -> int:
    try:
        return run(terminal)
    except AssetbuildError as error:
        return report_problems(terminal, error.problems, error.exit_code)
    except KeyboardInterrupt:
        return report_problems(terminal, (Problem("interrupted"),), INTERRUPTED)
    except Exception as error:  # noqa: BLE001  # the last stop: what arrives here is a bug in assetbuild
        return _report_bug(terminal, error)


def report_problems(terminal: Terminal, problems: Sequence[Problem], exit_code: int) -> int:
    """Say what is wrong on stderr, under ``--json`` also as the document of errors, and return the exit code."""
    if terminal.as_json:
        terminal.json({"errors": [_problem_as_json(problem) for problem in problems]})
    prefix = terminal.on_stderr("error:", "error")
    terminal.note("\n\n".join(f"{prefix} {problem}" for problem in problems))
    return exit_code


def _problem_as_json(problem: Problem) -> dict[str, str | int | None]:
    return {"message": str(replace(problem, file=None, line=None)), "file": problem.file, "line": problem.line}


def _report_bug(terminal: Terminal, error: Exception) -> int:
    import traceback  # noqa: PLC0415  # 5 ms, and only a bug needs it

    what = traceback.format_exception_only(error)[-1].strip()
    problem = Problem(
        f"a bug in assetbuild {__version__}: {what}",
        advice="Your data is as it was after the last finished asset. Please report this with the traceback above.",
    )
    terminal.note("".join(traceback.format_exception(error)).rstrip())
    return report_problems(terminal, (problem,), BUG)
