"""Where the captured output of a run lies: ``.assetbuild/logs/RUN/ASSET.log``."""

from __future__ import annotations

from pathlib import Path

from assetbuild.declare.keys import path_part
from assetbuild.load.settings import Settings

__all__ = ["captured_output", "log_path", "logs_folder"]


def logs_folder(settings: Settings, run_id: str) -> Path:
    """Return the folder with the captured output of a run."""
    return settings.state_folder / "logs" / run_id


def log_path(folder: Path, asset: str) -> Path:
    """Return the file with the captured output of an asset, in the folder of a run."""
    return folder / f"{'/'.join(path_part(part) for part in asset.split('/'))}.log"


def captured_output(settings: Settings, run_id: str, asset: str) -> str:
    """Return what an asset wrote to stdout, stderr and its log in a run."""
    try:
        return log_path(logs_folder(settings, run_id), asset).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
