"""Numbers, sizes, durations and times as people read them."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable, Iterable, Mapping

__all__ = [
    "ago",
    "all_fresh",
    "cell_width",
    "clip",
    "counted",
    "counts_text",
    "duration",
    "enumerated",
    "last_line",
    "none_listed",
    "one_line",
    "padded",
    "size",
    "timestamp",
]

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR


def counted(number: int, noun: str) -> str:
    """Return ``1 asset``, ``5,000 assets``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def counts_text(numbers: Mapping[str, int], style: Callable[[str, str], str] = lambda text, _name: text) -> str:
    """Return ``3 built, 1 failed``, each in the style of its name."""
    return ", ".join(style(f"{number:,} {name}", name) for name, number in numbers.items())


def enumerated(names: Iterable[str], most: int) -> str:
    """Return ``a, b and 7 more``."""
    known = list(names)
    more = f" and {len(known) - most:,} more" if len(known) > most else ""
    return ", ".join(known[:most]) + more


def all_fresh(assets: int, partitions: int) -> str:
    """Return what is said when nothing is to do; ``partitions`` counts an asset without any as one."""
    of_them = f", with {counted(partitions, 'partition')}," if partitions > assets else ""
    return f"nothing to do: {counted(assets, 'asset')}{of_them} {'is' if assets == 1 else 'are'} fresh"


def none_listed(assets: int = 0, *, missing_only: bool = False) -> str:
    """Return what is said when a plan has nothing in it, though that many assets were selected."""
    if not assets:
        return "nothing to do: there are no assets"
    return "nothing to do: nothing is missing" if missing_only else "nothing to do: there are no partitions yet"


def duration(seconds: float) -> str:
    """Return ``0.04 s``, ``3.2 s``, ``42 s``, ``4 min 05 s``, ``2 h 05 min`` or ``3 d 04 h``."""
    if seconds < 0.995:  # noqa: PLR2004  # what rounds to 1.00 is shown as 1.0
        return f"{max(seconds, 0):.2f} s"
    if seconds < 9.95:  # noqa: PLR2004
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR:02} h"


def size(size_bytes: float) -> str:
    """Return ``512 B``, ``1.2 kB``, ``34 MB``: powers of 1,000, as disks are sold."""
    if abs(size_bytes) < 1000:  # noqa: PLR2004
        return f"{size_bytes:.0f} B"
    for unit in ("kB", "MB", "GB", "TB"):
        size_bytes /= 1000
        if abs(size_bytes) < 999.5 or unit == "TB":  # noqa: PLR2004
            break
    return f"{size_bytes:.1f} {unit}" if abs(size_bytes) < 9.95 else f"{size_bytes:,.0f} {unit}"  # noqa: PLR2004


def timestamp(epoch_s: float) -> str:
    """Return the local date and time, to the second."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(epoch_s))


def ago(epoch_s: float, now_s: float | None = None) -> str:
    """Return ``just now``, ``5 min ago``, ``3 h ago``, ``12 days ago``."""
    passed = (time.time() if now_s is None else now_s) - epoch_s
    if passed < _MINUTE:
        return "just now"
    if passed < _HOUR:
        return f"{passed // _MINUTE:.0f} min ago"
    if passed < _DAY:
        return f"{passed // _HOUR:.0f} h ago"
    return f"{counted(int(passed // _DAY), 'day')} ago"


def one_line(text: str) -> str:
    r"""Return the text with line breaks shown as ``\n``."""
    return "\\n".join(text.splitlines())


def last_line(text: str) -> str:
    """Return the last line with something on it, which in a traceback is the error."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def cell_width(text: str) -> int:
    """Return how many terminal cells plain text takes: two for wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def padded(text: str, width: int) -> str:
    """Return the text with spaces up to the width in cells."""
    return text + " " * (width - cell_width(text))


def clip(text: str, width: int) -> str:
    """Return the text, cut and ended with ``...`` when it is wider than ``width`` cells."""
    if cell_width(text) <= width:
        return text
    kept, taken = [], 0
    for character in text:
        taken += cell_width(character)
        if taken > width - 3:
            break
        kept.append(character)
    return "".join(kept).rstrip() + "..."
