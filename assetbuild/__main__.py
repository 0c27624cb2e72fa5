"""``python -m assetbuild``."""

from __future__ import annotations

import sys

from assetbuild.cli import main

if __name__ == "__main__":
    sys.exit(main())
