"""The graph as one SVG file: no script, no font, no link; light and dark follow the reader's setting."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from html import escape

from assetbuild.declare.definitions import SourceDefinition
from assetbuild.graph.model import Graph
from assetbuild.graph.render.excerpt import Excerpt, excerpt_of
from assetbuild.graph.render.layout import BOX_HEIGHT, Box, Layout, lay_out

__all__ = ["as_svg"]

_LONGEST = 40  # Characters of a key that are shown; the tooltip holds all.
_LEGEND_HEIGHT = 34.0
_SHEET = 3.5
_STATUSES = ("fresh", "stale", "missing", "pending")
_GROUP_COLOURS = ("#4c78a8", "#e8853d", "#54a24b", "#b279a2", "#c9a227", "#3fa7a0", "#d6616b", "#8c6d5a")
_NARROW = frozenset("ijlt.,:;'|!I[]()")
_WIDE = frozenset("mwMW@%")

# The dark colours come last: where '@media' is not understood, the light ones hold.
_STYLE = """
text{font:13px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:#1f2328}
.paper{fill:#fff}.box{fill:#fff;stroke:#ccd3db}.source .box{fill:#f3f5f7;stroke-dasharray:4 3}
.prefix,.note,.legend{fill:#68727d}.note,.legend{font-size:11px}
.edge{fill:none;stroke:#9aa5b1;stroke-width:1.3}.order{stroke-dasharray:4 4}.tip{fill:#9aa5b1}
.node:hover .box{stroke:#4c78a8;stroke-width:2}.edge:hover{stroke:#4c78a8;stroke-width:2.5}
.fresh{fill:#2da44e}.stale{fill:#d9a514}.missing{fill:#cf4a3f}.pending{fill:#4a86e8}
@media (prefers-color-scheme:dark){
text{fill:#e6edf3}.paper{fill:#0d1117}.box{fill:#161b22;stroke:#3d444d}.source .box{fill:#0d1117}
.prefix,.note,.legend{fill:#9198a1}.edge{stroke:#59636e}.tip{fill:#59636e}
.node:hover .box,.edge:hover{stroke:#79aee8}}
"""
_TIP = """<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
<path class="tip" d="M0 .8 7.5 4 0 7.2Z"/></marker></defs>"""
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_svg(graph: Graph, keys: Collection[str], statuses: Mapping[str, str] | None = None) -> str:
    """Return the text of an SVG file: sources left, final assets right."""
    excerpt = excerpt_of(graph, keys)
    statuses = {key: status for key, status in (statuses or {}).items() if key in set(excerpt.nodes)}
    edges = excerpt.edges()
    widths = {key: _box_width(excerpt, key) for key in excerpt.nodes}
    layout = lay_out(excerpt.nodes, list(edges), widths)
    counted = Counter(statuses.values())
    legend = [(status, counted[status]) for status in _STATUSES if counted[status]]
    width = max(layout.width, 48.0 + 96.0 * len(legend), 160.0)
    height = layout.height + (_LEGEND_HEIGHT if legend else 0.0)
    size = f'width="{_n(width)}" height="{_n(height)}" viewBox="0 0 {_n(width)} {_n(height)}"'
    label = f"{_count(len(excerpt.assets), 'asset')}, {_count(len(excerpt.sources), 'source')}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {size} aria-label="{label}">',
        f"<style>{_STYLE}</style>",
        _TIP,
        '<rect class="paper" width="100%" height="100%"/>',
        *_edges(edges, layout),
        *_nodes(excerpt, layout, statuses),
        *_legend(legend, layout.height),
    ]
    if not excerpt.nodes:
        lines.append('<text class="note" x="24" y="28">no assets</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"


def _edges(edges: Mapping[tuple[str, str], bool], layout: Layout) -> Iterator[str]:
    for (up, down), loaded in edges.items():
        points = layout.edges[up, down]
        (x, y), *rest = points
        path = f"M{_n(x)} {_n(y)}"
        for at, (to_x, to_y) in enumerate(rest):
            if at % 2 == 1 or y == to_y:  # Inside a column the edge runs level.
                path += f"H{_n(to_x)}"
            else:
                middle = _n((x + to_x) / 2)
                path += f"C{middle} {_n(y)} {middle} {_n(to_y)} {_n(to_x)} {_n(to_y)}"
            x, y = to_x, to_y
        kind = "edge" if loaded else "edge order"
        title = _text(f"{up} → {down}" + ("" if loaded else " (order only)"))
        yield f'<path class="{kind}" d="{path}" marker-end="url(#tip)"><title>{title}</title></path>'


def _nodes(excerpt: Excerpt, layout: Layout, statuses: Mapping[str, str]) -> Iterator[str]:
    colours: dict[str, str] = {}
    for key in excerpt.nodes:
        box, said, status = layout.boxes[key], excerpt.declared(key), statuses.get(key)
        kind = "source" if isinstance(said, SourceDefinition) else "asset"
        yield f'<g class="node {kind}"><title>{_text(_tooltip(excerpt, key, status))}</title>'
        place = f'x="{_n(box.x)}" y="{_n(box.y)}" width="{_n(box.width)}" height="{_n(BOX_HEIGHT)}"'
        if excerpt.partitions(key) is not None:  # A second sheet behind the first.
            behind = f'x="{_n(box.x + _SHEET)}" y="{_n(box.y + _SHEET)}"'
            yield f'<rect class="box" {behind} width="{_n(box.width)}" height="{_n(BOX_HEIGHT)}" rx="7"/>'
        yield f'<rect class="box" {place} rx="7"/>'
        if said.group is not None:
            colour = colours.setdefault(said.group, _GROUP_COLOURS[len(colours) % len(_GROUP_COLOURS)])
            yield _stripe(box, colour)
        note = _note(excerpt, key)
        middle = box.y + BOX_HEIGHT / 2
        prefix, name = _shown(key)
        tspan = f'<tspan class="prefix">{_text(prefix)}</tspan>' if prefix else ""
        yield f'<text x="{_n(box.x + 15)}" y="{_n(middle - 2 if note else middle + 4.5)}">{tspan}{_text(name)}</text>'
        if note:
            yield f'<text class="note" x="{_n(box.x + 15)}" y="{_n(middle + 13)}">{_text(note)}</text>'
        if status in _STATUSES:
            yield f'<circle class="{status}" cx="{_n(box.x + box.width - 13)}" cy="{_n(middle)}" r="4.5"/>'
        yield "</g>"


def _legend(counted: list[tuple[str, int]], top: float) -> Iterator[str]:
    for at, (status, count) in enumerate(counted):
        x = 30.0 + 96.0 * at
        yield f'<circle class="{status}" cx="{_n(x)}" cy="{_n(top + 8)}" r="4.5"/>'
        yield f'<text class="legend" x="{_n(x + 10)}" y="{_n(top + 12)}">{count} {status}</text>'


def _stripe(box: Box, colour: str) -> str:
    x, y, high = _n(box.x), _n(box.y + 7), _n(BOX_HEIGHT - 14)
    return f'<path fill="{colour}" d="M{x} {y}a7 7 0 0 1 6-6.9v{_n(BOX_HEIGHT - 0.2)}a7 7 0 0 1-6-6.9v-{high}Z"/>'


def _tooltip(excerpt: Excerpt, key: str, status: str | None) -> str:
    said = excerpt.declared(key)
    facts = [status or "", f"group {said.group}" if said.group else ""]
    facts += [f"{name}={value}" if value else name for name, value in said.tags.items()]
    facts += said.owners
    lines = [key, " · ".join(fact for fact in facts if fact), excerpt.partitions(key) or "", said.description or ""]
    return "\n".join(line for line in lines if line)


def _note(excerpt: Excerpt, key: str) -> str:
    """Return the small second line of a box: where a source lies, or the group of an asset."""
    said = excerpt.declared(key)
    if isinstance(said, SourceDefinition):
        return _shortened(said.path or "observed")
    return _shortened(said.group or "")


def _shown(key: str) -> tuple[str, str]:
    prefix, slash, name = _shortened(key).rpartition("/")
    return prefix + slash, name


def _shortened(text: str) -> str:
    # The end of a key or path says more than its beginning.
    return text if len(text) <= _LONGEST else "…" + text[1 - _LONGEST :]


def _box_width(excerpt: Excerpt, key: str) -> float:
    note = 0.85 * _text_width(_note(excerpt, key))
    return max(96.0, 44.0 + max(_text_width("".join(_shown(key))), note))


def _text_width(text: str) -> float:
    # Fonts differ between readers: this is about what the widest of the list above needs at 13 pixels.
    width = 0.0
    for character in text:
        if unicodedata.east_asian_width(character) in "WF":
            width += 13.5
        else:
            width += 4.6 if character in _NARROW else 12.0 if character in _WIDE else 7.9
    return width


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _text(text: str) -> str:
    return escape(_NOT_XML.sub("\ufffd", text))


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
