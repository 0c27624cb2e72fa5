"""Third-party code: which distribution a module comes from, and its version under the project's policy.

``exact`` keys the whole version, ``minor`` its first two numbers, ``off`` nothing. A module that
belongs to no distribution counts by the content of its files.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import re
import sys
from functools import cached_property

from assetbuild.fingerprint.code.installed import Distribution, distributions
from assetbuild.fingerprint.encoding import hash_bytes

__all__ = ["Packages"]

_CODE_SUFFIXES = (".py", *importlib.machinery.EXTENSION_SUFFIXES)


class Packages:
    """Finds the distribution of a module without importing it."""

    def __init__(self, policy: str) -> None:
        """Take the policy: ``exact``, ``minor`` or ``off``."""
        self.policy = policy
        self._known: dict[str, Distribution | None] = {}
        self._content: dict[str, str] = {}

    def of_module(self, module: str) -> Distribution | None:
        """Return the distribution that provides a module, by its import name; None when no distribution does."""
        if module not in self._known:
            self._known[module] = self._find(module)
        return self._known[module]

    def version(self, distribution: Distribution) -> str:
        """Return a distribution's version as the policy sees it."""
        if self.policy == "off":
            return ""
        if self.policy == "minor" and (found := re.match(r"(?:\d+!)?\d+(?:\.\d+)?", distribution.version)):
            return found[0]
        return distribution.version

    def content(self, module: str) -> str:
        """Return the hash of the files of a module that no distribution provides; nothing when it has none."""
        if module not in self._content:
            self._content[module] = self._hash_files(module)
        return self._content[module]

    def _find(self, module: str) -> Distribution | None:
        top = module.partition(".")[0]
        guessed = self._by_name.get(re.sub(r"[-_.]+", "-", top).lower())
        if guessed is not None and top in _top_levels(guessed):
            candidates = [guessed]
        else:
            candidates = [] if self._lies_apart(top) else self._by_top_level.get(top, [])
        if len(candidates) < 2:  # noqa: PLR2004
            return candidates[0] if candidates else None
        # A namespace package: several distributions share the first name, so the files decide.
        path = module.replace(".", os.sep)
        for candidate in candidates:
            base = os.path.dirname(candidate.metadata)
            stems = (os.path.join(base, path) + os.sep, os.path.join(base, path) + ".")
            if any(file.startswith(stems) for file in candidate.files()):
                return candidate
        return candidates[0]

    def _lies_apart(self, top: str) -> bool:
        """Say whether a module lies in a folder where nothing is installed; to read all that is takes 100 ms."""
        loaded = sys.modules.get(top)
        file = getattr(loaded, "__file__", None)
        if not isinstance(file, str):
            return False
        folder = os.path.dirname(os.path.abspath(file))
        if hasattr(loaded, "__path__"):
            folder = os.path.dirname(folder)
        return os.path.realpath(folder) not in self._folders

    @cached_property
    def _folders(self) -> frozenset[str]:
        return frozenset(os.path.realpath(os.path.dirname(found.metadata)) for found in self._by_name.values())

    @cached_property
    def _by_name(self) -> dict[str, Distribution]:
        return {distribution.name: distribution for distribution in distributions(tuple(sys.path))}

    @cached_property
    def _by_top_level(self) -> dict[str, list[Distribution]]:
        found: dict[str, list[Distribution]] = {}
        for distribution in self._by_name.values():
            for name in _top_levels(distribution):
                found.setdefault(name, []).append(distribution)
        return found

    def _hash_files(self, module: str) -> str:
        loaded = sys.modules.get(module)
        file = getattr(loaded, "__file__", None)
        if loaded is None:
            try:
                spec = importlib.util.find_spec(module.partition(".")[0])
            except (ImportError, ValueError, AttributeError):
                return ""
            file = spec.origin if spec is not None and spec.has_location else None
        if not isinstance(file, str) or not os.path.isfile(file):
            return ""
        files = [file]
        if os.path.basename(file).startswith("__init__."):
            folder = os.path.dirname(file)
            files = [os.path.join(at, name) for at, _, names in os.walk(folder) for name in names]
            files = sorted(name for name in files if name.endswith(_CODE_SUFFIXES))
        parts = []
        for name in files:
            with open(name, "rb") as opened:
                parts.append(hash_bytes((opened.read(),)).encode())
        return hash_bytes(parts)


def _top_levels(distribution: Distribution) -> set[str]:
    """Return the import names that a distribution provides."""
    said = distribution.read("top_level.txt").split()
    if said:
        return {name.partition("/")[0] for name in said}
    base = os.path.dirname(distribution.metadata) + os.sep
    found = set()
    for file in distribution.files():
        if file.startswith(base) and file.endswith(_CODE_SUFFIXES):
            found.add(file[len(base) :].split(os.sep)[0].partition(".")[0])
    return found
