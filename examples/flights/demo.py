"""The flights example from end to end: build it, build it again, change something, and see what runs.

It works on a copy in ``.demo/``, which it makes anew and leaves for you to play with. The
commands are the real ones. What ran is checked against what should have run, and the figures
against those that are known of the year; the exit code is 1 when one of them is not so.

    python demo.py
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from get_data import write_tables

Place = tuple[str, str | None]
"""An asset, and one of its partitions; None for an asset without."""

HERE = Path(__file__).resolve().parent
COPY = HERE / ".demo"
EVENTS = ".events.jsonl"
LATE: set[Place] = {(asset, None) for asset in ("late_flights", "carrier_ranking", "summary", "report")}
KNOWN = {"flights": 336_776, "carriers": 16, "destinations": 105, "cancelled": 8_255, "diverted": 1_175, "late": 72_914}


class BrokenPromiseError(Exception):
    """The build did something else than it should."""


def main() -> int:
    """Run the demo; return 1 when a promise does not hold."""
    began_s = time.monotonic()
    try:
        run_demo()
    except BrokenPromiseError as error:
        print(f"\nNOT AS PROMISED: {error}", file=sys.stderr)
        return 1
    place = COPY.relative_to(Path.cwd()) if COPY.is_relative_to(Path.cwd()) else COPY
    heading(f"All as promised, in {time.monotonic() - began_s:.0f} s")
    print(f"The project is yours to play with:   assetbuild --project {place} status")
    print(f"The report:                          {place}/warehouse/report.html")
    return 0


def run_demo() -> None:
    """Go through the story, one heading at a time."""
    heading("1. The data: every flight that left New York in 2013")
    write_tables(HERE / "data")
    make_copy()
    for path in sorted((COPY / "data").glob("*.csv")):
        print(f"  data/{path.name:<16}{path.stat().st_size / 1e6:8.1f} MB")
    days = [path.stat().st_size for path in (COPY / "data" / "flights").iterdir()]
    print(f"  data/flights/*.csv  {sum(days) / 1e6:8.1f} MB in {len(days)} files, one a day")

    heading("2. The first build: everything runs")
    outcomes = build()
    expect(set(outcomes.values()), {"built"}, "the outcomes of the first build")
    check_figures()

    heading("3. Build again: nothing runs")
    expect(set(build().values()), {"fresh"}, "the outcomes of the second build")

    heading("4. Write a comment: nothing to do")
    edit("flights/raw.py", "ISLANDS = {", "# Four airports.\nISLANDS = {")
    run("status", "--exit-code")

    heading("5. Late from 30 minutes on, not 15: only what depends on it runs")
    edit("pyproject.toml", "minutes = 15", "minutes = 30")
    run("status")
    run("why", "late_flights")
    expect(ran(build()), LATE, "what runs after the threshold changed")

    heading("6. Back to 15 minutes: the earlier values are restored, nothing runs")
    edit("pyproject.toml", "minutes = 30", "minutes = 15")
    outcomes = build()
    expect(ran(outcomes), set(), "what runs after the threshold was set back")
    expect({key for key, outcome in outcomes.items() if outcome == "restored"}, LATE, "what is restored")
    check_figures()

    heading("7. Change a constant in the code: its table comes out equal, and the wave stops there")
    edit("flights/raw.py", "MAX_WIND_MPH = 200", "MAX_WIND_MPH = 250")
    run("why", "weather")
    expect(ran(build()), {("weather", None)}, "what runs after the constant changed")

    heading("8. One flight of 10 February left an hour later: that day, its month, and the days that look back at it")
    day, late = COPY / "data" / "flights" / "2013-02-10.csv", LATE | {("delays/month", "2013-02")}
    text = day.read_text(encoding="utf-8")
    delay_one_flight(day)
    run("status", "delays/month")
    changed = ran(build())
    weeks = {("delays/week", f"2013-02-{number}") for number in range(10, 17)}
    partitions = {place for place in changed if place[1] is not None and place[0] != "delays/carrier_month"}
    promised = {("flights", "2013-02-10"), ("delays/day", "2013-02-10"), ("delays/month", "2013-02"), *weeks}
    expect(partitions, promised, "the days, months and weeks that run after one day changed")
    expect(late - changed, set(), "what else depends on that day")

    heading("9. The file is as it was: nothing runs")
    day.write_text(text, encoding="utf-8")
    expect(ran(build()), set(), "what runs after the day was put back")
    check_figures()

    heading("10. The graph")
    run("graph")


def make_copy() -> None:
    """Copy the project, without anything that was built before."""
    shutil.rmtree(COPY, ignore_errors=True)
    COPY.mkdir()
    shutil.copy(HERE / "pyproject.toml", COPY)
    shutil.copytree(HERE / "flights", COPY / "flights", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(HERE / "data", COPY / "data")


def build() -> dict[Place, str]:
    """Materialize everything; return the outcome of each asset and partition. Nothing may run that was not planned."""
    planned = {(step["asset"], step["partition"]): step["action"] for step in ask("materialize", "-n")["assets"]}
    run("materialize", "--events", EVENTS, shown="materialize")
    events = [json.loads(line) for line in (COPY / EVENTS).read_text(encoding="utf-8").splitlines()]
    finished = [event for event in events if event["event"] == "AssetFinished"]
    outcomes = {(event["asset"], event["partition"]): str(event["outcome"]) for event in finished}
    # The carriers are known when 'carriers' is built: until then, the plan has their partitions as one.
    waiting = {asset for asset, partition in outcomes if partition is not None and (asset, None) in planned}
    surprises = {
        (asset, partition)
        for asset, partition in ran(outcomes)
        if planned.get((asset, partition), planned.get((asset, None))) not in {"run", "check"}
    }
    expect(surprises, set(), "what ran without having been planned")
    return {place: "fresh" for place in planned if place[0] not in waiting} | outcomes


def ran(outcomes: dict[Place, str]) -> set[Place]:
    """Return the assets and partitions whose function was called."""
    return {place for place, outcome in outcomes.items() if outcome not in {"fresh", "restored"}}


def check_figures() -> None:
    """Compare the summary with what is known of the year."""
    summary = json.loads((COPY / "warehouse" / "summary.json").read_text(encoding="utf-8"))
    expect({name: summary[name] for name in KNOWN}, KNOWN, "the figures of the year")
    print("The figures of the year are right: " + ", ".join(f"{number:,} {name}" for name, number in KNOWN.items()))


def delay_one_flight(path: Path) -> None:
    """Let the first flight of a day leave an hour later."""
    header, first, *others = path.read_text(encoding="utf-8").splitlines()
    names, cells = header.split(","), first.split(",")
    delay = names.index("dep_delay")
    print(f"In data/flights/{path.name}, the first flight: dep_delay {cells[delay]} -> {int(cells[delay]) + 60}\n")
    cells[delay] = str(int(cells[delay]) + 60)
    path.write_text("\n".join([header, ",".join(cells), *others]) + "\n", encoding="utf-8")


def edit(file: str, old: str, new: str) -> None:
    """Replace a piece of text in a file of the copy, and say so."""
    path = COPY / file
    text = path.read_text(encoding="utf-8")
    expect(text.count(old), 1, f"how often {old!r} stands in {file}")
    path.write_text(text.replace(old, new), encoding="utf-8")
    print(f"In {file}:")
    print(*(f"  - {line}" for line in old.splitlines()), sep="\n")
    print(*(f"  + {line}" for line in new.splitlines()), sep="\n", end="\n\n")


def run(*arguments: str, shown: str = "") -> None:
    """Run a command for people to see."""
    print(f"$ assetbuild {shown or ' '.join(arguments)}", flush=True)
    done = subprocess.run(command(*arguments), cwd=COPY, check=False)
    expect(done.returncode, 0, f"the exit code of 'assetbuild {' '.join(arguments)}'")
    print(flush=True)


def ask(*arguments: str) -> Any:
    """Run a command for its JSON document."""
    done = subprocess.run(command(*arguments, "--json"), cwd=COPY, stdout=subprocess.PIPE, check=False)
    expect(done.returncode, 0, f"the exit code of 'assetbuild {' '.join(arguments)} --json'")
    return json.loads(done.stdout)


def command(*arguments: str) -> list[str]:
    """Return the command line of the assetbuild that this Python has."""
    return [sys.executable, "-m", "assetbuild", *arguments]


def expect(found: object, promised: object, what: str) -> None:
    """Raise BrokenPromiseError unless what was found is what was promised."""
    if found != promised:
        message = f"{what}: {found}, promised: {promised}"
        raise BrokenPromiseError(message)


def heading(text: str) -> None:
    """Print a heading."""
    print(f"\n{text}\n{'-' * len(text)}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
