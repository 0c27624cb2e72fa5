"""The cache of stamps: which content version a path had when its stat was last seen.

It makes a look at unchanged files cost one stat. It holds nothing that cannot be computed again, so it lies in
a file of its own, plans may write it, and any trouble with it is passed over. A stamp is
``size:mtime_ns:ctime_ns:inode``; an entry is about 150 bytes.
"""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

__all__ = ["StampCache", "stat_stamp"]

# A file changed twice within one tick of the file system's clock keeps its stamp, so a stamp that was young when the
# content was read proves nothing. Kernel ticks are 4 to 10 ms; git and ninja leave similar margins.
_RACY_NS = 50_000_000


def stat_stamp(status: os.stat_result) -> str:
    """Return the stamp of a file's stat result."""
    return f"{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}:{status.st_ino}"


class StampCache:
    """Versions by path and stamp; read whole on first use, written back by ``flush``."""

    def __init__(self, path: Path) -> None:
        """Use the cache file at ``path``; it need not exist, and is created only where its folder does."""
        self.path = path
        self._known: dict[str, tuple[str, str]] | None = None
        self._new: dict[str, tuple[str, str]] = {}

    def version(self, path: str, stamp: str) -> str | None:
        """Return the version that ``path`` had under exactly this stamp."""
        known = self._load().get(path)
        return known[1] if known is not None and known[0] == stamp else None

    def keep(self, path: str, stamp: str, version: str, *, moved_ns: int) -> None:
        """Remember a version, unless the file moved just now; ``moved_ns`` is the later of mtime and ctime."""
        if time.time_ns() - moved_ns > _RACY_NS:
            self._load()[path] = (stamp, version)
            self._new[path] = (stamp, version)

    def flush(self) -> None:
        """Write new entries to disk, where there is a folder for them and it can be written."""
        if not self._new or not self.path.parent.is_dir():
            return
        try:
            with sqlite3.connect(self.path, timeout=1) as database:
                database.execute("PRAGMA synchronous = OFF")
                database.execute(
                    "CREATE TABLE IF NOT EXISTS stamps (path TEXT PRIMARY KEY, stamp TEXT, version TEXT) WITHOUT ROWID"
                )
                database.executemany(
                    "INSERT OR REPLACE INTO stamps VALUES (?, ?, ?)",
                    [(path, stamp, version) for path, (stamp, version) in self._new.items()],
                )
            database.close()
        except sqlite3.Error:
            self._discard()
        self._new.clear()

    def _load(self) -> dict[str, tuple[str, str]]:
        if self._known is None:
            self._known = {}
            if self.path.exists():
                try:
                    database = sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True, timeout=1)
                    rows = database.execute("SELECT path, stamp, version FROM stamps")
                    self._known = {path: (stamp, version) for path, stamp, version in rows}
                    database.close()
                except sqlite3.Error:
                    self._discard()
        return self._known

    def _discard(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            try:
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
            except OSError:
                return
