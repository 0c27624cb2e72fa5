"""Bar charts as inline SVG, so that the report is one file."""

from __future__ import annotations

from html import escape

import polars as pl

BAR_HEIGHT = 22
LABEL_WIDTH = 210
BAR_WIDTH = 420


def bar_chart(frame: pl.DataFrame, label: str, value: str, *, unit: str) -> str:
    """Return one horizontal bar for each row with a value, as an ``<svg>`` element; a negative one has no length."""
    bars: list[tuple[str, float]] = list(frame.select(label, value).drop_nulls(value).iter_rows())
    longest = max((length for _, length in bars), default=0) or 1
    rows = [_bar(place, text, length, length / longest, unit) for place, (text, length) in enumerate(bars)]
    width, height = LABEL_WIDTH + BAR_WIDTH + 80, BAR_HEIGHT * len(bars)
    return f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">{"".join(rows)}</svg>'


def _bar(place: int, label: str, value: float, share: float, unit: str) -> str:
    top, length = place * BAR_HEIGHT, max(share, 0) * BAR_WIDTH
    return (
        f'<text x="{LABEL_WIDTH - 8}" y="{top + 15}" text-anchor="end">{escape(label)}</text>'
        f'<rect x="{LABEL_WIDTH}" y="{top + 3}" width="{length:.1f}" height="{BAR_HEIGHT - 6}" fill="#4477aa"/>'
        f'<text x="{LABEL_WIDTH + length + 6:.1f}" y="{top + 15}">{value:.1f}{escape(unit)}</text>'
    )
