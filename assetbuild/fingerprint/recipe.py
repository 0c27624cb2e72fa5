"""The recipe of an asset: all that its value depends on except the data of its inputs; and the build key.

    recipe + data versions of the inputs  ->  build key (one hash)  +  components (its parts, to explain it)

The build key is made in two steps, so that ten thousand partitions share the first. The *stem* is a digest over the
canonical encoding of, in this order: asset key, code version, config version, environment, IO manager, and how each
input is read, sorted by parameter and key. The key is the hash of the stem, the version of each input in the same
order (16 bytes each, so their number needs no mark), and the partition key. The components hold the same facts
unhashed enough to name the one that moved; secrets and environment values only as hashes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import xxhash

from assetbuild.dataclass import dataclass, field
from assetbuild.fingerprint.encoding import digest
from assetbuild.graph.model import AssetInput

__all__ = [
    "ABSENT",
    "InputVersion",
    "Recipe",
    "Shown",
    "build_key",
    "build_stem",
    "components",
    "edge_order",
    "edge_version",
    "environment_part",
    "input_components",
    "key_of",
    "partitions_version",
    "plain_inputs",
    "recipe_components",
]

ABSENT = digest("input", "absent")
"""The version of an input that is not there and may be: an optional source, the partition before the first."""


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
    """One input with its data version, and the versions of its parts (columns, files, partitions) where they are known.

    ``keys`` are the partition keys that are read; None for an input without partitions.
    """

    edge: AssetInput
    version: str
    parts: Mapping[str, str] = field(default_factory=dict)
    keys: tuple[str, ...] | None = None


def edge_version(given: InputVersion) -> str:
    """Return the version that counts for an edge: of the columns it reads, where these are known, else of the whole."""
    columns = given.edge.columns
    if given.edge.is_many:  # made of the versions of the partitions, each of the columns that count
        return given.version
    if columns is None or any(column not in given.parts for column in columns):
        return given.version
    return digest("columns", [[column, given.parts[column]] for column in columns])


def environment_part(value: str | None) -> str:
    """Return the version of an environment variable's value; None when it is not set."""
    return digest("env", value)


def partitions_version(keys: Iterable[str], versions: bytes | bytearray | memoryview) -> bytes:
    """Return the version of many partitions read as one input: of their keys, and their versions, 16 bytes each."""
    state = xxhash.xxh3_128(b"assetbuild-1 partitions\0")
    state.update("\0".join(keys).encode("utf-8", "surrogatepass"))
    state.update(len(versions).to_bytes(8, "big"))
    state.update(versions)
    return state.digest()


def edge_order(edges: Iterable[AssetInput]) -> list[AssetInput]:
    """Return the inputs that count in a build key, in its order."""
    return sorted((edge for edge in edges if not edge.is_order_only), key=_edge_place)


def plain_inputs(edges: Iterable[AssetInput]) -> tuple[str, ...] | None:
    """Return the keys of inputs that are read whole, in the order of build keys; None where one is read otherwise."""
    listed = list(edges)
    if any(edge.columns is not None or edge.mapping is not None or edge.is_order_only for edge in listed):
        return None
    return tuple(edge.key for edge in edge_order(listed))


def build_stem(asset: str, recipe: Recipe, edges: Iterable[AssetInput]) -> bytes:
    """Return what the build keys of all partitions of an asset have in common."""
    said = [
        asset,
        recipe.code_version,
        [[key, recipe.config[key].version] for key in sorted(recipe.config)],
        [[name, recipe.env[name]] for name in sorted(recipe.env)],
        _sorted(recipe.io_manager),
        [_edge_place(edge) for edge in edge_order(edges)],
    ]
    return bytes.fromhex(digest("build stem", said))


def key_of(stem: bytes, versions: bytes, partition: str | None) -> str:
    """Return the build key of one (asset, partition), from the versions of its inputs, 16 bytes each, in order."""
    if partition is None:
        return xxhash.xxh3_128_hexdigest(b"\0".join((stem, versions)))
    return xxhash.xxh3_128_hexdigest(b"\1".join((stem, versions, partition.encode("utf-8", "surrogatepass"))))


def build_key(asset: str, partition: str | None, recipe: Recipe, inputs: Iterable[InputVersion]) -> str:
    """Return the build key of one (asset, partition)."""
    given = sorted((each for each in inputs if not each.edge.is_order_only), key=lambda each: _edge_place(each.edge))
    versions = b"".join(bytes.fromhex(edge_version(each)) for each in given)
    return key_of(build_stem(asset, recipe, [each.edge for each in given]), versions, partition)


def _edge_place(edge: AssetInput) -> list[object]:
    columns = [] if edge.columns is None else ["columns", *edge.columns]
    read: list[object] = [edge.parameter or "", edge.key, _load_word(edge), columns]
    # Said only where there are partitions.
    # The partitions themselves count by their keys and versions.
    return read if edge.mapping is None else [*read, edge.mapping.kind, edge.key_column or "", edge.as_mapping]


def components(recipe: Recipe, inputs: Iterable[InputVersion]) -> dict[str, Any]:
    """Return the parts of a build key as JSON-able data, for explaining it later."""
    return {**recipe_components(recipe), "inputs": input_components(inputs)}


def recipe_components(recipe: Recipe) -> dict[str, Any]:
    """Return the parts that all partitions of an asset share."""
    return {
        "code_version": recipe.code_version,
        "declared": recipe.declared,
        "code": {subject: [part.version, part.shown, part.place] for subject, part in sorted(recipe.code.items())},
        "packages": dict(sorted(recipe.packages.items())),
        "config": {key: [part.version, part.shown] for key, part in sorted(recipe.config.items())},
        "env": dict(sorted(recipe.env.items())),
        "io_manager": _sorted(recipe.io_manager),
    }


def input_components(inputs: Iterable[InputVersion]) -> list[dict[str, Any]]:
    """Return the parts of a build key that are the inputs' own."""
    return [
        {
            "parameter": given.edge.parameter,
            "key": given.edge.key,
            "load": _load_word(given.edge),
            "columns": list(given.edge.columns) if given.edge.columns is not None else None,
            "version": edge_version(given),
            "data_version": given.version,
            **_partition_part(given),
        }
        for given in sorted(inputs, key=lambda given: (given.edge.key, given.edge.parameter or ""))
        if not given.edge.is_order_only
    ]


def _partition_part(given: InputVersion) -> dict[str, Any]:
    if given.edge.mapping is None:
        return {}
    # The keys of many partitions stand with their versions under the data version.
    key = given.keys[0] if given.keys and not given.edge.is_many else None
    return {"mapping": given.edge.mapping.text, "partition": key}


def _load_word(edge: AssetInput) -> str:
    # Without an annotation a table is loaded as a pyarrow Table and anything else as it is: saying so changes nothing.
    return "" if edge.load in {None, "value", "arrow.Table"} else str(edge.load)


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, (list, tuple)):
        return [_sorted(item) for item in value]
    return value
