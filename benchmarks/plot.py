"""Two plain SVG plots, written by hand: bars and lines on logarithmic axes. The same numbers give the same bytes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

__all__ = ["bars", "lines"]

WIDTH = 760
LEFT, RIGHT = 190, 70
ROW = 20
LINE = 15
STYLE = (
    "<style>text{font:12px system-ui,sans-serif;fill:#444}.t{font-size:14px;font-weight:600}"
    ".g{stroke:#ddd}.a{fill:#2563eb}.b{fill:#b8c0cc}.n{font-size:11px}"
    "@media(prefers-color-scheme:dark){text{fill:#ccc}.g{stroke:#444}.b{fill:#667}}</style>"
)
COLOURS = ("#2563eb", "#d97706", "#059669", "#9333ea", "#dc2626")


def bars(title: str, groups: Mapping[str, Mapping[str, float]], ours: str) -> str:
    """Return horizontal bars in groups, with values in seconds; the bars of ``ours`` stand out."""
    values = [value for group in groups.values() for value in group.values()]
    low, high = _decades(values)
    parts = [f'<text class="t" x="10" y="22">{escape(title)}</text>']
    top = 40
    for name, group in groups.items():
        parts.append(f'<text x="10" y="{top + 14}" font-weight="600">{escape(name)}</text>')
        top += ROW + 2
        for who, value in sorted(group.items(), key=lambda each: each[1]):
            length = _place(value, low, high, 0, WIDTH - LEFT - RIGHT)
            kind = "a" if who == ours else "b"
            parts += [
                f'<text x="{LEFT - 8}" y="{top + 14}" text-anchor="end">{escape(who)}</text>',
                f'<rect class="{kind}" x="{LEFT}" y="{top + 3}" width="{max(length, 1):.1f}" height="{ROW - 6}"/>',
                f'<text class="n" x="{LEFT + length + 6:.1f}" y="{top + 14}">{_short(value)} s</text>',
            ]
            top += ROW
        top += 10
    return _svg(top + 6, parts)


def lines(title: str, series: Mapping[str, Sequence[tuple[int, float]]]) -> str:
    """Return lines over a number of things, with values in seconds."""
    height, left, bottom = 380, 70, 330
    xs = [x for points in series.values() for x, _ in points]
    low, high = _decades([y for points in series.values() for _, y in points])
    first, last = math.log10(min(xs)), max(math.log10(max(xs)), math.log10(min(xs)) + 1)
    parts = [f'<text class="t" x="10" y="22">{escape(title)}</text>']
    for power in range(low, high + 1):
        y = _place(10**power, low, high, bottom, 50)
        parts.append(f'<line class="g" x1="{left}" x2="{WIDTH - 150}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{_short(10.0**power)} s</text>')
    for x in sorted(set(xs)):
        at = _at(x, first, last, left)
        parts.append(f'<text x="{at:.1f}" y="{bottom + 22}" text-anchor="middle">{x:,}</text>')
    ends: list[float] = []
    for colour, (name, points) in zip(COLOURS, series.items(), strict=False):
        spots = [(_at(x, first, last, left), _place(y, low, high, bottom, 50)) for x, y in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{path}"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in spots]
        label = spots[-1][1]
        while any(abs(label - other) < LINE for other in ends):
            label += 5
        ends.append(label)
        parts.append(
            f'<text x="{spots[-1][0] + 10:.1f}" y="{label + 4:.1f}" style="fill:{colour}">{escape(name)}</text>'
        )
    return _svg(height, parts)


def _at(x: float, first: float, last: float, left: int) -> float:
    return left + (math.log10(x) - first) / (last - first) * (WIDTH - 150 - left)


def _decades(values: Sequence[float]) -> tuple[int, int]:
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def _place(value: float, low: int, high: int, start: float, end: float) -> float:
    return start + (math.log10(value) - low) / (high - low) * (end - start)


def _short(value: float) -> str:
    digits = next((digits for limit, digits in ((0.1, 3), (1, 2), (10, 1)) if value < limit), 0)
    return f"{value:,.{digits}f}"


def _svg(height: float, parts: Sequence[str]) -> str:
    body = "\n".join(parts)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img">'
    return f"{head}\n{STYLE}\n{body}\n</svg>\n"
