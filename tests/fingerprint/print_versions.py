"""Run by the stability tests in fresh processes: prints the code versions of many small projects as JSON.

    python print_versions.py REPOSITORY FOLDER [STUBS]

FOLDER holds one project in each subfolder, and in ``assets.txt`` the names to look at. STUBS, put first
on the path, may hold a stand-in for a library that this Python does not have.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main() -> None:
    sys.dont_write_bytecode = True
    sys.path[:0] = sys.argv[1:2] + sys.argv[3:]
    from assetbuild.fingerprint.code.closure import CodeFingerprinter
    from assetbuild.load.importer import Importer

    found = {}
    for root in sorted(Path(sys.argv[2]).iterdir()):
        importer = Importer(root)
        with importer:
            module = importer.load("assets")
            fingerprinter = CodeFingerprinter(root, importer.files, import_module=importer.load)
            for name in (root / "assets.txt").read_text().split():
                value = getattr(module, name)
                version = fingerprinter.code_version(getattr(value, "function", value))
                parts = {subject: [part.version, part.text] for subject, part in version.parts.items()}
                found[f"{root.name}.{name}"] = [version.version, parts]
        importer.purge()
        importer.uninstall()
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
