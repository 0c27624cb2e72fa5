"""``python -m assetbuild``."""

from __future__ import annotations

import sys

from assetbuild.cli import program

if __name__ == "__main__":
    sys.exit(program())
