"""Load many partitions of an asset as one value: one table of all rows, or a mapping from key to value.

In come the partitions that an input maps to, in key order, each with the path of its object; out comes what the
parameter's annotation asks for. What a table of many partitions is, ``concat`` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from assetbuild.dataclass import replace
from assetbuild.errors import AssetError, Problem
from assetbuild.store.concat import join_tables, no_partitions
from assetbuild.store.conversions import TABLE_TYPES, convert_table, is_tabular, to_arrow
from assetbuild.store.io import InputContext, IOManager

__all__ = ["load_partitions"]

_ONE_VALUE: Final = {"path": "Path", "bytes": "bytes", "str": "str"}


def load_partitions(  # noqa: PLR0913  # what a parameter can ask for, by keyword
    manager: IOManager | Sequence[IOManager],
    asset_key: str,
    parts: Sequence[tuple[str, Path]],
    *,
    load: str | None,
    columns: tuple[str, ...] | None = None,
    key_column: str | None = None,
    as_mapping: bool = False,
) -> Any:
    """Load the partitions ``parts``, pairs of key and object in key order, each by its IO manager or all by one.

    A table, or without an annotation whatever is a table, is all rows as one, ``key_column`` being added with the keys
    as text. Values that are no tables come as a dict from key to value. So does everything with ``as_mapping``, and
    ``load`` is then the type of one value. Raises AssetError when they cannot be loaded so.
    """
    contexts = [
        InputContext(asset_key=asset_key, path=path, partition_key=key, load=load, columns=columns)
        for key, path in parts
    ]
    managers = [manager] * len(parts) if isinstance(manager, IOManager) else list(manager)
    each = list(zip((key for key, _ in parts), managers, contexts, strict=True))
    if as_mapping:
        return {key: _load(its, context, key_column) for key, its, context in each}
    if load == "paths":
        return [_load(its, replace(context, load="path")) for _, its, context in each]
    if not parts and (load in TABLE_TYPES or getattr(manager, "holds_tables", False)):
        raise no_partitions(asset_key)
    if load in _ONE_VALUE:
        word = _ONE_VALUE[load]
        advice = f"Annotate the input as dict[str, {word}], to get each by its partition key."
        raise AssetError(Problem(f"{len(parts)} partitions of {asset_key!r} are not one {word}", (), advice))
    if parts and (load in TABLE_TYPES or all(its.holds_tables for its in managers)):
        if len(set(managers)) == 1:
            return managers[0].load_many(contexts, key_column)
        whole = [(key, its, replace(context, load="arrow.Table", columns=None)) for key, its, context in each]
        tables = [(key, to_arrow(_load(its, context))) for key, its, context in whole]
        return convert_table(join_tables(tables, columns, key_column), load)
    values = {key: _load(its, context) for key, its, context in each}
    if values and all(is_tabular(value) for value in values.values()):
        return join_tables([(key, to_arrow(value)) for key, value in values.items()], None, key_column)
    if key_column is not None and values:
        problem = f"the partitions of {asset_key!r} are no tables, so there is no column for their keys"
        raise AssetError(Problem(problem, (), "Leave the key column out: the values come as a dict by partition key."))
    return values


def _load(manager: IOManager, context: InputContext, key_column: str | None = None) -> Any:
    try:
        return manager.load(context) if key_column is None else manager.load_many([context], key_column)
    except (TypeError, ValueError, KeyError) as error:
        reason = error.args[0] if isinstance(error, KeyError) and error.args else error
        problem = f"partition {context.partition_key!r} of {context.asset_key!r} cannot be loaded: {reason}"
        raise AssetError(Problem(problem)) from error
