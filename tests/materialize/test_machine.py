"""How many cores and how much memory a process may use: of the machine, and of the container that it runs in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from assetbuild.materialize.machine import usable_cores, usable_memory_bytes

MIB = 1 << 20
INSTALLED = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


@pytest.fixture
def machine(tmp_path: Path):
    """Make the files in which Linux tells of control groups."""

    def make(groups: str, files: dict[str, str]) -> Path:
        for name, text in {"proc/self/cgroup": groups, **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return make


def test_of_a_machine_without_control_groups_all_is_usable(tmp_path):
    assert usable_memory_bytes(tmp_path) == INSTALLED
    assert usable_cores(tmp_path) == CORES


def test_the_second_version_limits_a_container(machine):
    root = machine(
        "0::/\n",
        {"sys/fs/cgroup/memory.max": f"{256 * MIB}\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"},
    )
    assert usable_memory_bytes(root) == 256 * MIB
    assert usable_cores(root) == 1


def test_the_tightest_limit_of_all_enclosing_groups_counts(machine):
    root = machine(
        "0::/batch.slice/job-7\n",
        {
            "sys/fs/cgroup/batch.slice/memory.max": f"{128 * MIB}\n",
            "sys/fs/cgroup/batch.slice/job-7/memory.max": "max\n",
            "sys/fs/cgroup/batch.slice/cpu.max": "max 100000\n",
            "sys/fs/cgroup/batch.slice/job-7/cpu.max": "10000 100000\n",
        },
    )
    assert usable_memory_bytes(root) == 128 * MIB
    assert usable_cores(root) == 1


def test_the_first_version_is_understood(machine):
    root = machine(
        "5:cpu,cpuacct:/docker/0a1b\n4:memory:/docker/0a1b\n1:name=systemd:/docker/0a1b\n0::/\n",
        {
            "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{64 * MIB}\n",  # the container's own, mounted at the root
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "20000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
    )
    assert usable_memory_bytes(root) == 64 * MIB
    assert usable_cores(root) == 1


def test_no_limit_is_no_limit(machine):
    root = machine(
        "5:cpu:/\n4:memory:/\n",
        {
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
    )
    assert usable_memory_bytes(root) == INSTALLED
    assert usable_cores(root) == CORES
