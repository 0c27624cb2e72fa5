"""How the published values lie, when all of them lie as the record has them."""

from __future__ import annotations

from assetbuild.load.standstill import tree_of
from assetbuild.plan.facts import Facts
from assetbuild.record.model import Standing

__all__ = ["tree_as_recorded"]


def tree_as_recorded(facts: Facts) -> str | None:
    """Return the hash of how the warehouse lies; None when a value is missing, untraced, elsewhere or not as recorded.

    The files are looked at first and then compared: one that moves in between has moved for the next who looks.
    """
    try:
        tree, lines = tree_of(str(facts.outputs.warehouse))
    except (OSError, ValueError):
        return None
    root = facts.outputs.warehouse.parent
    for key in facts.graph.assets:
        standing = facts.pointers.plain_standing(key)
        if standing is None:
            return None
        _, _, _, object_name, _, location, stamp = standing
        is_there = object_name is None or f"{root}/{location}\0{stamp}" in lines
        if not is_there and not _is_intact(facts, key, standing):
            return None
    return tree if facts.pointers.are_current else None


def _is_intact(facts: Facts, key: str, standing: Standing) -> bool:
    """Look closer: at a value in a folder or a shared file, or one that was touched before the plan was made."""
    outputs = facts.outputs
    if not outputs.is_told_by_warehouse(key, standing):
        return False
    was_touched = not outputs.is_untouched(key, standing)
    return not was_touched or (not outputs.is_writing and outputs.state(facts.pointers[key, None]) == "intact")
