"""Selection: which assets the texts on a command line mean, such as ``+late_flights and not group:raw``.

In: a graph and selections in the grammar of ``graph/grammar.py``; for ``status:`` and ``changed:`` also
verdicts, asked for only then. Out: the keys of the assets. Sources take part on the way (``flights_csv+``
is what lies downstream of a source) and are left out of the result.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from assetbuild.errors import UsageError
from assetbuild.graph.model import Graph

__all__ = ["Verdict", "select"]


class Verdict(NamedTuple):
    """What a plan says about one asset: its status, or those of its partitions, and the kinds of their causes."""

    statuses: frozenset[str]
    cause_kinds: frozenset[str]


Verdicts = Callable[[], Mapping[str, Verdict]]


def select(graph: Graph, selections: Sequence[str], *, verdicts: Verdicts | None = None) -> frozenset[str]:
    """Return the keys of the assets that any of the selections means; no selection means all assets.

    Raises UsageError with every problem found: a selection that cannot be read, and a name or attribute that
    matches nothing, because a typing error must not quietly build nothing. Only ``status:`` and ``changed:`` may
    match nothing. ``verdicts`` is called at most once, and only when one of these is used.
    """
    if not selections:
        return frozenset(graph.assets)
    texts = [unicodedata.normalize("NFC", text) for text in selections]
    if all(text in graph.assets for text in texts):
        return frozenset(texts)
    from assetbuild.graph.evaluation import Evaluation  # noqa: PLC0415  # keys need no grammar

    evaluation = Evaluation(graph, verdicts)
    chosen: set[str] = set()
    for text in texts:
        chosen |= evaluation.of_text(text)
    if evaluation.problems:
        raise UsageError(*evaluation.problems)
    return frozenset(chosen & graph.assets.keys())
