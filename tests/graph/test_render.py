"""Renderings of the graph: golden text for tree, Mermaid and JSON; for SVG, what must hold of every picture."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st

from assetbuild.declare.partitions import Static
from assetbuild.graph.render import as_json, as_mermaid, as_svg, as_tree
from assetbuild.graph.render.layout import BOX_HEIGHT, lay_out
from tests.graph.small_graphs import graph_of, shop

ROOT = Path(__file__).parents[2]
SHOP = shop()
STATUSES = {"orders": "stale", "prices": "fresh", "totals": "pending", "report": "missing"}
SVG = "{http://www.w3.org/2000/svg}"


def texts(svg, kind):
    return ["".join(element.itertext()) for element in ET.fromstring(svg).iter(f"{SVG}{kind}")]


def test_the_tree_opens_each_asset_once():
    assert as_tree(SHOP, SHOP.assets, STATUSES) == (
        "price list\n"
        "└── prices  (fresh)\n"
        "    └── raw/prices\n"
        "        └── prices_csv  (source)\n"
        "report  (missing)\n"
        "└── totals  (pending)\n"
        "    ├── orders  (stale)\n"
        "    │   └── raw/orders\n"
        "    │       └── orders_csv  (source)\n"
        "    └── prices  (fresh, above)\n"
    )


def test_the_tree_of_a_selection_shows_its_own_sources():
    assert as_tree(SHOP, {"orders", "raw/orders"}) == "orders\n└── raw/orders\n    └── orders_csv  (source)\n"


def test_a_deep_branch_goes_on_below():
    chain = graph_of({f"a{at}": [f"a{at - 1}"] if at else [] for at in range(60)})
    lines = as_tree(chain, chain.assets).splitlines()
    assert lines[24].endswith("── a35  (below)")
    assert lines[25:27] == ["a35", "└── a34"]
    assert len(lines) == 62


def test_mermaid_shows_groups_sources_and_statuses():
    assert as_mermaid(SHOP, SHOP.assets, STATUSES) == (
        "flowchart LR\n"
        '  n1[("prices_csv")]\n'
        '  n4("orders")\n'
        '  n5("prices")\n'
        '  n6("price list")\n'
        '  n7("totals")\n'
        '  n8("report")\n'
        '  subgraph g1["raw"]\n'
        '    n0[("orders_csv")]\n'
        '    n2("raw/orders")\n'
        '    n3("raw/prices")\n'
        "  end\n"
        "  n0 --> n2\n"
        "  n1 --> n3\n"
        "  n2 --> n4\n"
        "  n3 --> n5\n"
        "  n5 --> n6\n"
        "  n4 --> n7\n"
        "  n5 --> n7\n"
        "  n7 --> n8\n"
        "  classDef fresh fill:#dcf5e3,stroke:#1a7f37,color:#0b3d1a\n"
        "  class n5 fresh\n"
        "  classDef stale fill:#fff3cd,stroke:#b7791f,color:#4d3200\n"
        "  class n4 stale\n"
        "  classDef missing fill:#fde2e1,stroke:#c0362c,color:#5c130d\n"
        "  class n8 missing\n"
        "  classDef pending fill:#e0ecff,stroke:#2f6fde,color:#0d2c66\n"
        "  class n7 pending\n"
    )


def test_mermaid_escapes_what_it_would_read_as_its_own():
    graph = graph_of({'a"b#<`c': []})
    assert as_mermaid(graph, graph.assets) == 'flowchart LR\n  n0("a#34;b#35;#60;#96;c")\n'


def test_json_lists_nodes_and_edges_in_topological_order():
    assert as_json(SHOP, {"raw/orders", "orders"}, STATUSES) == {
        "nodes": [
            {
                "key": "orders_csv",
                "kind": "source",
                "group": "raw",
                "tags": {},
                "owners": [],
                "description": None,
                "io_manager": None,
                "status": None,
                "partitions": None,
            },
            {
                "key": "raw/orders",
                "kind": "asset",
                "group": "raw",
                "tags": {"team": "ops", "pii": "yes"},
                "owners": [],
                "description": None,
                "io_manager": None,
                "status": None,
                "partitions": None,
            },
            {
                "key": "orders",
                "kind": "asset",
                "group": None,
                "tags": {"team": "ops"},
                "owners": [],
                "description": None,
                "io_manager": "duckdb",
                "status": "stale",
                "partitions": None,
            },
        ],
        "edges": [
            {"upstream": "orders_csv", "downstream": "raw/orders", "parameter": "orders_csv"},
            {"upstream": "raw/orders", "downstream": "orders", "parameter": "orders"},
        ],
    }


def test_svg_holds_every_key_edge_and_status():
    svg = as_svg(SHOP, SHOP.assets, STATUSES)
    titles = texts(svg, "title")
    assert {title.split("\n")[0] for title in titles} >= {*SHOP.assets, *SHOP.sources}
    assert "totals → report" in titles
    assert "orders\nstale · team=ops" in titles
    assert {"1 fresh", "1 stale", "1 missing", "1 pending"} <= set(texts(svg, "text"))
    assert 'aria-label="7 assets, 2 sources"' in svg
    assert "prefers-color-scheme:dark" in svg


def test_partitioned_assets_are_marked():
    graph = graph_of({"days": [], "sum": ["days"]}, partitions={"days": Static(["a", "b"])})
    assert as_tree(graph, graph.assets, {"days": "stale"}) == "sum\n└── days  (partitioned, stale)\n"
    assert '  n0[["days"]]\n  n1("sum")\n' in as_mermaid(graph, graph.assets)
    assert [node["partitions"] for node in as_json(graph, graph.assets)["nodes"]] == ["Static(a, b)", None]
    svg = as_svg(graph, graph.assets)
    assert svg.count('<rect class="box"') == 3
    assert "days\nStatic(a, b)" in texts(svg, "title")


def test_svg_escapes_and_drops_what_xml_forbids():
    graph = graph_of(
        {'<a href="x">&</a>': []}, said={'<a href="x">&</a>': {"description": "bell \x07 <b>", "group": "<g>"}}
    )
    assert texts(as_svg(graph, graph.assets), "title") == ['<a href="x">&</a>\ngroup <g>\nbell \ufffd <b>']


def test_svg_of_nothing_says_so():
    assert texts(as_svg(SHOP, ()), "text") == ["no assets"]


def test_a_long_key_is_shortened_but_whole_in_the_tooltip():
    key = "warehouse/" + "a" * 60
    svg = as_svg(graph_of({key: []}), [key])
    assert texts(svg, "text") == ["…" + "a" * 39]
    assert texts(svg, "title") == [key]


def test_svg_is_the_same_under_every_hash_seed():
    program = (
        "from tests.graph.small_graphs import shop; from assetbuild.graph.render import as_svg;"
        "graph = shop(); print(as_svg(graph, set(graph.assets)))"
    )
    outputs = set()
    for seed in ("0", "1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        outputs.add(subprocess.check_output([sys.executable, "-c", program], cwd=ROOT, env=environment))
    assert len(outputs) == 1


def test_five_thousand_assets_can_be_drawn():
    keys = [f"k{at}" for at in range(5_000)]
    graph = graph_of({key: [keys[at // 2], keys[at // 3]] if at > 3 else [] for at, key in enumerate(keys)})
    assert as_svg(graph, graph.assets).count('class="box"') == 5_000
    assert as_tree(graph, graph.assets).count("\n") > 5_000


@st.composite
def layered_graphs(draw):
    size = draw(st.integers(1, 14))
    pairs = [(up, down) for down in range(size) for up in range(down)]
    edges = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=25)) if pairs else []
    return [f"n{at}" for at in range(size)], [(f"n{up}", f"n{down}") for up, down in edges]


@settings(deadline=None)
@given(layered_graphs())
def test_boxes_never_overlap_and_edges_go_right(graph):
    nodes, edges = graph
    layout = lay_out(nodes, edges, dict.fromkeys(nodes, 100.0))
    for one, other in itertools.combinations(layout.boxes.values(), 2):
        assert one.x != other.x or abs(one.y - other.y) > BOX_HEIGHT
    for up, down in edges:
        xs = [x for x, _ in layout.edges[up, down]]
        assert xs == sorted(xs)
        assert xs[0] == layout.boxes[up].x + layout.boxes[up].width
        assert xs[-1] == layout.boxes[down].x
    for box in layout.boxes.values():
        assert 0 < box.x < layout.width - box.width
        assert 0 < box.y < layout.height - BOX_HEIGHT


def test_a_graph_that_can_be_drawn_without_crossings_is():
    nodes = ["a1", "b1", "a2", "b2", "a3", "b3"]
    edges = [("a1", "b2"), ("b1", "a2"), ("a2", "b3"), ("b2", "a3")]
    boxes = lay_out(nodes, edges, dict.fromkeys(nodes, 100.0)).boxes
    assert (boxes["a1"].y < boxes["b1"].y) == (boxes["b2"].y < boxes["a2"].y) == (boxes["a3"].y < boxes["b3"].y)
