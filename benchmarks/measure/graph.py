"""The graph that every tool builds: layers of trivial tables, two inputs each, and the edits made to it.

In: the number of assets and the edits made so far. Out: the text of each asset's function, for any tool, and which
assets have another value after an edit, so that the number of assets that a tool really ran can be judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

__all__ = ["HELPER", "TALLY", "WIDTH", "Layered"]

WIDTH = 50
"""Assets in a layer; each reads two of the layer before."""

HELPER = "def base():\n    return {value}\n"
"""A module of the user's own, which the first asset calls."""

TALLY = """def ran(name):
    with open("ran.log", "a") as log:
        log.write(name + "\\n")
"""
"""What every asset calls when it runs: the only witness that counts."""


@dataclass(frozen=True, slots=True)
class Layered:
    """A graph of ``count`` assets, ``a0`` and so on, at one moment of its history.

    ``leaf`` and ``root`` are added to values of the last and of the first asset; ``dressed`` writes the first asset
    otherwise, with the same value; ``comments`` adds comments to it. ``bumps`` counts the edits that somebody who
    keeps code versions by hand has noted.
    """

    count: int
    width: int = WIDTH
    leaf: int = 0
    root: int = 0
    dressed: int = 0
    comments: int = 0
    helper: int = 0
    limit: int = 0
    bumps: tuple[int, int] = (0, 0)

    def inputs(self, n: int) -> tuple[int, ...]:
        """Return the numbers of the assets that an asset reads."""
        if n < self.width:
            return ()
        before = (n // self.width - 1) * self.width
        return before + n % self.width, before + (n * 7 + 3) % self.width

    @property
    def numbers(self) -> range:
        """The numbers of all assets, in an order in which they can be built."""
        return range(self.count)

    @property
    def leaves(self) -> tuple[int, ...]:
        """The assets that no other asset reads."""
        read = {each for n in self.numbers for each in self.inputs(n)}
        return tuple(n for n in self.numbers if n not in read)

    def below(self, start: int) -> int:
        """Return how many assets read an asset, directly or not, itself included."""
        reached = {start}
        for n in self.numbers:
            if not reached.isdisjoint(self.inputs(n)):
                reached.add(n)
        return len(reached)

    def body(self, n: int, limit: str = "0", *, pandas: bool = False) -> Iterator[str]:
        """Yield the lines of an asset's function. ``limit`` is how the first one reads its setting.

        Its inputs are named ``left`` and ``right`` (the same asset can be both).
        """
        yield f'ran("a{n}")'
        if n < self.width:
            yield from self._first(n, limit, pandas=pandas)
            return
        added = f" + {self.leaf}" if n == self.count - 1 and self.leaf else ""
        if pandas:
            yield (
                "return left + right" if not added else f'return (left + right).assign(x=lambda sums: sums["x"]{added})'
            )
            return
        if added:
            yield f'left = left.set_column(0, "x", pc.add(left["x"], {self.leaf}))'
        yield 'return pa.table({name: pc.add(left[name], right[name]) for name in ("x", "y")})'

    def _first(self, n: int, limit: str, *, pandas: bool) -> Iterator[str]:
        frame = "pd.DataFrame" if pandas else "pa.table"
        start = f"base() + {limit} + {self.root}" if n == 0 else str(n)
        if n == 0 and self.comments:
            yield f"# comment number {self.comments}"
        yield f"start = {start}"
        if n == 0 and self.dressed:
            yield f"rows = [row for row in range(start, start + {100 + self.dressed})][:100]"
        else:
            yield "rows = list(range(start, start + 100))"
        yield f'return {frame}({{"x": rows, "y": [float(row) for row in rows]}})'

    def edited(self, edit: str, *, noted: bool = True) -> Layered:
        """Return the graph after one more edit: leaf, equal, root, comment, helper or config.

        ``noted``: whoever keeps code versions by hand bumps them.
        """
        leaf, root = self.bumps
        if edit == "leaf":
            return replace(self, leaf=self.leaf + 1, bumps=(leaf + noted, root))
        if edit == "equal":
            return replace(self, dressed=self.dressed + 1, bumps=(leaf, root + noted))
        if edit == "root":
            return replace(self, root=self.root + 1000, bumps=(leaf, root + noted))
        if edit == "comment":
            return replace(self, comments=self.comments + 1)
        if edit == "helper":
            return replace(self, helper=self.helper + 1000)
        if edit == "config":
            return replace(self, limit=self.limit + 1)
        raise ValueError(edit)

    def total(self, n: int) -> int:
        """Return the sum of column ``x`` of an asset, as a clean build gives it (of graphs that are not deep)."""
        if n < self.width:
            start = self.helper + self.limit + self.root if n == 0 else n
            return sum(range(start, start + 100))
        left, right = self.inputs(n)
        added = 100 * self.leaf if n == self.count - 1 else 0
        return self.total(left) + self.total(right) + added

    def must_run(self, edit: str) -> int:
        """Return how many assets have to run after an edit: those whose inputs or code are not what they were."""
        return {"leaf": 1, "equal": 1, "root": self.below(0), "comment": 0}.get(edit, 1)
