"""The cost of code fingerprints: many small assets from cold, and where the time goes.

    python benchmarks/code_fingerprint.py [--assets 10000] [--modules 100] [--json FILE]

Makes a project of small assets (each with a helper of its own, a shared helper, a
constant and a library call), loads it, and computes every code version in a fresh process.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

MODULE = """
import math
from shared import clean, RATE
from assetbuild import asset

LIMIT_{m} = {m}
"""
ASSET = '''
def helper_{n}(x):
    """Double it, and a bit."""
    return clean(x) * 2 + {n}

@asset(group="g{m}", tags={{"n": "{n}"}})
def asset_{n}(rows=(1, 2, 3)) -> list[float]:
    """One of many."""
    found = []
    for row in rows:
        if row > LIMIT_{m}:
            found.append(helper_{n}(row) * RATE)
        else:
            found.append(math.floor(row / 2))
    return found
'''
SHARED = """
RATE = 1.5
NAMES = {"a": 1, "b": 2}

def trim(x):
    return max(x, 0)

def clean(x):
    return trim(x) + NAMES["a"]
"""
MEASURE = """
import sys, time, json
from pathlib import Path
started = time.perf_counter()
from assetbuild.declare.collect import collecting
from assetbuild.load.importer import Importer
from assetbuild.fingerprint.code import index, walk
from assetbuild.fingerprint.code.closure import CodeFingerprinter, undisturbed
root, modules = Path(sys.argv[1]), int(sys.argv[2])
imported = time.perf_counter()
with Importer(root) as importer, collecting() as definitions:
    for number in range(modules):
        importer.load(f"m{number}")
loaded = time.perf_counter()
spent = {}
def timed(owner, name):
    inner = getattr(owner, name)
    def run(*args, **kwargs):
        at = time.perf_counter()
        try:
            return inner(*args, **kwargs)
        finally:
            spent[name] = spent.get(name, 0.0) + time.perf_counter() - at
    setattr(owner, name, run)
if "--profile" in sys.argv:
    timed(index.FileIndex, "__init__")
    timed(walk.Walk, "normalised_function")
    timed(walk.Walk, "names_of_function")
    from assetbuild.fingerprint.code import closure
    timed(closure, "set_versions")
    timed(closure, "_parts")
fingerprinter = CodeFingerprinter(root, importer.files, import_module=importer.load)
with undisturbed():
    versions = {d.outs[0].key: fingerprinter.code_version(d.function).version for d in definitions}
done = time.perf_counter()
with undisturbed():
    for definition in definitions:
        fingerprinter.code_version(definition.function)
again = time.perf_counter()
print(json.dumps({
    "assets": len(versions), "import_s": imported - started, "load_s": loaded - imported,
    "fingerprint_s": done - loaded, "again_s": again - done, "parts_s": spent,
}))
"""


def main() -> None:
    """Make the project, measure in a fresh process, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", type=int, default=10_000)
    parser.add_argument("--modules", type=int, default=100)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "shared.py").write_text(SHARED)
        share = options.assets // options.modules
        for m in range(options.modules):
            body = "".join(ASSET.format(n=m * share + k, m=m) for k in range(share))
            (root / f"m{m}.py").write_text(MODULE.format(m=m) + body)
        rows = [_measure(root, options.modules), _measure(root, options.modules, "--profile")]
    plain, profiled = rows
    python = f"Python {sys.version.split()[0]}, {time.strftime('%Y-%m-%d')}"
    print(f"{plain['assets']} assets in {options.modules} modules, {python}")
    print(f"  load (parse, compile, run)   {plain['load_s']:6.2f} s")
    print(f"  code versions from cold      {plain['fingerprint_s']:6.2f} s")
    for name, label in LABELS.items():
        print(f"    of which {label:<20}{profiled['parts_s'].get(name, 0.0):6.2f} s")
    print(f"  the same again               {plain['again_s']:6.2f} s")
    if options.json:
        options.json.write_text(json.dumps({"plain": plain, "profiled": profiled}, indent=1))


LABELS = {
    "__init__": "parsing and indexing",
    "normalised_function": "canonical bytes",
    "names_of_function": "names",
    "set_versions": "hashing",
    "_parts": "parts for 'why'",
}


def _measure(root: Path, modules: int, *more: str) -> dict[str, Any]:
    ran = subprocess.run(
        [sys.executable, "-c", MEASURE, str(root), str(modules), *more], check=True, capture_output=True, text=True
    )
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


if __name__ == "__main__":
    main()
