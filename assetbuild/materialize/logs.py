"""Where the captured output of a run lies: ``.assetbuild/logs/RUN/ASSET.log``, or ``ASSET/PARTITION.log``."""

from __future__ import annotations

from pathlib import Path

from assetbuild.declare.keys import path_part
from assetbuild.load.settings import Settings

__all__ = ["captured_output", "log_path", "logs_folder"]


def logs_folder(settings: Settings, run_id: str) -> Path:
    """Return the folder with the captured output of a run."""
    return settings.state_folder / "logs" / run_id


def log_path(folder: Path, asset: str, partition: str | None = None) -> Path:
    """Return the file with the captured output of an asset, in the folder of a run; of a batch by its first key."""
    parts = asset.split("/") if partition is None else [*asset.split("/"), partition]
    return folder / f"{'/'.join(map(path_part, parts))}.log"


def captured_output(settings: Settings, run_id: str, asset: str, partition: str | None = None) -> str:
    """Return what an asset wrote to stdout, stderr and its log in a run."""
    try:
        return log_path(logs_folder(settings, run_id), asset, partition).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
