"""The canonical encoding: one value, one sequence of bytes, on every machine.

Every hash in assetbuild except the bulk of column data is taken over this
encoding, so its rules are part of the file format:

    encoded  = tag (1 byte) + length of payload (8 bytes, big-endian) + payload
    N  None          payload empty
    B  bool          0x00 or 0x01
    I  int           decimal text
    F  float         8 bytes IEEE 754 big-endian; every NaN is the quiet NaN 7ff8000000000000
    S  str           UTF-8 (lone surrogates kept by 'surrogatepass')
    Y  bytes         as they are
    L  list, tuple   the encodings of the items, in order
    M  dict          the encodings of key, value, key, value ..., in order of insertion
    U  set           the encodings of the items, sorted as bytes

Lengths and tags make it prefix-free: no two different values share an
encoding. ``1``, ``True``, ``1.0`` and ``"1"`` all differ. Callers that do not
care about the order of a dict pass it sorted. ``repr``, ``pickle`` and
``hash()`` are never used: they change between versions and processes.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from typing import Final, TypeAlias

import xxhash

__all__ = ["SCHEME", "Encodable", "digest", "encode", "hash_bytes"]

SCHEME: Final = "assetbuild-1"
"""Names the encoding; it is part of every digest, so that a later scheme never equals this one by chance."""

Encodable: TypeAlias = object
"""None, bool, int, float, str, bytes, and lists, tuples, dicts and sets of them: exactly these types, no subclasses.

Spelled ``object`` because the invariance of ``list`` and ``dict`` makes the recursive type unusable; ``encode`` checks.
"""

_NAN = bytes.fromhex("7ff8000000000000")
_NONE = b"N" + bytes(8)
_head: Final = struct.Struct(">cQ").pack


def encode(value: Encodable) -> bytes:
    """Return the canonical encoding of a value; raise TypeError for any other type."""
    kind = type(value)
    if kind is str:
        return _framed(b"S", value.encode("utf-8", "surrogatepass"))  # type: ignore[attr-defined]
    if value is None:
        return _NONE
    if kind is list or kind is tuple:
        return _framed(b"L", b"".join([encode(item) for item in value]))  # type: ignore[attr-defined]
    if kind is dict:
        return _framed(b"M", b"".join([encode(side) for pair in value.items() for side in pair]))  # type: ignore[attr-defined]
    return _encode_rare(value)


def _encode_rare(value: Encodable) -> bytes:
    if type(value) is set or type(value) is frozenset:
        return _framed(b"U", b"".join(sorted([encode(item) for item in value])))
    if type(value) is bool:
        return _framed(b"B", b"\x01" if value else b"\x00")
    if type(value) is int:
        return _framed(b"I", b"%d" % value if abs(value) < 1 << 64 else _big_decimal(value))
    if type(value) is float:
        return _framed(b"F", _NAN if math.isnan(value) else struct.pack(">d", value))
    if type(value) is bytes:
        return _framed(b"Y", value)
    message = f"a {type(value).__module__}.{type(value).__qualname__} has no canonical encoding"
    raise TypeError(message)


def digest(kind: str, value: Encodable) -> str:
    """Return the hash of a value as 32 hex digits; ``kind`` keeps hashes of different things apart."""
    return xxhash.xxh3_128_hexdigest(encode([SCHEME, kind, value]))


def hash_bytes(chunks: Iterable[bytes | memoryview]) -> str:
    """Return the hash of raw bytes, given in chunks, as 32 hex digits."""
    state = xxhash.xxh3_128()
    for chunk in chunks:
        state.update(chunk)
    return state.hexdigest()


def _framed(tag: bytes, payload: bytes) -> bytes:
    return _head(tag, len(payload)) + payload


def _big_decimal(value: int) -> bytes:
    # Python refuses to write integers of more than 4,300 digits as decimal text; hexadecimal has no such limit,
    # and the marker keeps the two forms apart.
    return (b"-x" if value < 0 else b"x") + b"%x" % abs(value)
