"""Values that are no tables: each is stored in the form that fits it, chosen by the value."""

import gzip
import re
import tempfile
from collections import Counter
from pathlib import Path

from assetbuild import asset, source

poem = source("poem", "poem.txt")


@asset
def words(poem: str) -> list[str]:
    """A list of text: ``warehouse/words.json``."""
    return re.findall(r"[a-z]+", poem.lower())


@asset(io_manager="pickle")
def counts(words: list[str]) -> Counter[str]:
    """A Counter, which JSON would turn into a plain dict: ``warehouse/counts.pkl``, as asked for."""
    return Counter(words)


@asset
def page(counts: Counter[str]) -> str:
    """Text: ``warehouse/page.txt``."""
    return "".join(f"{count:3} {word}\n" for word, count in counts.most_common())


@asset
def packed(page: str) -> bytes:
    """Bytes: ``warehouse/packed.bin``. Without ``mtime=0``, gzip writes the time of day into them."""
    return gzip.compress(page.encode(), mtime=0)


@asset
def chart(counts: Counter[str]) -> Path:
    """A file that the asset wrote itself, and its extension: ``warehouse/chart.svg``."""
    bars = "".join(
        f'<rect y="{12 * place}" width="{40 * count}" height="10"><title>{word}</title></rect>'
        for place, (word, count) in enumerate(counts.most_common(5))
    )
    path = Path(tempfile.mkdtemp()) / "chart.svg"
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" width="200" height="60">{bars}</svg>\n')
    return path
