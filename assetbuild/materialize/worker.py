"""A worker process: the program that the pool starts.

Started with ``spawn`` semantics, a fresh interpreter: polars and duckdb have threads that do not survive a fork.
"""

from __future__ import annotations

import gc
import sys

if __name__ == "__main__":
    gc.disable()  # until the project is loaded: collections would take a third of the time of its imports
    from assetbuild.materialize.channel import Channel
    from assetbuild.materialize.service import serve

    pipe, lifeline, mailbox = map(int, sys.argv[1:4])
    kind, *libraries = sys.argv[4:]
    serve(Channel(pipe), lifeline, mailbox, kind=kind, libraries=libraries)
