"""The recipe of an asset: all that its value depends on except the data of its inputs; and the build key.

    recipe + data versions of the inputs  ->  build key (one hash)  +  components (its parts, to explain it)

The build key is a digest over the canonical encoding of, in this order: asset key, partition key, code
version, config version, environment, IO manager, and the inputs sorted by parameter and key. The components
hold the same facts unhashed enough to name the one that moved; secrets and environment values only as hashes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from assetbuild.fingerprint.encoding import digest
from assetbuild.graph.model import AssetInput

__all__ = ["InputVersion", "Recipe", "Shown", "build_key", "components", "edge_version", "environment_part"]


@dataclass(frozen=True, slots=True)
class Shown:
    """A hashed part and how it may be shown to people; None when it is a secret, '' when only the hash is shown."""

    version: str
    shown: str | None = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an asset's value depends on, its inputs' data left out.

    ``code`` has one part per symbol, ``texts`` the source text of code parts by version, ``declared`` the
    asset's ``code_version=``.
    """

    code_version: str
    code: Mapping[str, Shown] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Shown] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    io_manager: Mapping[str, Any] = field(default_factory=dict)
    declared: str | None = None


@dataclass(frozen=True, slots=True)
class InputVersion:
    """One input with its data version, and the versions of its parts (columns, files) where they are known."""

    edge: AssetInput
    version: str
    parts: Mapping[str, str] = field(default_factory=dict)


def edge_version(given: InputVersion) -> str:
    """Return the version that counts for an edge: of the columns it reads, where these are known, else of the whole."""
    columns = given.edge.columns
    if columns is None or any(column not in given.parts for column in columns):
        return given.version
    return digest("columns", [[column, given.parts[column]] for column in columns])


def environment_part(value: str | None) -> str:
    """Return the version of an environment variable's value; None when it is not set."""
    return digest("env", value)


def build_key(asset: str, partition: str | None, recipe: Recipe, inputs: Iterable[InputVersion]) -> str:
    """Return the build key of one (asset, partition)."""
    edges = sorted(
        (
            given.edge.parameter or "",
            given.edge.key,
            _load_word(given.edge),
            () if given.edge.columns is None else ("columns", *given.edge.columns),
            edge_version(given),
        )
        for given in inputs
    )
    return digest(
        "build key",
        [
            asset,
            partition,
            recipe.code_version,
            [[key, recipe.config[key].version] for key in sorted(recipe.config)],
            [[name, recipe.env[name]] for name in sorted(recipe.env)],
            _sorted(recipe.io_manager),
            edges,
        ],
    )


def components(recipe: Recipe, inputs: Iterable[InputVersion]) -> dict[str, Any]:
    """Return the parts of a build key as JSON-able data, for explaining it later."""
    return {
        "code_version": recipe.code_version,
        "declared": recipe.declared,
        "code": {subject: [part.version, part.shown, part.place] for subject, part in sorted(recipe.code.items())},
        "packages": dict(sorted(recipe.packages.items())),
        "config": {key: [part.version, part.shown] for key, part in sorted(recipe.config.items())},
        "env": dict(sorted(recipe.env.items())),
        "io_manager": _sorted(recipe.io_manager),
        "inputs": [
            {
                "parameter": given.edge.parameter,
                "key": given.edge.key,
                "load": _load_word(given.edge),
                "columns": list(given.edge.columns) if given.edge.columns is not None else None,
                "version": edge_version(given),
                "data_version": given.version,
            }
            for given in sorted(inputs, key=lambda given: (given.edge.key, given.edge.parameter or ""))
        ],
    }


def _load_word(edge: AssetInput) -> str:
    # Without an annotation a table is loaded as a pyarrow Table and anything else as it is: saying so changes nothing.
    return "" if edge.load in {None, "value", "arrow.Table"} else str(edge.load)


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, (list, tuple)):
        return [_sorted(item) for item in value]
    return value
