"""Errors, exit codes, and what a command imports."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import click
import pytest

from assetbuild import __version__
from assetbuild.cli import status
from assetbuild.cli.building import BuildFlags
from assetbuild.cli.entry import commands, main
from assetbuild.cli.materialize import materialize_command
from assetbuild.cli.quick import plain
from assetbuild.errors import BusyError, DefinitionError, Problem


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run a command in an empty folder; return exit code, stdout and stderr."""

    def run(*arguments):
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            patch.chdir(tmp_path)
            code = main(arguments)
            for stream in (out, err):
                stream.flush()
        return code, *(stream.buffer.getvalue().decode() for stream in (out, err))

    return run


def fail(monkeypatch, error):
    def raised(*_arguments, **_options):
        raise error

    monkeypatch.setattr(status, "open_project", raised)


def test_every_command_has_its_help(run):
    context = click.Context(commands)
    names = commands.list_commands(context)
    assert len(names) == 17
    for name in names:
        code, out, _ = run(name, "--help")
        assert code == 0
        assert f"assetbuild {name}" in out


def test_help_lists_every_command(run):
    code, out, _ = run("--help")
    assert code == 0
    assert [name for name in commands.list_commands(click.Context(commands)) if f"\n  {name} " not in out] == []


@pytest.mark.parametrize(
    "words",
    [[], ["-k"], ["--keep-going", "-j3"], ["--jobs=2", "-j4"], ["--no-wait"], ["--no-wait", "--wait"], ["-j4", "-k"]],
)
def test_what_is_understood_without_click_is_what_click_understands(words):
    context = materialize_command.make_context("materialize", list(words))
    flags = {name: value for name, value in context.params.items() if name in BuildFlags.__match_args__}
    understood = plain(["materialize", *words])
    assert understood is not None
    assert BuildFlags(**understood[2]) == BuildFlags(**flags)
    assert plain(["--project", ".", "materialize", *words]) == ("materialize", ".", understood[2])
    assert (context.params["selection"], context.params["settings"], context.params["config_file"]) == ((), (), None)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--project"],
        ["--project", "nowhere", "materialize"],
        ["status", "a"],
        ["status", "-k"],
        ["materialize", "a"],
        ["materialize", "-n"],
        ["materialize", "-j0"],
        ["materialize", "-j", "2"],
        ["materialize", "--frozen"],
        ["materialize", "--json"],
    ],
)
def test_all_else_is_left_to_click(words):
    assert plain(words) is None


def test_version(run):
    assert run("--version") == (0, f"assetbuild {__version__}\n", "")


def test_without_a_command_the_help_is_shown(run):
    code, out, err = run()
    assert (code, out) == (2, "")
    assert "materialize" in err


def test_a_command_that_is_mistyped(run):
    assert run("statsu") == (
        2,
        "",
        "error: no such command: 'statsu'; did you mean 'status'?\nSee 'assetbuild --help'.\n",
    )


def test_a_flag_that_does_not_exist(run):
    code, out, err = run("status", "--jobs", "3")
    assert (code, out) == (2, "")
    assert err.startswith("error: no such option")
    assert err.endswith("See 'assetbuild status --help'.\n")


@pytest.mark.parametrize("arguments", [["status", "--nope"], ["accept", "a"], ["materialize", "-j", "x"], ["why"]])
def test_bad_usage_is_a_document_under_json(run, arguments):
    code, out, _ = run(*arguments, "--json")
    (error,) = json.loads(out)["errors"]
    assert code == 2
    assert error["message"]
    assert (error["file"], error["line"]) == (None, None)


def test_no_project_is_told_with_the_way_out(run):
    code, out, err = run("status")
    assert (code, out) == (2, "")
    assert "no project found" in err
    assert "assetbuild init" in err


def test_a_working_directory_that_is_gone_is_told(tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    script = 'cd "$2" && rmdir "$2" && exec "$1" -m assetbuild status'
    command = ["bash", "-c", script, "bash", sys.executable, str(gone)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: the working directory is gone\n")


def test_a_project_with_duckdb_ends_without_its_complaints(tmp_path):
    (tmp_path / "assets.py").write_text(
        "import duckdb\nfrom assetbuild import asset\n@asset\ndef a() -> int:\n    return 1\n"
    )
    command = [sys.executable, "-m", "assetbuild", "--project", str(tmp_path), "status"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_all_problems_are_told_at_once(run, monkeypatch):
    fail(monkeypatch, DefinitionError(Problem("one", (("fact", "x"),), "Mend it.", "assets.py", 3), Problem("two")))
    code, out, err = run("status", "--json")
    assert code == 2
    assert json.loads(out) == {
        "errors": [
            {"message": "one\n  fact  x\nMend it.", "file": "assets.py", "line": 3},
            {"message": "two", "file": None, "line": None},
        ]
    }
    assert err == "error: one\n  fact  x\n  at    assets.py:3\nMend it.\n\nerror: two\n"


def test_an_error_brings_its_exit_code(run, monkeypatch):
    fail(monkeypatch, BusyError("another build holds the project"))
    assert run("status")[0] == 1


def test_an_interrupt_is_130(run, monkeypatch):
    fail(monkeypatch, KeyboardInterrupt())
    code, out, err = run("status", "--json")
    assert code == 130
    assert "interrupted" in json.loads(out)["errors"][0]["message"]
    assert "Traceback" not in err


def test_a_bug_of_ours_says_so_and_keeps_its_traceback(run, monkeypatch):
    fail(monkeypatch, ZeroDivisionError("division by zero"))
    code, out, err = run("status", "--json")
    assert code == 70
    assert "a bug in assetbuild" in json.loads(out)["errors"][0]["message"]
    assert "Traceback (most recent call last)" in err
    assert "ZeroDivisionError: division by zero" in err


def test_the_command_line_imports_the_standard_library_and_click_alone():
    script = "import sys; before = set(sys.modules); import assetbuild.cli.entry; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    imported = {module.split(".")[0] for module in done.stdout.split()}
    assert imported - sys.stdlib_module_names == {"assetbuild", "click"}


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_trouble(closed):
    script = f'"$1" -m assetbuild completion bash {closed}; echo $? >&9'
    done = subprocess.run(
        ["bash", "-c", f"exec 9>&1; {script}", "bash", sys.executable], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "0"
    assert done.stderr == ""


def test_json_is_alone_on_stdout_whatever_a_module_prints(tmp_path):
    noise = 'import os\nprint("noise")\nos.system("echo native noise")\n'
    (tmp_path / "assets.py").write_text(
        noise + "from assetbuild import asset\n\n@asset\ndef a() -> int:\n    return 1\n"
    )
    for arguments in (["status"], ["materialize", "-j", "0"], ["nope"]):
        command = [sys.executable, "-m", "assetbuild", *arguments, "--json"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert list(json.loads(done.stdout))


@pytest.mark.parametrize("arguments", [["status"], ["list"], ["status", "--help"], ["materialize"]])
def test_a_reader_that_leaves_early_hears_no_complaint(tmp_path, arguments):
    (tmp_path / "assets.py").write_text("from assetbuild import asset\n\n@asset\ndef a() -> int:\n    return 1\n")
    command = [sys.executable, "-m", "assetbuild", *arguments]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate()
    assert err == ""
