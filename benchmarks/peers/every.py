"""All tools, in the order of the tables."""

from __future__ import annotations

from benchmarks.peers.dagster import DAGSTER, DAGSTER_ALL, DAGSTER_CLI
from benchmarks.peers.doit import DOIT
from benchmarks.peers.hamilton import HAMILTON
from benchmarks.peers.make import MAKE
from benchmarks.peers.ninja import NINJA
from benchmarks.peers.ours import OURS
from benchmarks.peers.peer import Peer
from benchmarks.peers.plain import PLAIN
from benchmarks.peers.pytask import PYTASK
from benchmarks.peers.redun import REDUN

__all__ = ["EVERY"]

EVERY: tuple[Peer, ...] = (OURS, PLAIN, MAKE, NINJA, DOIT, PYTASK, REDUN, HAMILTON, DAGSTER, DAGSTER_ALL, DAGSTER_CLI)
