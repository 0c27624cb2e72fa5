"""Python's cyclic garbage collector, kept away from what lives as long as the command.

Loading and planning make some hundred thousand objects and no garbage to speak of; collections look at all of them
again and again, which takes a tenth of the time of a first build.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["no_collections", "old_objects_aside"]


@contextmanager
def no_collections() -> Iterator[None]:
    """Collect nothing while the block runs."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def old_objects_aside() -> Iterator[None]:
    """Collect inside the block, and look at nothing that was there before it."""
    was_on = gc.isenabled()
    gc.freeze()
    gc.enable()
    try:
        yield
    finally:
        gc.unfreeze()
        if not was_on:
            gc.disable()
