"""All that a plan reads, gathered by the caller."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from assetbuild.dataclass import dataclass
from assetbuild.fingerprint.recipe import Recipe
from assetbuild.graph.model import Graph
from assetbuild.plan.outputs import Outputs
from assetbuild.plan.sources import SourceObserver
from assetbuild.record.pointers import Pointers
from assetbuild.record.state import Record

if TYPE_CHECKING:
    from assetbuild.plan.keys import KeySets

__all__ = ["Facts"]


@dataclass(frozen=True, slots=True)
class Facts:
    """The graph, today's recipes and partitions, the record, and what lies on the disk."""

    graph: Graph
    recipe: Callable[[str], Recipe]
    record: Record
    pointers: Pointers
    sources: SourceObserver
    outputs: Outputs
    keys: KeySets
    stem: Callable[[str], bytes]
    """What the build keys of an asset's partitions have in common."""
    plain: Callable[[str], tuple[str, ...] | None]
    """What an asset without partitions reads, in the order of its build key; None where more is to be said of that."""
