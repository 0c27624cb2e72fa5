"""The virtual environments of the peers: made once by uv, outside of the repository, one for each set of packages.

They lie in ``$ASSETBUILD_BENCH_CACHE``, or in ``~/.cache/assetbuild-bench``. What does not install is reported with
its reason; the benchmark goes on without it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

__all__ = ["CHECKOUT", "NotInstalledError", "cache_folder", "packages", "python_of"]


CHECKOUT = "assetbuild"
"""The requirement that means this checkout, without its extras, as a user would install it."""

ROOT = Path(__file__).parents[2]
_ONE_AT_A_TIME = threading.Lock()


class NotInstalledError(Exception):
    """A peer cannot be had here; the message says why."""


def cache_folder() -> Path:
    """Return the folder of environments and data, which must lie outside of the repository."""
    chosen = os.environ.get("ASSETBUILD_BENCH_CACHE")
    folder = Path(chosen) if chosen else Path.home() / ".cache" / "assetbuild-bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def python_of(requirements: Sequence[str]) -> Path:
    """Return the interpreter of an environment with these packages; make it when it is not there."""
    project = (ROOT / "pyproject.toml").read_bytes() + str(ROOT).encode() if CHECKOUT in requirements else b""
    name = requirements[0].partition("==")[0]
    mark = hashlib.sha256(repr((sorted(requirements), sys.version)).encode() + project).hexdigest()[:12]
    folder = cache_folder() / "envs" / f"{name}-{mark}"
    with _ONE_AT_A_TIME:
        if not (folder / "complete").exists():
            _make(folder, requirements)
    return folder / "bin" / "python"


def _make(folder: Path, requirements: Sequence[str]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    _uv("venv", "--quiet", "--python", sys.executable, str(folder))
    wanted = [part for each in requirements for part in (("--editable", str(ROOT)) if each == CHECKOUT else (each,))]
    _uv("pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), *wanted)
    (folder / "complete").touch()


def packages(python: Path, names: Sequence[str]) -> dict[str, str]:
    """Return the versions of some distributions in an environment."""
    code = "import importlib.metadata as m, sys\nfor name in sys.argv[1:]: print(m.version(name))"
    done = subprocess.run([python, "-c", code, *names], capture_output=True, text=True, check=True)
    return dict(zip(names, done.stdout.split(), strict=True))


def _uv(*arguments: str) -> None:
    beside = Path(sys.executable).parent / "uv"
    program = str(beside) if beside.exists() else shutil.which("uv")
    if program is None:
        message = "uv is needed to make the peers' environments"
        raise NotInstalledError(message)
    env = {**os.environ, "UV_COMPILE_BYTECODE": "1"}
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False, env=env)
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines() or ["uv failed"]
        raise NotInstalledError(reason[0][:200])
