"""Find the places of an asset that are fresh without a doubt, thousands at a time.

Their build keys, computed from the versions of the inputs, are those of their pointers, and the stamps of their values
have not moved. Whatever is left is judged one by one (``judge.py``), so an oversight here costs time and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

from assetbuild.fingerprint.recipe import key_of
from assetbuild.graph.model import Asset
from assetbuild.plan.edges import Edge
from assetbuild.plan.facts import Facts
from assetbuild.plan.states import AssetState
from assetbuild.record.model import Pointer
from assetbuild.record.pointers import Place

__all__ = ["settle_fresh"]


def settle_fresh(  # noqa: PLR0913, PLR0917  # what is compared with what
    facts: Facts,
    asset: Asset,
    state: AssetState,
    edges: Sequence[Edge],
    stem: bytes,
    places: Sequence[int],
    lost: set[Place],
) -> list[int]:
    """Settle the version of every place that is surely fresh; return the others."""
    pointers = facts.pointers.of(asset.key)
    if not pointers:
        return list(places)
    left: list[int] = []
    matching: list[int] = []
    found: list[Pointer] = []
    constant = _constant(edges, state)
    for place in places:
        key = state.key(place)
        pointer = pointers.get(key)
        if pointer is not None and pointer.traced and (asset.key, key) not in lost:
            versions = constant if constant is not None else _versions(edges, None if key is None else place)
            if versions is not None and key_of(stem, versions, key) == pointer.build_key:
                matching.append(place)
                found.append(pointer)
                continue
        left.append(place)
    for place, pointer, is_untouched in zip(matching, found, facts.outputs.untouched(found), strict=True):
        if is_untouched:
            state.settle(place, pointer.data_version)
        else:
            left.append(place)
    left.sort()
    return left


def _versions(edges: Sequence[Edge], place: int | None) -> bytes | None:
    versions = []
    for edge in edges:
        version = edge.packed(place)
        if version is None:
            return None
        versions.append(version)
    return b"".join(versions)


def _constant(edges: Sequence[Edge], state: AssetState) -> bytes | None:
    """Return the versions of the inputs where they are the same for all places; None when they differ or are unknown."""
    if state.keys is not None and any(edge.bound is not None for edge in edges):
        return None
    return _versions(edges, None)
