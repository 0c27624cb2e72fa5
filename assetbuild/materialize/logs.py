"""Where the captured output of a run lies: ``.assetbuild/logs/RUN/ASSET.log``, or ``ASSET/PARTITION.log``."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from assetbuild.declare.keys import path_part
from assetbuild.load.settings import Settings

__all__ = ["captured_output", "log_path", "logs_folder", "mask_log", "told_since"]

_MOST_TOLD = 1 << 16


def logs_folder(settings: Settings, run_id: str) -> Path:
    """Return the folder with the captured output of a run."""
    return settings.state_folder / "logs" / run_id


def log_path(folder: str, asset: str, partition: str | None = None) -> str:
    """Return the file with the captured output of an asset, in the folder of a run; of a batch by its first key."""
    parts = asset.split("/") if partition is None else [*asset.split("/"), partition]
    return f"{folder}/{'/'.join(map(path_part, parts))}.log"


def captured_output(settings: Settings, run_id: str, asset: str, partition: str | None = None) -> str:
    """Return what an asset wrote to stdout, stderr and its log in a run."""
    try:
        log = Path(log_path(str(logs_folder(settings, run_id)), asset, partition))
        return log.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def told_since(log: str, place: int) -> tuple[str, int]:
    """Return what was written to a log since it had so many bytes, the end of it if it is long, and its bytes now."""
    try:
        size = os.stat(log).st_size
        if size <= place:
            return "", place
        with open(log, "rb") as file:
            file.seek(max(place, size - _MOST_TOLD))
            return file.read(_MOST_TOLD).decode(errors="replace"), size
    except OSError:
        return "", place


def mask_log(log: str, secrets: Iterable[str]) -> None:
    """Put a mask in the place of every secret in a log."""
    from assetbuild.load.config import MASK  # noqa: PLC0415  # few assets have secrets

    if (file := Path(log)).exists():
        said = file.read_bytes()
        masked = said
        for secret in secrets:
            masked = masked.replace(secret.encode(), MASK.encode())
        if masked != said:
            file.write_bytes(masked)
