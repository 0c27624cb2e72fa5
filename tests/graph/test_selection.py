"""Selections: what each form of the grammar means, and what is said when it means nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from assetbuild.errors import UsageError
from assetbuild.graph.evaluation import CHANGES, STATUSES
from assetbuild.graph.selection import Verdict, select
from assetbuild.plan.model import CauseKind, Status
from tests.graph.small_graphs import graph_of, shop

SHOP = shop()
EVERYTHING = set(SHOP.assets)


def selected(*selections, **keywords):
    return set(select(SHOP, selections, **keywords))


def refused(*selections, graph=SHOP, **keywords):
    with pytest.raises(UsageError) as caught:
        select(graph, selections, **keywords)
    return str(caught.value)


def test_no_selection_means_all_assets():
    assert selected() == EVERYTHING


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("orders", {"orders"}),
        ("raw/orders", {"raw/orders"}),
        ('"price list"', {"price list"}),
        ("'price list'", {"price list"}),
        ("price list", {"price list"}),
        ('key:"price list"', {"price list"}),
        ("key:raw/orders", {"raw/orders"}),
        ("*", EVERYTHING),
        ("raw/*", {"raw/orders", "raw/prices"}),
        ('key:"raw/*"', {"raw/orders", "raw/prices"}),
        ("*ices", {"raw/prices", "prices"}),
        ("*r*s", {"raw/orders", "raw/prices", "orders", "prices"}),
    ],
)
def test_keys_and_patterns_over_keys(text, keys):
    assert selected(text) == keys


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("+totals", {"totals", "orders", "prices", "raw/orders", "raw/prices"}),
        ("1+totals", {"totals", "orders", "prices"}),
        ("0+totals", {"totals"}),
        ("99+totals", {"totals", "orders", "prices", "raw/orders", "raw/prices"}),
        ("prices+", {"prices", "price list", "totals", "report"}),
        ("prices+1", {"prices", "price list", "totals"}),
        ("1+prices+1", {"raw/prices", "prices", "price list", "totals"}),
        ("+prices+", {"raw/prices", "prices", "price list", "totals", "report"}),
        ("1 + prices + 1", {"raw/prices", "prices", "price list", "totals"}),
        ("(orders or prices)+1", {"orders", "prices", "totals", "price list"}),
        ("raw/*+1", {"raw/orders", "raw/prices", "orders", "prices"}),
        ('+"price list"', {"price list", "prices", "raw/prices"}),
    ],
)
def test_traversals(text, keys):
    assert selected(text) == keys


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("group:raw", {"raw/orders", "raw/prices"}),
        ("group:ra*", {"raw/orders", "raw/prices"}),
        ("GROUP:raw", {"raw/orders", "raw/prices"}),
        ("tag:team", {"raw/orders", "raw/prices", "orders"}),
        ("tag:team=ops", {"raw/orders", "orders"}),
        ('tag:"team"="ops"', {"raw/orders", "orders"}),
        ('tag:team="ops"', {"raw/orders", "orders"}),
        ("tag:*=yes", {"raw/orders"}),
        ("owner:team:data", {"report"}),
        ("owner:ana@*", {"report"}),
        ("kind:duckdb", {"orders"}),
        ("group:raw+1", {"raw/orders", "raw/prices", "orders", "prices"}),
    ],
)
def test_attributes(text, keys):
    assert selected(text) == keys


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("orders or prices and totals", {"orders"}),
        ("(orders or prices) and totals", set()),
        ("not orders and group:raw", {"raw/orders", "raw/prices"}),
        ("not (orders or group:raw)", {"prices", "price list", "totals", "report"}),
        ("not not orders", {"orders"}),
        ("NOT group:raw AND +totals Or report", {"orders", "prices", "totals", "report"}),
        ("+totals and not +prices", {"totals", "orders", "raw/orders"}),
        ("orders+ and +report", {"orders", "totals", "report"}),
    ],
)
def test_and_binds_tighter_than_or_and_not_tightest(text, keys):
    assert selected(text) == keys


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("roots(*)", {"raw/orders", "raw/prices"}),
        ("sinks(*)", {"price list", "report"}),
        ("roots(orders+)", {"orders"}),
        ("sinks(+totals)", {"totals"}),
        ("roots(raw/orders or report)", {"raw/orders"}),
        ("sinks (raw/orders or report)", {"report"}),
        ("roots(prices or totals)+1", {"prices", "price list", "totals"}),
    ],
)
def test_roots_and_sinks_are_relative_to_the_selection(text, keys):
    assert selected(text) == keys


def test_several_selections_are_united():
    assert selected("orders", "1+prices") == {"orders", "raw/prices", "prices"}


def test_a_source_is_no_asset_but_its_downstream_is():
    assert selected("orders_csv") == set()
    assert selected("orders_csv+1") == {"raw/orders"}
    assert selected("not orders_csv") == EVERYTHING


def test_keys_with_signs_and_unicode_can_be_named():
    graph = graph_of(
        {"größe": [], "2020_sales": [], "a+b": [], "x.y-z": [], "and": [], "date=1": [], 'q"t': [], "a:b": []}
    )
    for text in ("größe", "2020_sales", "x.y-z", "date=1", "a+b", "a:b", 'q"t', "and", '"a+b"', 'key:"a+b"', '"and"'):
        assert len(select(graph, [text])) == 1
    assert select(graph, ["gro\u0308\u00dfe"]) == {"größe"}
    assert select(graph, [r'"q\"t"']) == {'q"t'}
    assert select(graph, ["+2020_sales+1"]) == {"2020_sales"}


def test_status_and_changed_ask_for_verdicts_once():
    asked = []

    def verdicts():
        asked.append(1)
        return {
            "raw/orders": Verdict(frozenset({"fresh"}), frozenset()),
            "orders": Verdict(frozenset({"stale"}), frozenset({"code", "config"})),
            "totals": Verdict(frozenset({"pending"}), frozenset({"upstream"})),
            "report": Verdict(frozenset({"missing"}), frozenset({"missing"})),
        }

    def found(text):
        return selected(text, verdicts=verdicts)

    assert found("orders") == {"orders"}
    assert asked == []
    assert found("status:stale or status:missing") == {"orders", "report"}
    assert len(asked) == 1
    assert found("status:fresh") == {"raw/orders"}
    assert found("status:pending") == {"totals"}
    assert found("changed:") == found("changed:any") == {"orders", "report"}
    assert found("changed: and not report") == {"orders"}
    assert found("changed:config") == {"orders"}
    assert found("changed:env") == set()
    assert found("changed:upstream") == {"totals"}
    assert found("changed:code+1") == {"orders", "totals"}


def test_an_unknown_name_is_pointed_at_with_the_closest():
    assert refused("+totls and group:raw") == (
        "selection 'totls' matches no asset\n"
        "  in        +totls and group:raw\n"
        "             ^^^^^\n"
        "  declared  orders, orders_csv, price list, prices, prices_csv, raw/orders, raw/prices, report and 1 more\n"
        "  closest   totals\n"
        "Select 'totals', or see all with 'assetbuild list'."
    )


@pytest.mark.parametrize(
    ("text", "closest"),
    [
        ("raw", "raw/*"),
        ("ordrs", "orders"),
        ("group:rew", "group:raw"),
        ("tag:teem", "tag:team"),
        ("tag:team=opps", "tag:team=ops"),
        ("kind:duckbd", "kind:duckdb"),
    ],
)
def test_the_closest_is_offered(text, closest):
    assert re.search(rf"^  closest +{re.escape(closest)}$", refused(text), re.MULTILINE)


@pytest.mark.parametrize(
    "text", ["nothing/*", "group:zzz", "tag:zzz", "owner:zzz", "orders or zzz", "not zzz", 'key:"q*"']
)
def test_matching_nothing_is_refused_wherever_it_stands(text):
    assert "matches no asset" in refused(text)


def test_every_problem_of_every_selection_is_reported():
    message = refused("zzz or orders or yyy", "a and", "group:none")
    assert message.count("matches no asset") == 3
    assert message.count("cannot be read") == 1


@pytest.mark.parametrize(
    ("text", "what", "carets"),
    [
        ("", "it is empty", "^"),
        ("orders and", "an asset is missing after 'and'", "          ^"),
        ("and orders", "an asset is missing here", "^^^"),
        ("orders prices", "'prices' was not expected after 'orders'", "       ^^^^^^"),
        ("(orders", "the parenthesis is never closed", "^"),
        ("orders)", "this parenthesis closes nothing", "      ^"),
        ("()", "an asset is missing after '('", " ^"),
        ('"orders', "the quotation mark is never closed", "^^^^^^^"),
        ("++orders", "an asset is missing after '+'", " ^"),
        ("orders+2x", "'2x' was not expected after '+'", "       ^^"),
        ("sink(orders)", "there is no function 'sink'", "^^^^"),
        ("grup:raw", "there is no attribute 'grup'", "^^^^^"),
        ("group: raw", "'group:' has no value", "^^^^^^"),
        ("表 and grup:raw", "there is no attribute 'grup'", "       ^^^^^"),
        ("(" * 60 + "orders" + ")" * 60, "more than 50 parentheses are open", " " * 50 + "^"),
    ],
)
def test_what_cannot_be_read_is_pointed_at(text, what, carets):
    lines = refused(text).split("\n")
    assert lines[0] == f"selection {text!r} cannot be read: {what}"
    assert next(line for line in lines[1:] if "^" in line)[len("  at  ") :].lstrip() == carets.lstrip()
    assert lines[-1][-1] in ".:"


def test_the_caret_stands_under_its_place():
    lines = refused("orders and grup:raw").split("\n")
    assert lines[1].index("grup") == lines[2].index("^^^^^")


@pytest.mark.parametrize(("text", "closest"), [("status:stall", "status:stale"), ("changed:codes", "changed:code")])
def test_an_unknown_status_or_change_names_the_closest(text, closest):
    message = refused(text, verdicts=dict)
    assert closest in message
    assert "known" in message


def test_status_is_refused_where_there_is_no_plan():
    assert "'status:' cannot be used here" in refused("status:stale")


def test_long_chains_and_long_selections_need_no_stack():
    size = 20_000
    chain = graph_of({f"a{at}": [f"a{at - 1}"] if at else [] for at in range(size)})
    assert len(select(chain, ["+a19999"])) == size
    assert select(chain, ["roots(*) or sinks(*)"]) == {"a0", "a19999"}
    assert len(select(chain, [" or ".join(f"a{at}" for at in range(5_000))])) == 5_000
    assert len(select(chain, ["not " * 5_000 + "a1"])) == 1


PAGE = (Path(__file__).parents[2] / "docs/reference/selection.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `([^`]+)` \| .* \| ([^|`]+) \|$", PAGE, re.MULTILINE)


def test_the_page_has_examples():
    assert len(ROWS) > 25


@pytest.mark.parametrize(("text", "keys"), ROWS)
def test_every_example_of_the_page_selects_what_it_says(text, keys):
    assert selected(text) == set(keys.split(", "))


def test_the_message_on_the_page_is_the_real_one():
    assert refused("+totls and group:raw") in PAGE


def test_every_status_and_every_cause_of_a_plan_can_be_selected():
    assert get_args(Status) == STATUSES
    assert ("any", *get_args(CauseKind)) == CHANGES
