"""Values as files of their own format: JSON, text, bytes, pickles, and files that an asset wrote itself."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Final

from assetbuild.declare.keys import path_part
from assetbuild.fingerprint.data.files import (
    bytes_version,
    canonical_json,
    json_version_of,
    text_version,
    tree_hash,
)
from assetbuild.fingerprint.data.values import value_version
from assetbuild.fingerprint.encoding import digest
from assetbuild.store.conversions import TABLE_TYPES, describe
from assetbuild.store.failures import storing, write_bytes
from assetbuild.store.io import IOManager, Written
from assetbuild.store.publish import copy_value
from assetbuild.store.readers import load_source

if TYPE_CHECKING:
    from assetbuild.store.io import InputContext, OutputContext

__all__ = ["BytesIOManager", "FileIOManager", "JsonIOManager", "PickleIOManager", "TextIOManager"]

_PACKED: Final = frozenset({".gz", ".bz2", ".xz", ".zst"})
_EXTENSION_LENGTH: Final = 32


class JsonIOManager(IOManager):
    """Keeps text, numbers, lists and dicts as readable JSON. A tuple comes back as a list; NaN is refused."""

    def write(self, context: OutputContext, value: Any) -> Written:
        """Write the value; keys keep their order, and must be text."""
        data = canonical_json(value)
        write_bytes(context.path, data)
        return Written(data_version=json_version_of(data), extension="json")

    def load(self, context: InputContext) -> Any:
        """Load the value; asked for text or bytes, the JSON itself; a list of objects also as a table."""
        if context.load in TABLE_TYPES:
            return load_source([context.path], kind="file", load=context.load, columns=context.columns)
        data = context.path.read_bytes()
        return data if context.load == "bytes" else _plain(context, lambda: json.loads(data))


class TextIOManager(IOManager):
    """Keeps text as UTF-8; line ends stay as they are."""

    def write(self, context: OutputContext, value: Any) -> Written:
        """Write the text."""
        if not isinstance(value, str):
            message = f"{describe(value)} is not text"
            raise TypeError(message)
        write_bytes(context.path, value.encode("utf-8", "surrogatepass"))
        return Written(data_version=text_version(value), extension="txt")

    def load(self, context: InputContext) -> Any:
        """Load the text."""
        data = context.path.read_bytes()
        return data if context.load == "bytes" else _plain(context, lambda: data.decode("utf-8", "surrogatepass"))


class BytesIOManager(IOManager):
    """Keeps bytes."""

    def write(self, context: OutputContext, value: Any) -> Written:
        """Write the bytes."""
        if not isinstance(value, (bytes, bytearray, memoryview)):
            message = f"{describe(value)} is not bytes"
            raise TypeError(message)
        data = bytes(value)
        write_bytes(context.path, data)
        return Written(data_version=bytes_version(data), extension="bin")

    def load(self, context: InputContext) -> Any:
        """Load the bytes."""
        return _plain(context, context.path.read_bytes)


class PickleIOManager(IOManager):
    """Keeps any value that can be pickled. Loading runs code from the pickle, so load only what you built yourself."""

    def write(self, context: OutputContext, value: Any) -> Written:
        """Pickle the value; its version follows its content and not the bytes, so sets count whatever their order."""
        try:
            data = pickle.dumps(value, protocol=5)
        except Exception as error:  # pickling runs the value's own code, which may raise anything
            message = f"{describe(value)} cannot be pickled: {error}"
            raise TypeError(message) from error
        write_bytes(context.path, data)
        return Written(data_version=value_version(value), extension="pkl")

    def load(self, context: InputContext) -> Any:
        """Unpickle the value."""
        return _plain(context, lambda: pickle.loads(context.path.read_bytes()))  # noqa: S301  # an object of this project


class FileIOManager(IOManager):
    """Keeps a file or folder that the asset wrote, given as a ``Path``. What the asset wrote stays where it is."""

    def write(self, context: OutputContext, value: Any) -> Written:
        """Copy the file or folder; links are followed."""
        if not isinstance(value, PurePath):
            message = f"{describe(value)} is not a Path"
            raise TypeError(message)
        path = Path(value)
        if not path.exists():
            message = f"the asset returned the path '{path}', and nothing is there"
            raise ValueError(message)
        if not path.is_dir() and not path.is_file():
            message = f"'{path}' is neither a file nor a folder"
            raise ValueError(message)
        with storing("copy", path):
            if path.is_dir():
                _refuse_odd_files(path)
                shutil.copytree(path, context.path, copy_function=_copy)
                return Written(data_version=digest("tree", tree_hash(context.path)), extension=_extension(path))
            return Written(data_version=digest("file", copy_value(path, context.path)), extension=_extension(path))

    def load(self, context: InputContext) -> Any:
        """Load the ``Path`` of the object, or its bytes or text, or a table when the extension is that of one."""
        if context.load in {None, "path", "value"}:
            return context.path
        return load_source([context.path], kind="file", load=context.load, columns=context.columns)


def _plain(context: InputContext, read: Any) -> Any:
    if context.load == "path":
        return context.path
    if context.load in TABLE_TYPES:
        message = f"a .{context.path.suffix.lstrip('.')} value cannot be loaded as {context.load}"
        raise TypeError(message)
    return read()


def _extension(path: Path) -> str:
    """Return the extension as part of a file name: ``html``, ``tar.gz``; nothing when there is none."""
    suffixes = path.suffixes[-2:] if path.suffix.lower() in _PACKED else path.suffixes[-1:]
    return path_part("".join(suffixes).lstrip("."))[:_EXTENSION_LENGTH]


def _copy(source: str, target: str) -> None:
    copy_value(Path(source), Path(target))


def _refuse_odd_files(folder: Path) -> None:
    for path in folder.rglob("*"):
        if not path.exists():
            message = f"'{path}' is a link to nothing"
            raise ValueError(message)
        if not path.is_file() and not path.is_dir():
            message = f"'{path}' is neither a file nor a folder"
            raise ValueError(message)
