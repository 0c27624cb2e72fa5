"""Write docs/benchmarks.md's tables and its plots anew, from the JSON of a run: the same JSON gives the same bytes.

    python -m benchmarks.report [RESULTS.json]

Without an argument the newest run in ``benchmarks/results`` is published: it becomes ``published.json``, the one that
is kept in the repository. Text between ``<!-- bench:NAME -->`` and ``<!-- /bench -->`` belongs to this script.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.measure.detects import EXPERIMENTS
from benchmarks.plot import bars, lines

__all__ = ["regions", "rewritten"]

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PUBLISHED = RESULTS / "published.json"
PAGE = ROOT / "docs" / "benchmarks.md"
IMAGES = ROOT / "docs" / "images"

CASES = {
    "cold": "cold",
    "first": "nothing to do, first time",
    "noop": "nothing to do",
    "leaf": "a leaf edited",
    "equal": "root edited, value equal",
    "root": "root edited, value differs",
    "status": "status",
    "help": "help",
    "import": "import",
}
VERDICTS = {
    "runs": "runs what it must",
    "restores": "restores it",
    "quiet": "nothing runs",
    "needless": "**runs needlessly**",
    "wrong": "**not noticed: wrong value**",
    "fails": "**fails**",
}
BUSY = 1.0
"""A load average from which on figures are not worth much: something else was at work."""

Results = Mapping[str, Any]


def main() -> None:
    """Publish the newest results, or those in a file."""
    runs = [path for path in RESULTS.glob("*.json") if path.stem in ("quick", "full")]
    newest = max(runs, key=lambda path: path.stat().st_mtime_ns, default=PUBLISHED)
    source = Path(sys.argv[1]) if sys.argv[1:] else newest
    text = source.read_text()
    results = json.loads(text)
    PUBLISHED.write_text(text)
    PAGE.write_text(rewritten(PAGE.read_text(), regions(results)))
    (IMAGES / "benchmarks.svg").write_text(_bars(results))
    (IMAGES / "growth.svg").write_text(_lines(results))
    print(f"{PAGE.relative_to(ROOT)} tells {source.name}")


def rewritten(page: str, tables: Mapping[str, str]) -> str:
    """Return the page with its regions replaced. Raises KeyError for a region that nobody writes."""

    def region(match: re.Match[str]) -> str:
        return f"<!-- bench:{match[1]} -->\n{tables[match[1]]}\n<!-- /bench -->"

    return re.sub(r"<!-- bench:([a-z-]+) -->\n.*?<!-- /bench -->", region, page, flags=re.DOTALL)


def regions(results: Results) -> dict[str, str]:
    """Return the text of every region."""
    writers: dict[str, Callable[[Results], str]] = {
        "machine": _machine,
        "targets": _targets,
        "small": lambda found: _tools(found["peers"][0]),
        "large": lambda found: _tools(found["peers"][-1]),
        "losses": _losses,
        "detects": _detects,
        "notes": _notes,
        "tpch": _tpch,
        "scaling": _scaling,
        "partitions": _partitions,
    }
    return {name: writer(results) for name, writer in writers.items()}


def _table(head: list[str], rows: list[list[str]]) -> str:
    marks = ["---", *("---:" for _ in head[1:])]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, marks, *rows])


def _seconds(value: float) -> str:
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:.0f}"  # noqa: PLR2004


def _machine(results: Results) -> str:
    about = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    tools = {
        tool["name"].partition(",")[0]: tool.get("version")
        for table in results["peers"]
        for tool in table["tools"].values()
    }
    peers = ", ".join(
        f"{name} {version}"
        for name, version in sorted(tools.items(), key=lambda each: each[0].lower())
        if version and name not in ("assetbuild", "plain loop")
    )
    busy = " **The machine was busy: take these figures for an example.**" if about["load_at_start"] > BUSY else ""
    return (
        f"Measured on {about['date']} with the `{results['profile']}` profile: {about['system']}, "
        f"{about['processor']}, {about['cores']} cores, {about['memory_gb']} GB, Python {about['python']}, {versions}. "
        f"Peers: {peers}. "
        f"Load average at the start: {about['load_at_start']}.{busy}"
    )


def _tool_cases(results: Results, count: int, key: str = "assetbuild") -> Mapping[str, Any]:
    for table in results["peers"]:
        if table["assets"] == count and "cases" in table["tools"].get(key, {}):
            cases: Mapping[str, Any] = table["tools"][key]["cases"]
            return cases
    return {}


def _targets(results: Results) -> str:
    floors, tpch = results["floors"], results["tpch"].get("cases", {})
    ours, plain = _tool_cases(results, 1000), _tool_cases(results, 1000, "plain")
    grown = {each["assets"]: each for each in results["scaling"]["assets"]}
    rows: list[list[str]] = []

    def row(what: str, target: str, found: float | None, shown: str, limit: float) -> None:
        if found is not None:
            rows.append([what, target, shown, "yes" if found <= limit else "**no**"])

    if ours and plain:
        floor, idle = floors["click, sqlite3"]["wall_s"], ours["noop"]["wall_s"]
        row("nothing to do, 1,000 assets", "1.5 x the floor", idle / floor, f"{idle:.3f} s, {idle / floor:.2f} x", 1.5)
        cold = ours["cold"]["wall_s"] / plain["cold"]["wall_s"]
        row("cold, 1,000 assets", "0.7 x the plain loop", cold, f"{ours['cold']['wall_s']:.2f} s, {cold:.2f} x", 0.7)
        status = ours["status"]["wall_s"]
        row("`status`, 1,000 assets", "as nothing to do", status / idle, f"{status:.3f} s", 1.1)
        leaf = ours["leaf"]["wall_s"] - idle
        row("a leaf edited among 1,000", "0.3 s more", leaf, f"{leaf:.2f} s more", 0.3)
    if 10_000 in grown and 1000 in grown:  # noqa: PLR2004
        large, small = grown[10_000]["noop"], grown[1000]["noop"]["wall_s"]
        row("nothing to do, 10,000 assets", "0.5 s", large["wall_s"], f"{large['wall_s']:.2f} s", 0.5)
        times = large["wall_s"] / small
        row("the same, against 1,000", "6 x", times, f"{times:.1f} x", 6)
        row("the same, memory", "150 MB", large["peak_mb"], f"{large['peak_mb']:.0f} MB", 150)
    if tpch:
        cold, idle = tpch["cold"]["wall_s"] / tpch["plain"]["wall_s"], tpch["noop"]["wall_s"]
        row("TPC-H, 22 queries, cold", "1.05 x the script", cold, f"{tpch['cold']['wall_s']:.2f} s, {cold:.2f} x", 1.05)
        row("TPC-H, nothing to do", "0.2 s", idle, f"{idle:.2f} s", 0.2)
    for name in ("import assetbuild", "--help"):
        cpu_ms = (floors[name]["cpu_s"] - floors["python"]["cpu_s"]) * 1000
        row(f"`{name}`, CPU above bare Python", "60 ms", cpu_ms, f"{cpu_ms:.0f} ms", 60)
    return _table(["what", "at most", "measured", "met"], rows)


def _cell(case: Mapping[str, Any] | None) -> str:
    if case is None:
        return ""
    if case["must"] is None:
        return _seconds(case["wall_s"])
    more = "" if case["ran"] == case["must"] else f" of {case['must']}"
    return f"{_seconds(case['wall_s'])} ({case['ran']}{more})"


def _tools(table: Results) -> str:
    shown = [case for case in CASES if any(case in tool.get("cases", {}) for tool in table["tools"].values())]
    rows = []
    for tool in table["tools"].values():
        cases = tool.get("cases")
        if cases:
            peak = max(case["peak_mb"] for case in cases.values())
            rows.append([tool["name"], *(_cell(cases.get(case)) for case in shown), f"{peak:.0f}"])
        else:
            rows.append([tool["name"], f"not measured: {tool['missing'].splitlines()[0]}", *("" for _ in shown)])
    agree = "" if table["values_agree"] else " (**the values of the tools differ**)"
    return f"{table['assets']:,} assets{agree}:\n\n" + _table(
        ["seconds (assets that ran)", *(CASES[case] for case in shown), "peak MB"], rows
    )


def _losses(results: Results) -> str:
    found = []
    for case, name in CASES.items():
        for table in results["peers"]:
            ours = _tool_cases(results, table["assets"]).get(case)
            faster = {
                tool["name"]: ours["wall_s"] / tool["cases"][case]["wall_s"]
                for key, tool in table["tools"].items()
                if ours
                and key != "assetbuild"
                and case in tool.get("cases", {})
                and tool["cases"][case]["ran"] <= ours["ran"]
            }
            ahead = [
                f"{who} ({times:.1f} x)"
                for who, times in sorted(faster.items(), key=lambda each: -each[1])
                if times > 1
            ]
            if ahead:
                found.append(f"- {name}, {table['assets']:,} assets: {', '.join(ahead)}")
    return "\n".join(found) or "In nothing that was measured in this run."


def _detects(results: Results) -> str:
    names = {key: tool["name"] for table in results["peers"] for key, tool in table["tools"].items()}
    tools = [key for key in results["detects"] if key in names]
    rows = [
        [text, *(VERDICTS[results["detects"][key][name]["verdict"]] for key in tools)]
        for name, text in EXPERIMENTS.items()
    ]
    return _table(["what happens", *(names[key].partition(",")[0] for key in tools)], rows).replace("---:", "---")


def _notes(results: Results) -> str:
    tools = {key: tool for table in results["peers"] for key, tool in table["tools"].items()}
    return "\n".join(f"- *{tool['name']}*: {tool['note']}" for tool in tools.values())


def _tpch(results: Results) -> str:
    found = results["tpch"]
    if "missing" in found:
        return f"Not measured: {found['missing']}"
    cases, built = found["cases"], found["built"]
    named = {
        "plain": "plain script, every time",
        "cold": "assetbuild, cold",
        "noop": "assetbuild, nothing to do",
        "region": f"assetbuild, `region` changed ({built['region']} of {found['queries']} queries run)",
        "orders": f"assetbuild, `orders` changed ({built['orders']} of {found['queries']})",
    }
    base = cases["plain"]["wall_s"]
    rows = [
        [text, _seconds(cases[name]["wall_s"]), f"{cases[name]['wall_s'] / base:.2f}", f"{cases[name]['peak_mb']:.0f}"]
        for name, text in named.items()
    ]
    return f"Scale factor {found['scale']:g}:\n\n" + _table(["", "seconds", "of the script", "peak MB"], rows)


def _grown(found: Mapping[str, Any], case: str) -> str:
    each = found.get(case)
    return f"{_seconds(each['wall_s'])} s, {each['peak_mb']:.0f} MB" if each else ""


def _scaling(results: Results) -> str:
    cases = ("load", "cold", "first", "noop", "status", "leaf")
    rows = [[f"{each['assets']:,}", *(_grown(each, case) for case in cases)] for each in results["scaling"]["assets"]]
    return _table(
        ["assets", "load", "cold", "nothing to do, first time", "nothing to do", "`status`", "a leaf edited"], rows
    )


def _partitions(results: Results) -> str:
    cases = ("load", "cold", "noop", "status")
    rows = [
        [f"{each['pairs']:,}", f"{each['assets']} x {each['days']:,}", *(_grown(each, case) for case in cases)]
        for each in results["scaling"]["partitions"]
        if "missing" not in each
    ]
    head = ["asset-partitions", "assets x days", "load", "build 1,000", "nothing to do with them", "`status` of all"]
    return _table(head, rows) if rows else "Not measured in this run."


def _bars(results: Results) -> str:
    table = max(results["peers"], key=lambda each: (len(each["tools"]), each["assets"]))
    groups = {
        CASES[case]: {
            tool["name"]: tool["cases"][case]["wall_s"]
            for tool in table["tools"].values()
            if case in tool.get("cases", {})
        }
        for case in ("noop", "leaf", "cold")
    }
    return bars(f"{table['assets']:,} assets: seconds of the whole process, logarithmic", groups, "assetbuild")


def _lines(results: Results) -> str:
    series = {
        CASES[case]: [(each["assets"], each[case]["wall_s"]) for each in results["scaling"]["assets"]]
        for case in ("cold", "leaf", "first", "noop")
    }
    return lines("assetbuild: seconds by number of assets, both logarithmic", series)


if __name__ == "__main__":
    main()
