"""What a process may use of its machine: cores and memory, as a container or a batch system limits them.

Linux says so by control groups, of the first version or the second (https://docs.kernel.org/admin-guide/cgroup-v2.html).
A limit counts for a group and for all groups in it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

__all__ = ["usable_cores", "usable_memory_bytes"]

_ROOT = Path("/")


def usable_cores(root: Path = _ROOT) -> int:
    """Return how many cores this process may use, at least 1; ``root`` is where ``proc`` and ``sys`` lie."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # on Linux alone
        cores = os.cpu_count() or 1
    return max(math.ceil(min([cores, *_limits(root, "cpu", _quota)])), 1)


def usable_memory_bytes(root: Path = _ROOT) -> int:
    """Return how much memory this process may use, in bytes."""
    installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return int(min([installed, *_limits(root, "memory", _memory)]))


def _limits(root: Path, controller: str, read: Callable[[Path], float]) -> Iterator[float]:
    """Yield the limits of the groups that this process is in."""
    for folder in _groups(root, controller):
        with suppress(OSError, ValueError, IndexError):  # a group without this limit, or 'max': there is none
            yield read(folder)


def _groups(root: Path, controller: str) -> Iterator[Path]:
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:  # not on macOS
        return
    mounts = root / "sys/fs/cgroup"
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        mount = mounts / (controller if controllers else "")
        group = mount / path.lstrip("/")  # in a container the path may be the host's: then only the mount is there
        yield group
        yield from (folder for folder in group.parents if folder.is_relative_to(mount))


def _memory(group: Path) -> float:
    for name in ("memory.max", "memory.limit_in_bytes"):
        with suppress(FileNotFoundError):
            return int((group / name).read_text())
    raise FileNotFoundError(group)


def _quota(group: Path) -> float:
    """Return how many cores' time a group may use."""
    with suppress(FileNotFoundError):
        quota, period = (group / "cpu.max").read_text().split()
        return int(quota) / int(period)
    quota_us = int((group / "cpu.cfs_quota_us").read_text())
    return quota_us / int((group / "cpu.cfs_period_us").read_text()) if quota_us > 0 else math.inf
