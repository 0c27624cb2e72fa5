"""Property: a selection means what plain set algebra over the transitive closure says, for any expression and graph."""

from __future__ import annotations

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from assetbuild.errors import UsageError
from assetbuild.graph.selection import select
from tests.graph.small_graphs import graph_of

SIZE = 8
KEYS = [f"k{at}" for at in range(SIZE)]
SOURCES = ["s0", "s1"]
GROUPS = {key: "even" if at % 2 == 0 else "odd" for at, key in enumerate(KEYS)}


@st.composite
def graphs(draw):
    upstream = {}
    for at, key in enumerate(KEYS):
        candidates = SOURCES + KEYS[:at]
        upstream[key] = draw(st.lists(st.sampled_from(candidates), unique=True, max_size=3))
    return upstream


def expressions():
    """Return strategies of (text, meaning): a meaning takes the naive model and gives a set."""
    names = st.sampled_from(KEYS + SOURCES).map(lambda key: (key, lambda _: {key}))
    groups = st.sampled_from(["even", "odd"]).map(
        lambda group: (f"group:{group}", lambda _: {key for key in KEYS if GROUPS[key] == group})
    )
    leaves = names | groups | st.just(("*", lambda _: set(KEYS))) | st.just(('key:"k*"', lambda _: set(KEYS)))
    return st.recursive(leaves, _grown, max_leaves=8)


def _grown(inner):
    levels = st.sampled_from([0, 1, 2, None])
    return st.one_of(
        st.builds(_negated, inner),
        st.builds(_joined, inner, inner, st.sampled_from(["and", "or", "AND", "Or"])),
        st.builds(_around, inner, levels, levels),
        st.builds(_edge, inner, st.sampled_from(["roots", "sinks"])),
    )


def _negated(inner):
    text, meaning = inner
    return f"not ({text})", lambda model: set(KEYS) - meaning(model)


def _joined(left, right, word):
    texts = f"({left[0]}) {word} ({right[0]})"
    if word.lower() == "and":
        return texts, lambda model: left[1](model) & right[1](model)
    return texts, lambda model: left[1](model) | right[1](model)


def _around(inner, up, down):
    text = f"({inner[0]})"
    if up != 0:
        text = f"{'' if up is None else up}+{text}"
    if down != 0:
        text = f"{text}+{'' if down is None else down}"

    def meaning(model):
        keys = inner[1](model)
        far = SIZE + 1
        above = {a for a, b, distance in model if b in keys and distance <= (far if up is None else up)}
        below = {b for a, b, distance in model if a in keys and distance <= (far if down is None else down)}
        return keys | above | below

    return text, meaning


def _edge(inner, function):
    def meaning(model):
        keys = inner[1](model) & set(KEYS)
        if function == "roots":
            return keys - {b for a, b, _ in model if a in keys}
        return keys - {a for a, b, _ in model if b in keys}

    return f"{function}({inner[0]})", meaning


def pairs(upstream):
    """Return every (a, b, distance): b lies downstream of a, so many edges away at the least."""
    distance = {(up, key): 1 for key, ups in upstream.items() for up in ups}
    for middle in KEYS:
        for (a, b), first in list(distance.items()):
            for (c, d), second in list(distance.items()):
                if b == c == middle:
                    distance[a, d] = min(distance.get((a, d), SIZE), first + second)
    return {(a, b, length) for (a, b), length in distance.items()}


@settings(deadline=None)
@given(graphs(), expressions())
def test_an_expression_means_what_set_algebra_says(upstream, expression):
    text, meaning = expression
    graph = graph_of(upstream, sources=SOURCES, said={key: {"group": group} for key, group in GROUPS.items()})
    assert select(graph, [text]) == meaning(pairs(upstream)) & set(KEYS)


@settings(deadline=None)
@given(graphs(), st.lists(st.text(alphabet='k01+()" :andorts*\\', max_size=12), max_size=3))
def test_any_text_is_a_selection_or_a_usage_error(upstream, texts):
    graph = graph_of(upstream, sources=SOURCES)
    with contextlib.suppress(UsageError):
        assert select(graph, texts) <= set(KEYS)
